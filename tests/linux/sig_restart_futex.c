// SPDX-License-Identifier: MIT
// futex waits and signals: EINTR without, restart with SA_RESTART; a timed wait does not restart.
#include "check.h"

static volatile sig_atomic_t hits;
static void handler(int sig) {
    (void)sig;
    hits++;
}
int main(void) {
    _Atomic int *word =
        mmap(nullptr, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct timespec long_time = {100, 0};
    for (int timed = 0; timed < 2; timed++) {
        for (int restart = 0; restart < 2; restart++) {
            *word = 0;
            pid_t child = MUST(fork());
            if (child == 0) {
                handle(SIGUSR1, handler, restart != 0 ? SA_RESTART : 0);
                errno = 0;
                long r = syscall(SYS_futex, word, FUTEX_WAIT, 0, timed != 0 ? &long_time : nullptr,
                                 nullptr, 0);
                say("%s %s: %s, hits %d", timed != 0 ? "timed" : "forever",
                    restart != 0 ? "restart" : "plain", r == 0 ? "woken" : error_name(errno), hits);
                _exit(0);
            }
            await_state(child, 'S');
            kill(child, SIGUSR1);
            await_calm(child);
            *word = 1;
            long woken = syscall(SYS_futex, word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
            if (restart == 0) {
                say("woken: %ld", woken);
            }
            // Whoever was between two waits sees the new value.
            reap("waiter", child);
        }
    }
    return 0;
}
