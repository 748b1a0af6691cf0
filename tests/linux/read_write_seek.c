// SPDX-License-Identifier: MIT
// read, write, lseek: positions, ends of files, wrong arguments.
#include "check.h"

int main(void) {
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    V(write(fd, "0123456789", 10));
    V(lseek(fd, 3, SEEK_SET));
    char b[16] = "";
    V(read(fd, b, 4));
    say("got %s", b);
    V(lseek(fd, -2, SEEK_CUR));
    V(lseek(fd, -1, SEEK_END));
    V(read(fd, b, 16));
    say("last %c", b[0]);
    V(read(fd, b, 16));
    V(lseek(fd, 5, SEEK_END));
    V(read(fd, b, 1));
    V(lseek(fd, 0, SEEK_CUR));
    E(lseek(fd, -1, SEEK_SET));
    E(lseek(fd, -100, SEEK_CUR));
    E(lseek(fd, 0, 99));
    V(write(fd, "", 0));
    V(lseek(fd, 0, SEEK_END));
    V(lseek(fd, 12, SEEK_SET));
    V(write(fd, "Z", 1));
    V(lseek(fd, 0, SEEK_SET));
    V(read(fd, b, 16));
    for (int i = 9; i < 13; i++) {
        say("byte %d is %d", i, b[i]);
    }
    E(write(-1, "x", 1));
    E(read(99, b, 1));
    E(write(fd, (void *)8, 4));
    V(write(fd, nullptr, 0));
    int other = MUST(open("f", O_RDONLY));
    V(lseek(other, 0, SEEK_CUR));
    MUST(lseek(fd, 7, SEEK_SET));
    V(lseek(other, 0, SEEK_CUR));
    int copy = dup(fd);
    V(lseek(copy, 0, SEEK_CUR));
    // A large file goes through in one call.
    static char big[300000];
    memset(big, 'q', sizeof big);
    V(pwrite(fd, big, sizeof big, 0));
    memset(big, 0, sizeof big);
    V(pread(fd, big, sizeof big, 0));
    T(big[0] == 'q' && big[299999] == 'q');
    return 0;
}
