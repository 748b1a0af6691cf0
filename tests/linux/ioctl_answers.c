// SPDX-License-Identifier: MIT
// ioctl: what is no terminal says ENOTTY; FIONREAD of files and pipes.
#include "check.h"
#include <termios.h>
int main(void) {
    struct termios t;
    struct winsize w;
    int n = -1;
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    MUST(write(fd, "123456", 6));
    E(ioctl(fd, TCGETS, &t));
    E(ioctl(fd, TIOCGWINSZ, &w));
    E(ioctl(fd, 0x12345678, &w));
    T(isatty(fd) == 0 && errno == ENOTTY);
    MUST(lseek(fd, 2, SEEK_SET));
    V(ioctl(fd, FIONREAD, &n));
    V(n);
    int dir = MUST(open(".", O_RDONLY));
    E(ioctl(dir, TCGETS, &t));
    int null = MUST(open("/dev/null", O_RDWR));
    E(ioctl(null, TCGETS, &t));
    int p[2];
    MUST(pipe(p));
    E(ioctl(p[0], TCGETS, &t));
    MUST(write(p[1], "abc", 3));
    V(ioctl(p[0], FIONREAD, &n));
    V(n);
    E(ioctl(99, TCGETS, &t));
    E(ioctl(p[0], FIONREAD, 8));
    E(tcgetpgrp(fd));
    E(tcsetpgrp(fd, getpgrp()));
    // A session without a terminal has no /dev/tty.
    IN_CHILD("session", MUST(setsid()); E(open("/dev/tty", O_RDWR)));
    return 0;
}
