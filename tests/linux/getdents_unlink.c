// SPDX-License-Identifier: MIT
// getdents64 while entries vanish and appear: each entry that stays is seen exactly once.
#include "check.h"

static int seen[400];
static int entries;
static int scan(int fd, int limit, bool remove_them) {
    alignas(8) char buffer[600];
    int calls = 0;
    while (calls < limit) {
        long n = syscall(SYS_getdents64, fd, buffer, sizeof buffer);
        if (n <= 0) {
            say("end: %ld", n);
            return calls;
        }
        calls++;
        for (long at = 0; at < n;) {
            struct dirent *d = (void *)(buffer + at);
            at += d->d_reclen;
            int number = -1;
            if (sscanf(d->d_name, "file%d", &number) == 1 && number >= 0 && number < 400) {
                seen[number]++;
                if (remove_them) {
                    MUST(unlink(d->d_name));
                }
            }
            entries++;
        }
    }
    return calls;
}
int main(void) {
    for (int i = 0; i < 400; i++) {
        char name[16];
        snprintf(name, sizeof name, "file%d", i);
        put_file(name, "");
    }
    int fd = MUST(open(".", O_RDONLY | O_DIRECTORY));
    scan(fd, 1000000, true);
    int wrong = 0;
    for (int i = 0; i < 400; i++) {
        wrong += seen[i] != 1;
    }
    say("entries %d, not seen once: %d", entries, wrong);
    entries = 0;
    MUST(lseek(fd, 0, SEEK_SET));
    scan(fd, 1000000, false);
    say("left: %d", entries);
    // Half of the way, then others are removed: none of the remaining ones is lost or doubled.
    for (int i = 0; i < 400; i++) {
        char name[16];
        snprintf(name, sizeof name, "file%d", i);
        put_file(name, "");
        seen[i] = 0;
    }
    MUST(lseek(fd, 0, SEEK_SET));
    scan(fd, 8, false);
    for (int i = 0; i < 400; i += 2) {
        char name[16];
        snprintf(name, sizeof name, "file%d", i);
        MUST(unlink(name));
    }
    scan(fd, 1000000, false);
    wrong = 0;
    for (int i = 1; i < 400; i += 2) {
        wrong += seen[i] != 1;
    }
    say("of the remaining, not seen once: %d", wrong);
    return 0;
}
