// SPDX-License-Identifier: MIT
// mremap: in place, moving, shrinking, contents, errors.
#include "check.h"

int main(void) {
    char *base =
        mmap(nullptr, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 8; i++) {
        base[i * PAGE] = (char)('a' + i);
    }
    T(mremap(base, 8 * PAGE, 4 * PAGE, 0) == base);
    PROBE_R(base + 3 * PAGE);
    PROBE_R(base + 4 * PAGE);
    T(mremap(base, 4 * PAGE, 6 * PAGE, 0) == base);
    say("%c %d", base[3 * PAGE], base[4 * PAGE]);
    T(mmap(base + 6 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
      base + 6 * PAGE);
    T(mremap(base, 6 * PAGE, 7 * PAGE, 0) == MAP_FAILED && errno == ENOMEM);
    char *moved = mremap(base, 6 * PAGE, 512 * PAGE, MREMAP_MAYMOVE);
    T(moved != MAP_FAILED && moved != base);
    say("%c %c %d", moved[0], moved[3 * PAGE], moved[500 * PAGE]);
    PROBE_R(base);
    PROBE_W(moved + 511 * PAGE);
    T(mremap(moved + 1, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED && errno == EINVAL);
    T(mremap(moved, PAGE, 0, MREMAP_MAYMOVE) == MAP_FAILED && errno == EINVAL);
    T(mremap(base, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED && errno == EFAULT);
    T(mremap(moved, PAGE, PAGE, 0x40) == MAP_FAILED && errno == EINVAL);
    // A shared file mapping grows with the file behind it.
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    MUST(ftruncate(fd, 4 * PAGE));
    MUST(pwrite(fd, "third", 5, 2 * PAGE));
    char *file = mmap(nullptr, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    file = mremap(file, PAGE, 4 * PAGE, MREMAP_MAYMOVE);
    say("%s", file + 2 * PAGE);
    char *fixed = mmap(nullptr, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    T(mremap(file, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, fixed) == fixed);
    say("%s", fixed + 2 * PAGE);
    // realloc lives on it.
    char *grown = nullptr;
    for (size_t n = 100000; n < 6000000; n = n * 3 / 2) {
        grown = realloc(grown, n);
        grown[n - 1] = 'e';
        grown[n * 2 / 3 - 1] = n > 100000 ? grown[n * 2 / 3 - 1] : 'e';
    }
    say("realloc: %c", grown[100000 - 1]);
    return 0;
}
