// SPDX-License-Identifier: MIT
// FIFOs: who waits for whom, end of file, EPIPE, O_RDWR.
#include "check.h"

int main(void) {
    MUST(mkfifo("p", 0600));
    int done[2];
    MUST(pipe(done));
    pid_t child = MUST(fork());
    if (child == 0) {
        int w = MUST(open("p", O_WRONLY));
        MUST(write(w, "through", 7));
        close(w);
        await_token(done);
        w = MUST(open("p", O_WRONLY));
        MUST(write(w, "again", 5));
        _exit(0);
    }
    await_state(child, 'S');
    char b[32] = "";
    int r = MUST(open("p", O_RDONLY));
    V(read(r, b, sizeof b));
    say("%s", b);
    pass_token(done);
    struct pollfd wait_data = {r, POLLIN, 0};
    do {
        poll(&wait_data, 1, -1);
    } while ((wait_data.revents & POLLIN) == 0);
    memset(b, 0, sizeof b);
    V(read(r, b, sizeof b));
    say("%s", b);
    reap("writer", child);
    V(read(r, b, sizeof b));
    close(r);
    r = MUST(open("p", O_RDONLY | O_NONBLOCK));
    V(read(r, b, 1));
    int w = MUST(open("p", O_WRONLY | O_NONBLOCK));
    E(read(r, b, 1));
    close(r);
    signal(SIGPIPE, SIG_IGN);
    E(write(w, "x", 1));
    close(w);
    int both = MUST(open("p", O_RDWR));
    V(write(both, "self", 4));
    V(read(both, b, 2));
    close(both);
    r = MUST(open("p", O_RDONLY | O_NONBLOCK));
    E(lseek(r, 0, SEEK_SET));
    close(r);
    child = MUST(fork());
    if (child == 0) {
        signal(SIGUSR1, SIG_DFL);
        open("p", O_WRONLY);
        _exit(1);
    }
    await_state(child, 'S');
    kill(child, SIGKILL);
    reap("killed while it waited", child);
    unlink("p");
    return 0;
}
