// SPDX-License-Identifier: MIT
// Mapping a file: SIGBUS behind its end, also when it shrinks, none after it grows.
#include "check.h"

int main(void) {
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    MUST(ftruncate(fd, PAGE + 100));
    char *map = mmap(nullptr, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    PROBE_R(map);
    PROBE_W(map + PAGE + 99);
    PROBE_W(map + PAGE + 4000);
    PROBE_R(map + 2 * PAGE);
    PROBE_W(map + 3 * PAGE + 5);
    MUST(ftruncate(fd, 3 * PAGE));
    PROBE_W(map + 2 * PAGE);
    PROBE_R(map + 3 * PAGE);
    map[2 * PAGE] = 'x';
    MUST(ftruncate(fd, PAGE));
    PROBE_R(map + 2 * PAGE);
    PROBE_W(map + PAGE);
    MUST(ftruncate(fd, 3 * PAGE));
    say("grown again: %d", map[2 * PAGE]);
    char *private = mmap(nullptr, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    private[0] = 'p';
    PROBE_W(private + 3 * PAGE);
    MUST(ftruncate(fd, 0));
    PROBE_R(private);
    PROBE_R(private + PAGE);
    // A system call is told EFAULT instead.
    int p[2];
    MUST(pipe(p));
    E(write(p[1], map, 10));
    int zero = MUST(open("/dev/zero", O_RDONLY));
    E(read(zero, map, 10));
    return 0;
}
