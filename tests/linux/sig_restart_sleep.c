// SPDX-License-Identifier: MIT
// Sleeping calls and signals: never restarted after a handler, gone on after a stop.
#include "check.h"

static volatile sig_atomic_t hits;
static void handler(int sig) {
    (void)sig;
    hits++;
}
static void poke(pid_t child, int sig) {
    await_state(child, 'S');
    kill(child, sig);
}
int main(void) {
    for (int restart = 0; restart < 2; restart++) {
        pid_t child = MUST(fork());
        if (child == 0) {
            handle(SIGUSR1, handler, restart != 0 ? SA_RESTART : 0);
            struct timespec t = {100, 0};
            struct timespec left = {};
            E(nanosleep(&t, &left));
            T(left.tv_sec >= 50 && left.tv_sec < 100 && left.tv_nsec >= 0 &&
              left.tv_nsec < 1000000000);
            E(-syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &t, &left) == EINTR ? 0 : -1);
            say("hits %d", hits);
            _exit(0);
        }
        poke(child, SIGUSR1);
        await_calm(child);
        poke(child, SIGUSR1);
        reap("sleeper", child);
    }
    // Stopped and continued without a handler: the sleep goes on and ends in its own time.
    pid_t child = MUST(fork());
    if (child == 0) {
        struct timespec t = {0, 300000000};
        long long start = now_ms();
        E(nanosleep(&t, nullptr));
        T(now_ms() - start >= 299);
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec++;
        start = now_ms();
        E(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr));
        T(now_ms() - start >= 990);
        V(poll(nullptr, 0, 300));
        _exit(0);
    }
    for (int i = 0; i < 4; i++) {
        await_state(child, 'S');
        kill(child, SIGSTOP);
        await_state(child, 'T');
        sleep_ms(20);
        kill(child, SIGCONT);
        sleep_ms(20);
    }
    reap("stopped sleeper", child);
    // An ignored signal does not end a sleep.
    child = MUST(fork());
    if (child == 0) {
        signal(SIGUSR1, SIG_IGN);
        struct timespec t = {0, 200000000};
        E(nanosleep(&t, nullptr));
        _exit(0);
    }
    poke(child, SIGUSR1);
    poke(child, SIGWINCH);
    reap("ignoring sleeper", child);
    return 0;
}
