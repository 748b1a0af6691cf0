// SPDX-License-Identifier: MIT
// dup, dup2, dup3, F_DUPFD: numbers, flags, shared positions.
#include "check.h"

int main(void) {
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    MUST(write(fd, "abcdef", 6));
    int copy = MUST(dup(fd));
    T(copy == fd + 1);
    MUST(lseek(copy, 1, SEEK_SET));
    V(lseek(fd, 0, SEEK_CUR));
    V(dup2(fd, 20));
    V(dup2(fd, fd) == fd);
    V(lseek(20, 2, SEEK_SET));
    V(lseek(fd, 0, SEEK_CUR));
    E(dup(99));
    E(dup2(99, 5));
    E(dup2(fd, -1));
    E(syscall(SYS_dup3, fd, fd, 0));
    E(syscall(SYS_dup3, fd, 21, 0x1234567));
    V(dup3(fd, 21, O_CLOEXEC));
    V(fcntl(21, F_GETFD));
    V(fcntl(20, F_GETFD));
    V(fcntl(fd, F_DUPFD, 10));
    V(fcntl(fd, F_DUPFD, 10));
    V(fcntl(fd, F_DUPFD_CLOEXEC, 255));
    V(fcntl(255, F_GETFD));
    E(fcntl(fd, F_DUPFD, -1));
    E(fcntl(fd, F_DUPFD, 1 << 30));
    V(fcntl(fd, F_SETFD, FD_CLOEXEC));
    V(fcntl(copy, F_GETFD));
    // Status flags belong to the open file, so both see them.
    V(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK));
    say("copy: %#x", fcntl(copy, F_GETFL) & (O_APPEND | O_NONBLOCK | O_ACCMODE));
    int other = MUST(open("f", O_WRONLY));
    V(dup2(other, copy) == copy);
    say("replaced: %#x", fcntl(copy, F_GETFL) & (O_APPEND | O_NONBLOCK | O_ACCMODE));
    close(fd);
    E(lseek(fd, 0, SEEK_CUR));
    V(lseek(20, 0, SEEK_CUR));
    struct rlimit limit = {64, 64};
    MUST(setrlimit(RLIMIT_NOFILE, &limit));
    E(dup2(20, 64));
    E(fcntl(20, F_DUPFD, 64));
    V(dup2(20, 63));
    return 0;
}
