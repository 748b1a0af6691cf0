// SPDX-License-Identifier: MIT
// Direct system calls: newfstatat with AT_EMPTY_PATH, openat, the *at family, pipe2, dup3.
#include "check.h"
#include <sys/sysmacros.h>
int main(void) {
    MUST(mkdir("d", 0755));
    int dir = MUST(open("d", O_RDONLY | O_DIRECTORY));
    int fd = MUST(syscall(SYS_openat, dir, "f", O_RDWR | O_CREAT, 0644));
    MUST(write(fd, "123", 3));
    struct stat st;
    V(syscall(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH));
    V(st.st_size);
    E(syscall(SYS_newfstatat, fd, "", &st, 0));
    V(syscall(SYS_newfstatat, AT_FDCWD, "", &st, AT_EMPTY_PATH));
    T(S_ISDIR(st.st_mode));
    V(syscall(SYS_newfstatat, dir, "f", &st, 0));
    V(syscall(SYS_newfstatat, 12345, "/dev/null", &st, 0));
    E(syscall(SYS_newfstatat, dir, "f", &st, 0x40000000));
    E(syscall(SYS_newfstatat, fd, "x", &st, 0));
    MUST(symlink("f", "d/s"));
    V(syscall(SYS_newfstatat, dir, "s", &st, AT_SYMLINK_NOFOLLOW));
    T(S_ISLNK(st.st_mode));
    V(mkdirat(dir, "sub", 0755));
    E(unlinkat(dir, "sub", 0));
    E(unlinkat(dir, "f", AT_REMOVEDIR));
    V(unlinkat(dir, "sub", AT_REMOVEDIR));
    E(unlinkat(dir, "f", 0x40000000));
    V(renameat(dir, "f", AT_FDCWD, "g"));
    V(linkat(AT_FDCWD, "g", dir, "h", 0));
    V(symlinkat("h", dir, "t"));
    char b[8] = "";
    V(readlinkat(dir, "t", b, sizeof b));
    V(syscall(SYS_faccessat, dir, "h", R_OK));
    V(fchmodat(dir, "h", 0600, 0));
    V(fchownat(dir, "t", 3, 3, AT_SYMLINK_NOFOLLOW));
    V(fstatat(dir, "t", &st, AT_SYMLINK_NOFOLLOW));
    V(st.st_uid);
    V(mknodat(dir, "fifo", S_IFIFO | 0600, 0));
    V(mknodat(dir, "zero", S_IFCHR | 0600, makedev(1, 5)));
    E(mkdirat(fd, "x", 0755));
    E(mkdirat(-1, "x", 0755));
    int p[2];
    V(syscall(SYS_pipe2, p, O_NONBLOCK));
    V(syscall(SYS_dup3, p[0], 50, 0));
    E(read(50, b, 1));
    return 0;
}
