// SPDX-License-Identifier: MIT
// Directory listings: all names with small and with large buffers, types, . and .., errors.
#include "check.h"

static int count(size_t size) {
    alignas(8) static char buffer[32768];
    int fd = MUST(open("many", O_RDONLY | O_DIRECTORY));
    int total = 0;
    long n;
    while ((n = syscall(SYS_getdents64, fd, buffer, size)) > 0) {
        for (long at = 0; at < n; total++) {
            at += ((struct dirent *)(void *)(buffer + at))->d_reclen;
        }
    }
    close(fd);
    return n < 0 ? -errno : total;
}
int main(void) {
    MUST(mkdir("many", 0755));
    for (int i = 0; i < 300; i++) {
        char name[300];
        snprintf(name, sizeof name, "many/%0*d", 1 + i % 200, i);
        put_file(name, "");
    }
    say("%d %d %d %d", count(300), count(1024), count(4096), count(32768));
    say("too small: %s", error_name(-count(16)));
    MUST(mkdir("kinds", 0755));
    put_file("kinds/file", "");
    MUST(mkdir("kinds/dir", 0755));
    MUST(symlink("x", "kinds/link"));
    MUST(mkfifo("kinds/fifo", 0600));
    DIR *dir = opendir("kinds");
    bool found[16] = {};
    struct dirent *d;
    while ((d = readdir(dir)) != nullptr) {
        struct stat st;
        char path[300];
        snprintf(path, sizeof path, "kinds/%s", d->d_name);
        MUST(lstat(path, &st));
        bool same = d->d_ino == st.st_ino || strcmp(d->d_name, "..") == 0;
        found[d->d_type & 15] |= same && d->d_type == IFTODT(st.st_mode);
    }
    say("file %d dir %d link %d fifo %d", found[DT_REG], found[DT_DIR], found[DT_LNK],
        found[DT_FIFO]);
    rewinddir(dir);
    int total = 0;
    long second = 0;
    char second_name[256] = "";
    while ((d = readdir(dir)) != nullptr) {
        if (++total == 2) {
            second = telldir(dir);
        } else if (total == 3) {
            strcpy(second_name, d->d_name);
        }
    }
    say("again: %d", total);
    seekdir(dir, second);
    d = readdir(dir);
    T(d != nullptr && strcmp(d->d_name, second_name) == 0);
    int file = MUST(open("kinds/file", O_RDONLY));
    char b[256];
    E(syscall(SYS_getdents64, file, b, sizeof b));
    E(syscall(SYS_getdents64, -1, b, sizeof b));
    MUST(mkdir("gone", 0755));
    int gone = MUST(open("gone", O_RDONLY));
    MUST(rmdir("gone"));
    E(syscall(SYS_getdents64, gone, b, sizeof b));
    return 0;
}
