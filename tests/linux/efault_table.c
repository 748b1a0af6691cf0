// SPDX-License-Identifier: MIT
// Bad pointers: each call says EFAULT and the process goes on.
#include "check.h"
#include <sys/sysinfo.h>
#define BAD(call, ...)                                                                             \
    say(#call ": %s",                                                                              \
        (errno = 0, syscall(SYS_##call, __VA_ARGS__)) == -1 ? error_name(errno) : "no error")
int main(void) {
    put_file("f", "0123456789");
    long fd = MUST(open("f", O_RDWR));
    int pipes[2];
    MUST(pipe(pipes));
    MUST(write(pipes[1], "0123456789", 10));
    char *page =
        mmap(nullptr, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *read_only = mmap(nullptr, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page + PAGE, PAGE);
    char *edge = page + PAGE;
    long bad[] = {8, (long)edge, (long)0xffffffff80000000, (long)0x8000000000000000, -4096};
    for (int i = 0; i < 5; i++) {
        say("-- address kind %d", i);
        long p = bad[i];
        BAD(read, fd, p, 4L);
        BAD(write, fd, p, 4L);
        BAD(pread64, fd, p, 4L, 0L);
        BAD(read, (long)pipes[0], p, 4L);
        BAD(openat, (long)AT_FDCWD, p, 0L, 0L);
        BAD(newfstatat, (long)AT_FDCWD, "f", p, 0L);
        BAD(newfstatat, (long)AT_FDCWD, p, page, 0L);
        BAD(getcwd, p, 100L);
        BAD(readlink, "/proc/self/exe", p, 100L);
        BAD(pipe2, p, 0L);
        BAD(rt_sigaction, 10L, p, nullptr, 8L);
        BAD(rt_sigprocmask, 0L, p, nullptr, 8L);
        BAD(nanosleep, p, nullptr);
        BAD(clock_gettime, 1L, p);
        BAD(poll, p, 1L, 0L);
        BAD(uname, p);
        BAD(sysinfo, p);
        BAD(prlimit64, 0L, 7L, nullptr, p);
        BAD(getrandom, p, 8L, 0L);
        BAD(execve, p, nullptr, nullptr);
        BAD(mkdir, p, 0L);
        BAD(rename, "f", p);
        BAD(statfs, "f", p);
        BAD(wait4, -1L, p, 0L, nullptr);
        BAD(futex, p, 0L, 0L, nullptr, nullptr, 0L);
        BAD(utimensat, (long)AT_FDCWD, "f", p, 0L);
        BAD(rt_sigtimedwait, p, nullptr, nullptr, 8L);
        BAD(sigaltstack, p, nullptr);
        BAD(fcntl, fd, (long)F_GETLK, p);
    }
    // A string or buffer that runs over the end of what is mapped.
    memset(edge - 4, 'a', 4);
    BAD(openat, (long)AT_FDCWD, edge - 4, 0L, 0L);
    BAD(write, fd, edge - 4, 8L);
    V(lseek((int)fd, 0, SEEK_SET));
    V(read((int)fd, edge - 4, 4));
    BAD(read, fd, read_only, 4L);
    BAD(clock_gettime, 1L, read_only);
    V(write((int)fd, read_only, 4));
    say("alive");
    return 0;
}
