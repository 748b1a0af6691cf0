// SPDX-License-Identifier: MIT
// mprotect splits and joins areas: each page obeys its own rights.
#include "check.h"

static void map_of(const char *what, char *base, int pages) {
    char line[32] = "";
    for (int i = 0; i < pages; i++) {
        const char *r = probe(base + i * PAGE, false);
        const char *w = strcmp(r, "ok") == 0 ? probe(base + i * PAGE, true) : r;
        line[i] = strcmp(r, "SIGSEGV MAPERR") == 0 ? '.'
                  : strcmp(r, "ok") != 0           ? '-'
                  : strcmp(w, "ok") != 0           ? 'r'
                                                   : 'w';
    }
    say("%s: %s", what, line);
}
int main(void) {
    constexpr int N = 12;
    char *base =
        mmap(nullptr, N * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < N; i++) {
        base[i * PAGE + 7] = (char)(i + 1);
    }
    map_of("all", base, N);
    V(mprotect(base + 3 * PAGE, 2 * PAGE, PROT_READ));
    map_of("middle", base, N);
    V(mprotect(base, PAGE, PROT_NONE));
    map_of("first", base, N);
    V(mprotect(base + 4 * PAGE, 6 * PAGE, PROT_NONE));
    map_of("across", base, N);
    V(munmap(base + 6 * PAGE, PAGE));
    map_of("hole", base, N);
    E(mprotect(base + 5 * PAGE, 3 * PAGE, PROT_READ));
    map_of("over the hole", base, N);
    V(mprotect(base, 6 * PAGE, PROT_READ | PROT_WRITE));
    V(mprotect(base + 7 * PAGE, 5 * PAGE, PROT_READ | PROT_WRITE));
    map_of("joined", base, N);
    int wrong = 0;
    for (int i = 0; i < N; i++) {
        wrong += i != 6 && base[i * PAGE + 7] != (char)(i + 1);
    }
    say("wrong: %d", wrong);
    E(syscall(SYS_mprotect, base + 1, PAGE, PROT_READ));
    V(mprotect(base, 0, PROT_NONE));
    E(mprotect(base + 6 * PAGE, PAGE, PROT_READ));
    E(mprotect(base, PAGE, 0x1000));
    V(mprotect(base, 100, PROT_READ));
    map_of("a length is rounded up", base, 2);
    // Rights of a forked child are its own.
    IN_CHILD("child", MUST(mprotect(base + PAGE, PAGE, PROT_NONE)); map_of("child", base, 3));
    map_of("parent", base, 3);
    // Many areas: every second page.
    char *many = mmap(nullptr, 2000 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 2000; i += 2) {
        MUST(mprotect(many + i * PAGE, PAGE, PROT_READ | PROT_WRITE));
    }
    wrong = 0;
    for (int i = 0; i < 2000; i += 37) {
        wrong += (strcmp(probe(many + i * PAGE, true), "ok") == 0) != (i % 2 == 0);
    }
    say("wrong: %d", wrong);
    return 0;
}
