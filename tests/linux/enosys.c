// SPDX-License-Identifier: MIT
// A call that does not exist says ENOSYS; wrong numbers do not harm.
#include "check.h"

int main(void) {
    E(syscall(9999));
    E(syscall(-1));
    E(syscall(400));
    E(syscall(INT_MAX));
    E(syscall(1 << 20));
    // The upper half of the number does not count, the registers survive.
    long r;
    register long r10 __asm__("r10") = 10;
    register long r8 __asm__("r8") = 8;
    register long r9 __asm__("r9") = 9;
    __asm__ volatile("syscall"
                     : "=a"(r), "+r"(r10), "+r"(r8), "+r"(r9)
                     : "a"(9999), "D"(1), "S"(2), "d"(3)
                     : "rcx", "r11", "memory");
    say("%ld %ld %ld %ld", r, r10, r8, r9);
    long a = 1;
    long b = 2;
    long c = 3;
    __asm__ volatile("syscall"
                     : "=a"(r), "+D"(a), "+S"(b), "+d"(c)
                     : "a"(SYS_getppid)
                     : "rcx", "r11", "memory");
    say("%d %ld %ld %ld", r == getppid(), a, b, c);
    // rcx holds the return address, r11 the flags: nothing of the kernel's.
    unsigned long rcx;
    __asm__ volatile("syscall; 1: lea 1b(%%rip), %%rdx; sub %%rdx, %%rcx"
                     : "=c"(rcx), "=a"(r)
                     : "a"(SYS_getpid)
                     : "r11", "rdx", "memory");
    say("rcx - next: %ld", (long)rcx);
    V(getpid() == (pid_t)syscall(SYS_getpid));
    return 0;
}
