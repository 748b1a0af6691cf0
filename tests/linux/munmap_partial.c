// SPDX-License-Identifier: MIT
// munmap of parts: front, back, middle, several areas at once; the rest keeps its data.
#include "check.h"

static void map_of(const char *what, char *base, int pages) {
    char line[32] = "";
    for (int i = 0; i < pages; i++) {
        line[i] =
            strcmp(probe(base + i * PAGE, false), "ok") == 0 ? (char)('A' + base[i * PAGE]) : '.';
    }
    say("%s: %s", what, line);
}
int main(void) {
    constexpr int N = 16;
    char *base =
        mmap(nullptr, N * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < N; i++) {
        base[i * PAGE] = (char)i;
    }
    map_of("whole", base, N);
    V(munmap(base, PAGE));
    map_of("front", base, N);
    V(munmap(base + 14 * PAGE, 2 * PAGE));
    map_of("back", base, N);
    V(munmap(base + 5 * PAGE, 2 * PAGE));
    map_of("middle", base, N);
    V(munmap(base + 3 * PAGE, 8 * PAGE));
    map_of("over a hole", base, N);
    V(munmap(base, 16 * PAGE));
    map_of("all", base, N);
    V(munmap(base, 16 * PAGE));
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    for (int i = 0; i < N; i++) {
        char page[PAGE] = {(char)i};
        MUST(write(fd, page, PAGE));
    }
    base = mmap(nullptr, N * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    V(munmap(base + 4 * PAGE, 4 * PAGE));
    map_of("file", base, N);
    base[8 * PAGE] = 25;
    char c;
    MUST(pread(fd, &c, 1, 8 * PAGE));
    say("behind the hole the offset is right: %c", 'A' + c);
    T(mmap(base + 4 * PAGE, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 15 * PAGE) ==
      base + 4 * PAGE);
    map_of("other part in the hole", base, N);
    return 0;
}
