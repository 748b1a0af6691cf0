// SPDX-License-Identifier: MIT
// Anonymous and private mappings: zeros, hints, protection, sizes, errors.
#include "check.h"

int main(void) {
    size_t length = 1 << 20;
    char *map = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int wrong = 0;
    for (size_t i = 0; i < length; i += 512) {
        wrong += map[i] != 0;
        map[i] = (char)(i / 512);
    }
    for (size_t i = 0; i < length; i += 512) {
        wrong += map[i] != (char)(i / 512);
    }
    say("wrong %d, aligned %d", wrong, ((uintptr_t)map & (PAGE - 1)) == 0);
    V(munmap(map, length));
    PROBE_R(map + 5000);
    char *again = mmap(map, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    T(again == map);
    say("zero again: %d", again[512]);
    // A gigabyte nobody touches costs nothing.
    char *huge =
        mmap(nullptr, 1UL << 32, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    T(huge != MAP_FAILED);
    PROBE_R(huge + (1UL << 31));
    V(mprotect(huge + (1UL << 31), PAGE, PROT_READ | PROT_WRITE));
    PROBE_W(huge + (1UL << 31));
    PROBE_R(huge + (1UL << 31) + PAGE);
    V(munmap(huge, 1UL << 32));
    T(mmap(nullptr, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED &&
      errno == EINVAL);
    T(mmap(nullptr, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EINVAL);
    T(mmap(nullptr, 1UL << 62, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED &&
      errno == ENOMEM);
    T(mmap(nullptr, PAGE, PROT_READ, MAP_PRIVATE, -1, 0) == MAP_FAILED && errno == EBADF);
    T(mmap((void *)(map + 1), PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
          MAP_FAILED &&
      errno == EINVAL);
    int fd = MUST(open("f", O_RDONLY | O_CREAT, 0644));
    T(mmap(nullptr, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED &&
      errno == EACCES);
    T(syscall(SYS_mmap, nullptr, PAGE, PROT_READ, MAP_SHARED, fd, 100) == -1 && errno == EINVAL);
    int wo = MUST(open("f", O_WRONLY));
    T(mmap(nullptr, PAGE, PROT_READ, MAP_PRIVATE, wo, 0) == MAP_FAILED && errno == EACCES);
    int dir = MUST(open(".", O_RDONLY));
    T(mmap(nullptr, PAGE, PROT_READ, MAP_PRIVATE, dir, 0) == MAP_FAILED && errno == ENODEV);
    E(munmap(map + 1, PAGE));
    E(munmap(map, 0));
    V(munmap(map, length));
    V(munmap(map, length));
    char *written = mmap(nullptr, PAGE, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    PROBE_W(written);
    char *none = mmap(nullptr, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    PROBE_R(none);
    return 0;
}
