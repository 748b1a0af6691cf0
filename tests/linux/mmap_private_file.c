// SPDX-License-Identifier: MIT
// Private mapping of a file: own changes stay private, rights of the descriptor, after unlink.
#include "check.h"

int main(void) {
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    char block[PAGE];
    for (int i = 0; i < 20; i++) {
        memset(block, 'a' + i, PAGE);
        MUST(write(fd, block, PAGE));
    }
    int ro = MUST(open("f", O_RDONLY));
    char *map = mmap(nullptr, 20 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, ro, 0);
    T(map != MAP_FAILED);
    int wrong = 0;
    for (int i = 0; i < 20; i++) {
        wrong += map[i * PAGE] != 'a' + i || map[i * PAGE + 4095] != 'a' + i;
    }
    say("wrong %d", wrong);
    for (int i = 0; i < 20; i += 2) {
        map[i * PAGE + 9] = '*';
    }
    char c;
    MUST(pread(fd, &c, 1, 9));
    say("file %c map %c", c, map[9]);
    char *part = mmap(nullptr, 2 * PAGE, PROT_READ, MAP_PRIVATE, ro, 18 * PAGE);
    say("offset: %c %c", part[0], part[PAGE]);
    char *shared_ro = mmap(nullptr, PAGE, PROT_READ, MAP_SHARED, ro, 0);
    E(mprotect(shared_ro, PAGE, PROT_READ | PROT_WRITE));
    PROBE_W(shared_ro);
    V(unlink("f"));
    close(fd);
    close(ro);
    say("after unlink: %c %c", map[19 * PAGE], part[PAGE + 5]);
    // A program can be run from a mapping of data it wrote itself.
    static const unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3};
    fd = MUST(open("code", O_RDWR | O_CREAT, 0755));
    MUST(write(fd, code, sizeof code));
    int (*function)(void) =
        (int (*)(void))mmap(nullptr, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    say("code from a file: %d", function());
    return 0;
}
