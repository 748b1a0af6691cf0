// SPDX-License-Identifier: MIT
// Random reads, writes and truncations of one file against a copy in memory.
#include "check.h"

static unsigned long long seed = 20260601;
static unsigned next(unsigned below) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(seed >> 33) % below;
}
int main(void) {
    constexpr unsigned MAX = 300000;
    char *model = calloc(1, MAX);
    static char buffer[20000];
    unsigned size = 0;
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    int wrong = 0;
    for (int round = 0; round < 1500; round++) {
        unsigned what = next(10);
        unsigned at = next(MAX - 20000);
        unsigned length = 1 + next(what == 0 ? 19999 : 3000);
        if (what < 4) {
            memset(buffer, round, length);
            MUST(pwrite(fd, buffer, length, at) == length ? 0 : -1);
            memset(model + at, round, length);
            size = at + length > size ? at + length : size;
        } else if (what < 8) {
            ssize_t expected = at >= size ? 0 : size - at < length ? size - at : length;
            ssize_t n = pread(fd, buffer, length, at);
            wrong += n != expected || memcmp(buffer, model + at, n > 0 ? n : 0) != 0;
        } else if (what == 8) {
            MUST(ftruncate(fd, at));
            if (at < size) {
                memset(model + at, 0, size - at);
            }
            size = at;
        } else {
            unsigned pages = (size + PAGE - 1) / PAGE;
            if (pages > 0) {
                unsigned page = next(pages);
                char *map =
                    mmap(nullptr, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, page * PAGE);
                unsigned inside = size - page * PAGE < PAGE ? size - page * PAGE : PAGE;
                wrong += memcmp(map, model + page * PAGE, inside) != 0;
                map[inside / 2] = model[page * PAGE + inside / 2] = (char)round;
                munmap(map, PAGE);
            }
            if (round % 50 == 0) {
                MUST(fsync(fd));
            }
        }
    }
    struct stat st;
    fstat(fd, &st);
    say("wrong %d, size right %d", wrong, st.st_size == size);
    close(fd);
    fd = MUST(open("f", O_RDONLY));
    char *all = malloc(MAX);
    T(read(fd, all, MAX) == size && memcmp(all, model, size) == 0);
    return 0;
}
