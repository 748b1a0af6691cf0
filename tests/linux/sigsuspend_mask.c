// SPDX-License-Identifier: MIT
// sigsuspend: waits with another mask, gives the old one back, returns EINTR only for handlers.
#include "check.h"

static volatile sig_atomic_t hits;
static volatile sig_atomic_t usr2_blocked;
static void handler(int sig) {
    (void)sig;
    hits++;
    sigset_t now;
    sigprocmask(SIG_SETMASK, nullptr, &now);
    usr2_blocked = sigismember(&now, SIGUSR2);
}
int main(void) {
    sigset_t set;
    sigset_t old;
    sigset_t only_usr2;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGCHLD);
    sigemptyset(&only_usr2);
    sigaddset(&only_usr2, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, &old);
    handle(SIGUSR1, handler, SA_RESTART);
    raise(SIGUSR1);
    say("hits %d", hits);
    E(sigsuspend(&only_usr2));
    say("hits %d, mask of the handler has USR2: %d", hits, usr2_blocked);
    sigset_t now;
    sigprocmask(SIG_SETMASK, nullptr, &now);
    say("after: USR1 %d USR2 %d", sigismember(&now, SIGUSR1), sigismember(&now, SIGUSR2));
    pid_t parent = getpid();
    pid_t child = MUST(fork());
    if (child == 0) {
        await_state(parent, 'S');
        // Ignored by default: does not end the wait.
        kill(parent, SIGURG);
        kill(parent, SIGWINCH);
        sleep_ms(20);
        await_state(parent, 'S');
        kill(parent, SIGUSR1);
        _exit(0);
    }
    E(sigsuspend(&old));
    say("hits %d", hits);
    reap("child", child);
    child = MUST(fork());
    if (child == 0) {
        sigsuspend(&old);
        _exit(0);
    }
    await_state(child, 'S');
    kill(child, SIGTERM);
    reap("default action while it waits", child);
    sigprocmask(SIG_SETMASK, &old, nullptr);
    child = MUST(fork());
    if (child == 0) {
        E(pause());
        _exit(0);
    }
    await_state(child, 'S');
    kill(child, SIGSTOP);
    await_state(child, 'T');
    kill(child, SIGCONT);
    await_state(child, 'S');
    kill(child, SIGUSR1);
    reap("paused", child);
    return 0;
}
