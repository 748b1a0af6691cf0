// SPDX-License-Identifier: MIT
// fcntl: flags that can and cannot change, pipe size, unknown commands.
#include "check.h"

int main(void) {
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    constexpr int shown = O_ACCMODE | O_APPEND | O_NONBLOCK;
    say("%#x", fcntl(fd, F_GETFL) & shown);
    V(fcntl(fd, F_SETFL, O_WRONLY | O_APPEND));
    say("%#x", fcntl(fd, F_GETFL) & shown);
    V(fcntl(fd, F_SETFL, O_NONBLOCK | O_CREAT | O_TRUNC));
    say("%#x", fcntl(fd, F_GETFL) & (shown | O_CREAT | O_TRUNC));
    V(fcntl(fd, F_SETFL, 0));
    say("%#x", fcntl(fd, F_GETFL) & shown);
    V(fcntl(fd, F_GETFD));
    V(fcntl(fd, F_SETFD, FD_CLOEXEC));
    V(fcntl(fd, F_GETFD));
    V(fcntl(fd, F_SETFD, 0));
    V(fcntl(fd, F_GETFD));
    E(fcntl(99, F_GETFD));
    E(fcntl(fd, 9999, 0));
    int p[2];
    MUST(pipe2(p, O_NONBLOCK | O_CLOEXEC));
    say("pipe: %#x %d", fcntl(p[1], F_GETFL) & shown, fcntl(p[1], F_GETFD));
    V(fcntl(p[0], F_GETPIPE_SZ));
    E(fcntl(fd, F_GETPIPE_SZ));
    E(pipe2(p, 0x4000000));
    E(pipe((int *)8));
    int one = 1;
    V(ioctl(fd, FIONBIO, &one));
    say("%#x", fcntl(fd, F_GETFL) & shown);
    V(ioctl(fd, FIOCLEX));
    V(fcntl(fd, F_GETFD));
    V(ioctl(fd, FIONCLEX));
    V(fcntl(fd, F_GETFD));
    return 0;
}
