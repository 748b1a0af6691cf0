// SPDX-License-Identifier: MIT
// MAP_FIXED over old mappings, MAP_FIXED_NOREPLACE, the pattern of a program loader.
#include "check.h"

int main(void) {
    int fd = MUST(open("lib", O_RDWR | O_CREAT, 0644));
    for (int i = 0; i < 5; i++) {
        char page[PAGE];
        memset(page, 'a' + i, PAGE);
        MUST(write(fd, page, PAGE));
    }
    MUST(write(fd, "tail", 4));
    // The whole span first, then its pieces over it, then zeroed memory over the end.
    char *base = mmap(nullptr, 8 * PAGE, PROT_READ, MAP_PRIVATE | MAP_DENYWRITE, fd, 0);
    T(base != MAP_FAILED);
    T(mmap(base + PAGE, 2 * PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, PAGE) ==
      base + PAGE);
    T(mmap(base + 3 * PAGE, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd,
           3 * PAGE) == base + 3 * PAGE);
    T(mmap(base + 6 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0) == base + 6 * PAGE);
    say("%c %c %c %c %c %.4s %d", base[0], base[PAGE], base[2 * PAGE], base[3 * PAGE],
        base[4 * PAGE], base + 5 * PAGE, base[6 * PAGE]);
    memset(base + 5 * PAGE + 4, 0, PAGE - 4);
    base[4 * PAGE] = 'X';
    PROBE_W(base);
    PROBE_W(base + 2 * PAGE);
    PROBE_W(base + 7 * PAGE);
    char c;
    V(pread(fd, &c, 1, 4 * PAGE));
    say("the file keeps %c", c);
    V(mprotect(base + 3 * PAGE, PAGE, PROT_READ));
    PROBE_W(base + 3 * PAGE);
    PROBE_W(base + 4 * PAGE);
    V(munmap(base + PAGE, PAGE));
    PROBE_R(base + PAGE);
    PROBE_R(base + 2 * PAGE);
    T(mmap(base + 2 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
           0) == MAP_FAILED &&
      errno == EEXIST);
    T(mmap(base + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
           0) == base + PAGE);
    say("fresh: %d", base[PAGE]);
    close(fd);
    say("after close: %c", base[2 * PAGE]);
    return 0;
}
