// SPDX-License-Identifier: MIT
// sigtimedwait: takes pending signals in order, times out, gives up for other handlers.
#include "check.h"

static void handler(int sig) { (void)sig; }
int main(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    siginfo_t info;
    struct timespec zero = {};
    struct timespec brief = {0, 30000000};
    E(sigtimedwait(&set, &info, &zero));
    long long start = now_ms();
    E(sigtimedwait(&set, &info, &brief));
    T(now_ms() - start >= 29);
    raise(SIGUSR2);
    kill(getpid(), SIGUSR1);
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 1});
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 2});
    int seen1 = 0;
    int seen2 = 0;
    for (int i = 0; i < 2; i++) {
        int sig = sigtimedwait(&set, &info, nullptr);
        seen1 += sig == SIGUSR1 && info.si_code == SI_USER;
        seen2 += sig == SIGUSR2 && info.si_code == SI_TKILL;
    }
    say("USR1 %d USR2 %d", seen1, seen2);
    for (int i = 0; i < 2; i++) {
        T(sigwaitinfo(&set, &info) == SIGRTMIN);
        say("value %d code %d", info.si_value.sival_int, info.si_code);
    }
    handle(SIGALRM, handler, SA_RESTART);
    struct itimerval timer = {.it_value = {0, 20000}};
    setitimer(ITIMER_REAL, &timer, nullptr);
    struct timespec long_time = {100, 0};
    // The library would try again.
    E(syscall(SYS_rt_sigtimedwait, &set, &info, &long_time, 8));
    pid_t parent = getpid();
    pid_t child = MUST(fork());
    if (child == 0) {
        await_state(parent, 'S');
        kill(parent, SIGUSR1);
        _exit(0);
    }
    T(sigtimedwait(&set, &info, &long_time) == SIGUSR1);
    T(info.si_pid == child);
    reap("child", child);
    struct timespec bad = {0, -1};
    E(sigtimedwait(&set, &info, &bad));
    E(syscall(SYS_rt_sigtimedwait, 8, &info, &zero, 8));
    return 0;
}
