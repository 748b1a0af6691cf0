// SPDX-License-Identifier: MIT
// open(2): what each flag does to a new and to an old file.
#include "check.h"

int main(void) {
    int fd = MUST(open("a", O_RDWR | O_CREAT | O_EXCL, 0640));
    V(write(fd, "hello", 5));
    close(fd);
    E(open("a", O_RDWR | O_CREAT | O_EXCL, 0640));
    fd = MUST(open("a", O_RDONLY));
    E(write(fd, "x", 1));
    char c[8] = "";
    V(read(fd, c, 8));
    say("read: %.5s", c);
    close(fd);
    fd = MUST(open("a", O_WRONLY));
    E(read(fd, c, 1));
    V(write(fd, "J", 1));
    close(fd);
    say("overwritten: %s", file_text("a"));
    fd = MUST(open("a", O_WRONLY | O_APPEND));
    V(lseek(fd, 0, SEEK_SET));
    V(write(fd, "!", 1));
    V(lseek(fd, 0, SEEK_CUR));
    close(fd);
    say("appended: %s", file_text("a"));
    fd = MUST(open("a", O_RDWR | O_TRUNC));
    V(lseek(fd, 0, SEEK_END));
    say("flags: %#x", fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK | O_TRUNC));
    close(fd);
    MUST(mkdir("d", 0755));
    fd = MUST(open("d", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    say("cloexec: %d", fcntl(fd, F_GETFD));
    E(read(fd, c, 1));
    close(fd);
    fd = MUST(open("a", O_PATH));
    E(read(fd, c, 1));
    E(syscall(SYS_fchmod, fd, 0600));
    struct stat st;
    E(fstat(fd, &st));
    close(fd);
    // The lowest free number is taken.
    int low = MUST(open("a", O_RDONLY));
    int next = MUST(open("a", O_RDONLY));
    close(low);
    T(open("a", O_RDONLY) == low);
    T(next == low + 1);
    return 0;
}
