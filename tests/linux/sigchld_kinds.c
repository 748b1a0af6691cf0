// SPDX-License-Identifier: MIT
// SIGCHLD: sent at exit, at stop unless NOCLDSTOP; ignoring it leaves no zombies.
#include "check.h"

static volatile sig_atomic_t hits;
static void handler(int sig) {
    (void)sig;
    hits++;
}
static pid_t stop_and_go(void) {
    pid_t child = MUST(fork());
    if (child == 0) {
        raise(SIGSTOP);
        _exit(4);
    }
    int status;
    while (waitpid(child, &status, WUNTRACED) == -1) {
    }
    say("%s, hits %d", WIFSTOPPED(status) ? "stopped" : "?", hits);
    return child;
}
int main(void) {
    handle(SIGCHLD, handler, 0);
    pid_t child = stop_and_go();
    kill(child, SIGCONT);
    reap("child", child);
    say("several: %d", hits >= 2);
    hits = 0;
    handle(SIGCHLD, handler, SA_NOCLDSTOP);
    child = stop_and_go();
    kill(child, SIGCONT);
    reap("child", child);
    say("hits %d", hits);
    handle(SIGCHLD, SIG_IGN, 0);
    child = MUST(fork());
    if (child == 0) {
        _exit(1);
    }
    E(waitpid(child, nullptr, 0));
    E(kill(child, 0));
    handle(SIGCHLD, handler, SA_NOCLDWAIT);
    hits = 0;
    child = MUST(fork());
    if (child == 0) {
        _exit(1);
    }
    pid_t got;
    while ((got = waitpid(child, nullptr, 0)) == -1 && errno == EINTR) {
    }
    say("no wait: %s, hits %d", got == -1 ? error_name(errno) : "reaped", hits);
    handle(SIGCHLD, SIG_DFL, 0);
    child = MUST(fork());
    if (child == 0) {
        _exit(8);
    }
    await_state(child, 'Z');
    reap("default keeps it", child);
    return 0;
}
