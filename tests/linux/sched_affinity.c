// SPDX-License-Identifier: MIT
// A program moves itself from CPU to CPU, and a child with it.
#include "check.h"
#include <sched.h>

int main(void) {
    cpu_set_t all, one, now;
    V(sched_getaffinity(0, sizeof all, &all));
    int wrong = 0, moves = 0;
    for (int round = 0; round < 50; round++) {
        for (int cpu = 0; cpu < 64; cpu++) {
            if (!CPU_ISSET(cpu, &all)) {
                continue;
            }
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            wrong += sched_setaffinity(0, sizeof one, &one) != 0;
            wrong += sched_getaffinity(0, sizeof now, &now) != 0 || !CPU_EQUAL(&one, &now);
            unsigned where = 0;
            syscall(SYS_getcpu, &where, nullptr, nullptr);
            wrong += (int)where != cpu;
            moves++;
        }
    }
    say("wrong %d, moved %d", wrong, moves > 0);
    CPU_ZERO(&one);
    E(sched_setaffinity(0, sizeof one, &one));
    E(sched_setaffinity(999999, sizeof all, &all));
    return 0;
}
