// SPDX-License-Identifier: MIT
// select and pselect6: sets, time-outs, bad descriptors, the mask.
#include "check.h"
#include <sys/select.h>
static volatile sig_atomic_t caught;
static void on_signal(int sig) { caught = sig; }
int main(void) {
    int p[2];
    MUST(pipe(p));
    fd_set in;
    fd_set out;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(p[0], &in);
    FD_SET(p[1], &out);
    struct timeval zero = {};
    V(select(p[1] + 1, &in, &out, nullptr, &zero));
    say("in %d out %d", FD_ISSET(p[0], &in) != 0, FD_ISSET(p[1], &out) != 0);
    MUST(write(p[1], "x", 1));
    FD_SET(p[0], &in);
    V(select(p[1] + 1, &in, &out, nullptr, nullptr));
    say("in %d out %d", FD_ISSET(p[0], &in) != 0, FD_ISSET(p[1], &out) != 0);
    struct timeval brief = {0, 30000};
    long long start = now_ms();
    V(select(0, nullptr, nullptr, nullptr, &brief));
    T(now_ms() - start >= 29);
    FD_ZERO(&in);
    FD_SET(40, &in);
    E(select(41, &in, nullptr, nullptr, &zero));
    E(select(-1, nullptr, nullptr, nullptr, &zero));
    handle(SIGUSR1, on_signal, SA_RESTART);
    sigset_t blocked;
    sigset_t none;
    sigemptyset(&none);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, nullptr);
    raise(SIGUSR1);
    say("before: %d", caught);
    E(pselect(0, nullptr, nullptr, nullptr, nullptr, &none));
    say("after: %s", signal_name(caught));
    sigset_t now;
    sigprocmask(SIG_SETMASK, nullptr, &now);
    T(sigismember(&now, SIGUSR1) == 1);
    return 0;
}
