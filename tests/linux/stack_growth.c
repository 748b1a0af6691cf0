// SPDX-License-Identifier: MIT
// The stack grows by itself up to its limit and not beyond.
#include "check.h"

static volatile int sink;
static void deep(size_t bytes) {
    volatile char block[8192];
    for (size_t i = 0; i < sizeof block; i += 512) {
        block[i] = (char)i;
    }
    if (bytes > sizeof block) {
        deep(bytes - sizeof block - 64);
    }
    sink += block[100];
}
int main(int argc, char **argv) {
    if (argc > 1) {
        struct rlimit limit;
        getrlimit(RLIMIT_STACK, &limit);
        V(limit.rlim_cur);
        deep((size_t)atol(argv[1]));
        say("went %s bytes deep", argv[1]);
        return 0;
    }
    struct rlimit limit = {8 << 20, RLIM_INFINITY};
    setrlimit(RLIMIT_STACK, &limit);
    IN_CHILD("7 MB", execl("/proc/self/exe", argv[0], "7000000", nullptr));
    IN_CHILD("9 MB", execl("/proc/self/exe", argv[0], "9000000", nullptr));
    limit.rlim_cur = 1 << 20;
    setrlimit(RLIMIT_STACK, &limit);
    IN_CHILD("900 KB of 1 MB", execl("/proc/self/exe", argv[0], "900000", nullptr));
    IN_CHILD("1.2 MB of 1 MB", execl("/proc/self/exe", argv[0], "1200000", nullptr));
    // One jump far down, still inside the limit, is fine as well.
    limit.rlim_cur = 8 << 20;
    setrlimit(RLIMIT_STACK, &limit);
    volatile char here = 1;
    volatile char *below = (volatile char *)((uintptr_t)&here - (4 << 20));
    *below = 7;
    say("4 MB below: %d", *below);
    return 0;
}
