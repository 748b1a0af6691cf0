// SPDX-License-Identifier: MIT
// madvise: DONTNEED gives zeros or the file again; other advice, errors; msync.
#include "check.h"

int main(void) {
    char *map = mmap(nullptr, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(map, 'x', 8 * PAGE);
    V(madvise(map + 2 * PAGE, 3 * PAGE, MADV_DONTNEED));
    say("%c %d %d %c", map[2 * PAGE - 1], map[2 * PAGE], map[5 * PAGE - 1], map[5 * PAGE]);
    map[3 * PAGE] = 'y';
    say("%c %d", map[3 * PAGE], map[3 * PAGE + 1]);
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    char page[PAGE];
    memset(page, 'f', PAGE);
    MUST(write(fd, page, PAGE));
    char *private = mmap(nullptr, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    private[0] = 'p';
    V(madvise(private, PAGE, MADV_DONTNEED));
    say("private: %c", private[0]);
    char *shared = mmap(nullptr, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    shared[0] = 's';
    V(madvise(shared, PAGE, MADV_DONTNEED));
    say("shared: %c", shared[0]);
    V(madvise(map, PAGE, MADV_NORMAL));
    V(madvise(map, PAGE, MADV_WILLNEED));
    V(madvise(map, PAGE, MADV_SEQUENTIAL));
    V(madvise(map, PAGE, MADV_RANDOM));
    V(madvise(map, 0, MADV_DONTNEED));
    E(madvise(map + 1, PAGE, MADV_DONTNEED));
    E(madvise(map, PAGE, 9999));
    munmap(map + PAGE, PAGE);
    E(madvise(map, 3 * PAGE, MADV_DONTNEED));
    say("around the hole: %d %d", map[0], map[2 * PAGE]);
    V(msync(shared, PAGE, MS_SYNC));
    E(msync(shared + 1, PAGE, MS_SYNC));
    E(msync(map, 3 * PAGE, MS_SYNC));
    E(msync(shared, PAGE, MS_SYNC | MS_ASYNC));
    IN_CHILD("child", map[0] = 'c'; MUST(madvise(map, PAGE, MADV_DONTNEED));
             say("child: %d", map[0]));
    return 0;
}
