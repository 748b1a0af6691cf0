// SPDX-License-Identifier: MIT
// fallocate: plain, KEEP_SIZE, PUNCH_HOLE, errors.
#include "check.h"

int main(void) {
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    struct stat st;
    V(fallocate(fd, 0, 0, 100000));
    fstat(fd, &st);
    say("size %ld", (long)st.st_size);
    char c = 'x';
    V(pread(fd, &c, 1, 99999));
    say("byte %d", c);
    V(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 200000));
    fstat(fd, &st);
    say("size %ld", (long)st.st_size);
    static char b[32768];
    memset(b, 'z', sizeof b);
    MUST(pwrite(fd, b, sizeof b, 0));
    V(fallocate(fd, 0, 0, 32768));
    MUST(pread(fd, b, sizeof b, 0));
    T(b[0] == 'z' && b[32767] == 'z');
    if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 8192) == 0) {
        MUST(pread(fd, b, sizeof b, 0));
        T(b[4095] == 'z' && b[4096] == 0 && b[12287] == 0 && b[12288] == 'z');
    } else {
        say("punch: %s", error_name(errno));
    }
    E(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 4096));
    E(fallocate(fd, 0, -1, 10));
    E(fallocate(fd, 0, 0, 0));
    E(fallocate(-1, 0, 0, 10));
    int ro = MUST(open("f", O_RDONLY));
    E(fallocate(ro, 0, 0, 10));
    int p[2];
    MUST(pipe(p));
    E(fallocate(p[1], 0, 0, 10));
    return 0;
}
