// SPDX-License-Identifier: MIT
// stat: the fields of each kind of file, device and inode numbers.
#include "check.h"

int main(void) {
    umask(022);
    put_file("f", "12345");
    MUST(mkdir("d", 0755));
    MUST(symlink("f", "s"));
    MUST(mkfifo("p", 0600));
    const char *names[] = {"f", "d", "s", "p", "/dev/null"};
    struct stat st[5];
    for (int i = 0; i < 5; i++) {
        V(lstat(names[i], &st[i]));
        say("%s: mode %o links %ld uid %d gid %d", names[i], st[i].st_mode, (long)st[i].st_nlink,
            (int)st[i].st_uid, (int)st[i].st_gid);
    }
    say("sizes: %ld %ld %ld", (long)st[0].st_size, (long)st[2].st_size, (long)st[3].st_size);
    say("rdev of null: %lx", (long)st[4].st_rdev);
    T(st[0].st_dev == st[1].st_dev && st[1].st_dev == st[2].st_dev);
    T(st[0].st_dev != st[4].st_dev);
    T(st[0].st_ino != st[1].st_ino && st[1].st_ino != st[2].st_ino && st[0].st_ino != 0);
    T(st[0].st_blksize >= 512);
    struct stat by_fd;
    struct stat followed;
    int fd = MUST(open("f", O_RDONLY));
    V(fstat(fd, &by_fd));
    V(stat("s", &followed));
    T(by_fd.st_ino == st[0].st_ino && followed.st_ino == st[0].st_ino);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    T(st[0].st_mtim.tv_sec <= now.tv_sec && st[0].st_mtim.tv_sec > now.tv_sec - 3600);
    E(stat("none", &by_fd));
    E(stat("f/x", &by_fd));
    E(stat("", &by_fd));
    E(fstat(99, &by_fd));
    E(syscall(SYS_newfstatat, AT_FDCWD, "f", 8, 0));
    int pipes[2];
    MUST(pipe(pipes));
    V(fstat(pipes[0], &by_fd));
    say("pipe: mode %o size %ld", by_fd.st_mode & S_IFMT, (long)by_fd.st_size);
    return 0;
}
