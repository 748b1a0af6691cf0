// SPDX-License-Identifier: MIT
// Holes: SEEK_HOLE, SEEK_DATA, zeros, space really used.
#include "check.h"

int main(void) {
    constexpr long MIB = 1 << 20;
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    static char block[65536];
    memset(block, 'd', sizeof block);
    MUST(pwrite(fd, block, sizeof block, 4 * MIB));
    MUST(ftruncate(fd, 8 * MIB));
    V(lseek(fd, 0, SEEK_DATA));
    V(lseek(fd, 0, SEEK_HOLE));
    V(lseek(fd, 4 * MIB, SEEK_HOLE));
    V(lseek(fd, 4 * MIB + 100, SEEK_DATA));
    E(lseek(fd, 5 * MIB, SEEK_DATA));
    V(lseek(fd, 5 * MIB, SEEK_HOLE));
    E(lseek(fd, 8 * MIB, SEEK_HOLE));
    E(lseek(fd, 8 * MIB, SEEK_DATA));
    E(lseek(fd, -1, SEEK_HOLE));
    char c = 'x';
    V(pread(fd, &c, 1, 4 * MIB - 1));
    say("in the hole: %d", c);
    V(pread(fd, &c, 1, 8 * MIB - 1));
    say("at the end: %d", c);
    fsync(fd);
    struct stat st;
    fstat(fd, &st);
    say("size %ld", (long)st.st_size);
    T(st.st_blocks * 512 >= 65536);
    T(st.st_blocks * 512 < MIB);
    put_file("small", "abc");
    int small = MUST(open("small", O_RDONLY));
    V(lseek(small, 0, SEEK_HOLE));
    V(lseek(small, 1, SEEK_DATA));
    E(lseek(small, 3, SEEK_DATA));
    return 0;
}
