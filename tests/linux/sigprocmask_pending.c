// SPDX-License-Identifier: MIT
// sigprocmask and pending signals: how, order, KILL and STOP, errors.
#include "check.h"

static int order[16];
static int count;
static void note(int sig) { order[count++ & 15] = sig; }
static void show(const char *what) {
    char line[128] = "";
    for (int i = 0; i < count; i++) {
        strcat(line, " ");
        strcat(line, signal_name(order[i]));
    }
    say("%s:%s", what, line);
    count = 0;
}
int main(void) {
    struct sigaction action = {.sa_handler = note};
    sigfillset(&action.sa_mask);
    int used[] = {SIGUSR1, SIGUSR2, SIGTERM, SIGHUP, 40, 41};
    sigset_t all;
    sigset_t set;
    sigset_t old;
    sigemptyset(&set);
    for (int i = 0; i < 6; i++) {
        sigaction(used[i], &action, nullptr);
        sigaddset(&set, used[i]);
    }
    V(sigprocmask(SIG_BLOCK, &set, &old));
    for (int i = 0; i < 6; i++) {
        kill(getpid(), used[5 - i]);
        kill(getpid(), used[5 - i]);
    }
    show("blocked");
    sigpending(&all);
    say("pending %d %d %d", sigismember(&all, SIGUSR1), sigismember(&all, 41),
        sigismember(&all, SIGINT));
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, SIGTERM);
    V(sigprocmask(SIG_UNBLOCK, &one, nullptr));
    show("TERM let in");
    // Standard ones come once, real-time ones as often as they were sent.
    V(sigprocmask(SIG_SETMASK, &old, nullptr));
    int times[65] = {};
    for (int i = 0; i < count; i++) {
        times[order[i]]++;
    }
    say("USR1 %d USR2 %d HUP %d 40: %d 41: %d", times[SIGUSR1], times[SIGUSR2], times[SIGHUP],
        times[40], times[41]);
    count = 0;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, nullptr);
    unsigned long raw = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, nullptr, &raw, 8);
    say("KILL %d STOP %d TERM %d", raw >> (SIGKILL - 1) & 1 ? 1 : 0,
        raw >> (SIGSTOP - 1) & 1 ? 1 : 0, raw >> (SIGTERM - 1) & 1 ? 1 : 0);
    IN_CHILD("all blocked", kill(getpid(), SIGKILL); pause());
    IN_CHILD("fault while blocked", *(volatile int *)nullptr = 1);
    E(syscall(SYS_rt_sigprocmask, 99, &raw, nullptr, 8));
    E(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &raw, nullptr, 4));
    E(syscall(SYS_rt_sigprocmask, SIG_BLOCK, 8, nullptr, 8));
    E(syscall(SYS_rt_sigprocmask, 99, nullptr, &raw, 8));
    return 0;
}
