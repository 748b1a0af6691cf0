// SPDX-License-Identifier: MIT
// Pipes with O_NONBLOCK: EAGAIN, how much fits, FIONREAD.
#include "check.h"

int main(void) {
    int p[2];
    MUST(pipe2(p, O_NONBLOCK));
    char b[4096];
    E(read(p[0], b, 1));
    memset(b, 'p', sizeof b);
    long total = 0;
    long n;
    while ((n = write(p[1], b, sizeof b)) > 0) {
        total += n;
    }
    say("full after %ld: %s", total, error_name(errno));
    int waiting = 0;
    V(ioctl(p[0], FIONREAD, &waiting));
    V(waiting);
    E(write(p[1], b, 1));
    V(read(p[0], b, 100));
    // A page of room is needed before a whole page fits again.
    E(write(p[1], b, 4096));
    V(read(p[0], b, 3996));
    V(write(p[1], b, 4096));
    total = 0;
    while ((n = read(p[0], b, sizeof b)) > 0) {
        total += n;
    }
    say("emptied %ld: %s", total, error_name(errno));
    ioctl(p[0], FIONREAD, &waiting);
    V(waiting);
    static char big[100000];
    n = write(p[1], big, sizeof big);
    say("big write into an empty pipe: %ld", n);
    close(p[1]);
    total = 0;
    while ((n = read(p[0], big, sizeof big)) > 0) {
        total += n;
    }
    say("read %ld then %ld", total, n);
    E(fcntl(p[0], F_SETPIPE_SZ, 4096) == 4096 ? 0 : -1);
    return 0;
}
