// SPDX-License-Identifier: MIT
// sigaction: RESETHAND, NODEFER, the mask during a handler, SIG_IGN, what cannot be caught.
#include "check.h"

static volatile sig_atomic_t depth;
static volatile sig_atomic_t deepest;
static volatile sig_atomic_t calls;
static volatile sig_atomic_t usr2_inside;
static void again(int sig) {
    calls++;
    depth++;
    deepest = depth > deepest ? depth : deepest;
    if (calls < 4) {
        raise(sig);
    }
    depth--;
}
static void usr2(int sig) {
    (void)sig;
    usr2_inside = depth;
}
static void with_usr2(int sig) {
    (void)sig;
    depth++;
    raise(SIGUSR2);
    depth--;
}
int main(void) {
    handle(SIGUSR1, again, 0);
    raise(SIGUSR1);
    say("deferred: calls %d deepest %d", calls, deepest);
    calls = deepest = 0;
    handle(SIGUSR1, again, SA_NODEFER);
    raise(SIGUSR1);
    say("nodefer: calls %d deepest %d", calls, deepest);
    calls = 9;
    handle(SIGUSR1, again, SA_RESETHAND);
    raise(SIGUSR1);
    struct sigaction now;
    sigaction(SIGUSR1, nullptr, &now);
    say("resethand: %s", now.sa_handler == SIG_DFL ? "default now" : "still there");
    handle(SIGUSR2, usr2, 0);
    struct sigaction masked = {.sa_handler = with_usr2};
    sigaction(SIGUSR1, &masked, nullptr);
    usr2_inside = -1;
    raise(SIGUSR1);
    say("USR2 came at depth %d", usr2_inside);
    sigaddset(&masked.sa_mask, SIGUSR2);
    sigaction(SIGUSR1, &masked, nullptr);
    usr2_inside = -1;
    raise(SIGUSR1);
    say("masked USR2 came at depth %d", usr2_inside);
    struct sigaction old;
    sigaction(SIGUSR1, nullptr, &old);
    T(old.sa_handler == with_usr2 && sigismember(&old.sa_mask, SIGUSR2));
    sigset_t mask;
    sigprocmask(SIG_SETMASK, nullptr, &mask);
    say("mask after: %d %d", sigismember(&mask, SIGUSR1), sigismember(&mask, SIGUSR2));
    unsigned long raw[4] = {};
    E(syscall(SYS_rt_sigaction, SIGKILL, raw, nullptr, 8));
    E(syscall(SYS_rt_sigaction, SIGSTOP, raw, nullptr, 8));
    V(syscall(SYS_rt_sigaction, SIGKILL, nullptr, raw, 8));
    E(syscall(SYS_rt_sigaction, 0, nullptr, raw, 8));
    E(syscall(SYS_rt_sigaction, 65, nullptr, raw, 8));
    E(syscall(SYS_rt_sigaction, SIGUSR1, nullptr, raw, 16));
    E(syscall(SYS_rt_sigaction, SIGUSR1, nullptr, 8, 8));
    handle(SIGUSR1, SIG_IGN, 0);
    V(raise(SIGUSR1));
    // Ignoring a signal throws a pending one away.
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    handle(SIGUSR1, again, 0);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    raise(SIGUSR1);
    handle(SIGUSR1, SIG_IGN, 0);
    sigset_t pending;
    sigpending(&pending);
    say("pending: %d", sigismember(&pending, SIGUSR1));
    return 0;
}
