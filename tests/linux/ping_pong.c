// SPDX-License-Identifier: MIT
// Two processes play ping-pong with signals, and with a shared word and futexes.
#include "check.h"

static volatile sig_atomic_t got;
static void handler(int sig) {
    (void)sig;
    got++;
}
int main(void) {
    sigset_t set;
    sigset_t old;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, &old);
    handle(SIGUSR1, handler, 0);
    pid_t parent = getpid();
    pid_t child = MUST(fork());
    if (child == 0) {
        for (int i = 1; i <= 300; i++) {
            while (got < i) {
                sigsuspend(&old);
            }
            kill(parent, SIGUSR1);
        }
        _exit(got == 300 ? 0 : 1);
    }
    for (int i = 1; i <= 300; i++) {
        kill(child, SIGUSR1);
        while (got < i) {
            sigsuspend(&old);
        }
    }
    say("signals %d", got);
    reap("child", child);
    _Atomic int *turn =
        mmap(nullptr, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    child = MUST(fork());
    for (int i = 0; i < 500; i++) {
        int mine = child == 0 ? 1 : 0;
        while (*turn % 2 != mine) {
            syscall(SYS_futex, turn, FUTEX_WAIT, *turn % 2 != mine ? 1 - mine + (*turn & ~1) : -1,
                    nullptr, nullptr, 0);
        }
        (*turn)++;
        syscall(SYS_futex, turn, FUTEX_WAKE, 1, nullptr, nullptr, 0);
    }
    if (child == 0) {
        _exit(0);
    }
    reap("child", child);
    say("turns %d", *turn);
    return 0;
}
