// SPDX-License-Identifier: MIT
// chmod, fchmod, umask, and the bits that survive.
#include "check.h"

static void mode(const char *path) {
    struct stat st;
    MUST(lstat(path, &st));
    say("%s has mode %o", path, st.st_mode);
}
int main(void) {
    umask(0);
    say("umask was %o", umask(027));
    say("umask was %o", umask(01777));
    say("umask was %o", umask(027));
    close(MUST(open("f", O_CREAT | O_WRONLY, 0666)));
    mode("f");
    MUST(mkdir("d", 0777));
    mode("d");
    umask(0);
    close(MUST(open("all", O_CREAT | O_WRONLY, 07777)));
    mode("all");
    V(chmod("f", 0));
    mode("f");
    V(chmod("f", 06755));
    mode("f");
    V(chmod("f", 0170644));
    mode("f");
    int fd = MUST(open("f", O_RDONLY));
    V(fchmod(fd, 0400));
    mode("f");
    MUST(symlink("f", "s"));
    V(chmod("s", 0600));
    mode("f");
    mode("s");
    E(chmod("none", 0600));
    E(chmod("f/x", 0600));
    E(fchmod(-1, 0600));
    // An open descriptor keeps the rights it was opened with.
    int rw = MUST(open("f", O_RDWR));
    MUST(chmod("f", 0));
    V(write(rw, "x", 1));
    V(mkfifo("p", 0644));
    mode("p");
    V(mknod("c", S_IFCHR | 0600, 0x103));
    struct stat st;
    stat("c", &st);
    say("device %lx mode %o", (long)st.st_rdev, st.st_mode);
    E(mknod("c", S_IFCHR | 0600, 0x103));
    V(mknod("r", S_IFREG | 0640, 0));
    mode("r");
    return 0;
}
