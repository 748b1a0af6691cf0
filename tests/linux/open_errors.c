// SPDX-License-Identifier: MIT
// open(2): the error of each bad request.
#include "check.h"

int main(void) {
    put_file("file", "x");
    MUST(mkdir("dir", 0755));
    MUST(symlink("loop", "loop"));
    MUST(symlink("nowhere", "dangling"));
    MUST(symlink("file", "link"));
    E(open("absent", O_RDONLY));
    E(open("absent/below", O_RDONLY | O_CREAT, 0644));
    E(open("", O_RDONLY));
    E(open("file/below", O_RDONLY));
    E(open("file/", O_RDONLY));
    E(open("dir", O_WRONLY));
    E(open("dir", O_RDWR));
    E(open("dir", O_RDONLY | O_CREAT, 0644));
    E(open("dir", O_RDONLY | O_CREAT | O_EXCL, 0644));
    E(open("new/", O_WRONLY | O_CREAT, 0644));
    E(open("file", O_RDONLY | O_DIRECTORY));
    E(open("loop", O_RDONLY));
    E(open("dangling", O_RDONLY));
    E(open("dangling", O_WRONLY | O_CREAT | O_EXCL, 0644));
    E(open("link", O_RDONLY | O_NOFOLLOW));
    E(open("link", O_RDONLY | O_NOFOLLOW | O_DIRECTORY));
    E(open("dangling", O_WRONLY | O_CREAT, 0644));
    say("created through the link: %d", access("nowhere", F_OK));
    E(openat(-1, "file", O_RDONLY));
    E(openat(AT_FDCWD, "file", O_RDONLY));
    int file = MUST(open("file", O_RDONLY));
    E(openat(file, "x", O_RDONLY));
    E(open((char *)1, O_RDONLY));
    E(close(999));
    MUST(mkfifo("fifo", 0644));
    E(open("fifo", O_WRONLY | O_NONBLOCK));
    struct rlimit old;
    getrlimit(RLIMIT_NOFILE, &old);
    struct rlimit low = {16, old.rlim_max};
    setrlimit(RLIMIT_NOFILE, &low);
    int fd = 0;
    while (fd >= 0) {
        fd = open("file", O_RDONLY);
    }
    say("table full: %s", error_name(errno));
    return 0;
}
