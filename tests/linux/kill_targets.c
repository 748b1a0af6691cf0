// SPDX-License-Identifier: MIT
// kill: pids, groups, 0, -1, errors, permissions.
#include "check.h"

static volatile sig_atomic_t hits;
static void handler(int sig) {
    (void)sig;
    hits++;
}
int main(void) {
    E(kill(getpid(), 0));
    E(kill(getpid(), 65));
    E(kill(getpid(), -1));
    E(kill(0x3ffffff, 0));
    E(kill(-0x3ffffff, SIGTERM));
    E(kill(0x80000000, 0));
    pid_t main_child = MUST(fork());
    if (main_child == 0) {
        MUST(setpgid(0, 0));
        handle(SIGUSR1, handler, 0);
        sigset_t set;
        sigset_t old;
        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        sigprocmask(SIG_BLOCK, &set, &old);
        pid_t child[3];
        for (int i = 0; i < 3; i++) {
            child[i] = MUST(fork());
            if (child[i] == 0) {
                while (hits == 0) {
                    sigsuspend(&old);
                }
                _exit(hits);
            }
        }
        // The third leaves the group and must not be hit.
        MUST(setpgid(child[2], child[2]));
        E(kill(0, SIGUSR1));
        sigprocmask(SIG_SETMASK, &old, nullptr);
        say("own hits %d", hits);
        reap("first", child[0]);
        reap("second", child[1]);
        V(waitpid(child[2], nullptr, WNOHANG));
        E(kill(-child[2], SIGUSR1));
        reap("third", child[2]);
        E(kill(-child[2], SIGUSR1));
        _exit(0);
    }
    reap("group", main_child);
    say("main hits %d", hits);
    // A zombie can still be signalled.
    pid_t zombie = MUST(fork());
    if (zombie == 0) {
        _exit(6);
    }
    await_state(zombie, 'Z');
    E(kill(zombie, 0));
    E(kill(zombie, SIGKILL));
    reap("zombie", zombie);
    E(kill(zombie, 0));
    pid_t root = getpid();
    IN_CHILD("user", MUST(setuid(1000)); E(kill(root, 0)); E(kill(root, SIGTERM));
             E(kill(1, SIGTERM)); E(kill(getpid(), 0)));
    E(syscall(SYS_tgkill, getpid(), 0x3ffffff, 0));
    E(syscall(SYS_tgkill, 1, getpid(), 0));
    E(syscall(SYS_tgkill, -1, getpid(), 0));
    E(syscall(SYS_tkill, getpid(), 0));
    return 0;
}
