// SPDX-License-Identifier: MIT
// pread, pwrite, readv, writev.
#include "check.h"

int main(void) {
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    V(pwrite(fd, "abcdef", 6, 2));
    V(lseek(fd, 0, SEEK_CUR));
    char b[16] = "";
    V(pread(fd, b, 3, 4));
    say("%s", b);
    V(pread(fd, b, 3, 100));
    E(pread(fd, b, 3, -1));
    E(pwrite(fd, b, 3, -1));
    int p[2];
    MUST(pipe(p));
    E(pread(p[0], b, 1, 0));
    E(pwrite(p[1], b, 1, 0));
    E(lseek(p[0], 0, SEEK_CUR));
    struct iovec v[3] = {{"one", 3}, {"", 0}, {"two!", 4}};
    V(writev(fd, v, 3));
    char x[4] = "";
    char y[8] = "";
    struct iovec r[2] = {{x, 3}, {y, 7}};
    MUST(lseek(fd, 0, SEEK_SET));
    V(readv(fd, r, 2));
    say("%s|%s", x, y);
    E(writev(fd, v, -1));
    V(writev(fd, v, 0));
    E(writev(fd, v, 1025));
    E(readv(fd, (struct iovec *)8, 1));
    MUST(fcntl(fd, F_SETFL, O_APPEND));
    V(pwrite(fd, "END", 3, 0));
    say("whole: %s", file_text("f") + 7);
    struct stat st;
    fstat(fd, &st);
    say("size %ld", (long)st.st_size);
    return 0;
}
