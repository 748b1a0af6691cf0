// SPDX-License-Identifier: MIT
// utimensat: exact times, NOW, OMIT, links, and what moves the times by itself.
#include "check.h"

static void times_of(const char *path) {
    struct stat st;
    MUST(lstat(path, &st));
    say("%s: a %ld.%09ld m %ld.%09ld", path, (long)st.st_atim.tv_sec, st.st_atim.tv_nsec,
        (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}
static bool after(struct timespec a, struct timespec b) {
    return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec >= b.tv_nsec);
}
int main(void) {
    put_file("f", "x");
    struct timespec t[2] = {{1000000000, 123456789}, {1234567890, 987654321}};
    V(utimensat(AT_FDCWD, "f", t, 0));
    times_of("f");
    t[0].tv_nsec = UTIME_OMIT;
    t[1] = (struct timespec){5, 6};
    V(utimensat(AT_FDCWD, "f", t, 0));
    times_of("f");
    struct stat before;
    struct stat st;
    struct timespec start;
    clock_gettime(CLOCK_REALTIME_COARSE, &start);
    t[0].tv_nsec = UTIME_NOW;
    t[1].tv_nsec = UTIME_OMIT;
    V(utimensat(AT_FDCWD, "f", t, 0));
    stat("f", &st);
    T(after(st.st_atim, start) && st.st_mtim.tv_sec == 5);
    MUST(symlink("f", "s"));
    t[0] = (struct timespec){77, 1};
    t[1] = (struct timespec){88, 2};
    V(utimensat(AT_FDCWD, "s", t, AT_SYMLINK_NOFOLLOW));
    times_of("s");
    int fd = MUST(open("f", O_RDWR));
    V(futimens(fd, t));
    times_of("f");
    T((stat("f", &st), after(st.st_ctim, start)));
    V(utimensat(AT_FDCWD, "f", nullptr, 0));
    T((stat("f", &st), after(st.st_mtim, start)));
    t[0].tv_nsec = 1000000000;
    E(utimensat(AT_FDCWD, "f", t, 0));
    E(utimensat(AT_FDCWD, "none", nullptr, 0));
    E(utimensat(AT_FDCWD, "f", nullptr, 0x8000));
    // Writing moves mtime and ctime; making a name moves those of the directory.
    MUST(mkdir("d", 0755));
    t[0] = t[1] = (struct timespec){99, 0};
    MUST(utimensat(AT_FDCWD, "d", t, 0));
    MUST(futimens(fd, t));
    MUST(write(fd, "y", 1));
    T((stat("f", &st), after(st.st_mtim, start)));
    put_file("d/x", "");
    T((stat("d", &st), after(st.st_mtim, start)));
    MUST(stat("f", &before));
    MUST(chmod("f", 0600));
    MUST(stat("f", &st));
    T(after(st.st_ctim, before.st_ctim) && st.st_mtim.tv_nsec == before.st_mtim.tv_nsec);
    return 0;
}
