// SPDX-License-Identifier: MIT
// Writing into a pipe without a reader: SIGPIPE or EPIPE, also while the writer waits.
#include "check.h"

static volatile sig_atomic_t caught;
static void on_pipe(int sig) { caught = sig; }
int main(void) {
    int p[2];
    MUST(pipe(p));
    close(p[0]);
    IN_CHILD("default", write(p[1], "x", 1));
    signal(SIGPIPE, SIG_IGN);
    E(write(p[1], "x", 1));
    handle(SIGPIPE, on_pipe, 0);
    E(write(p[1], "x", 1));
    say("caught %s", signal_name(caught));
    V(write(p[1], "", 0));
    caught = 0;
    MUST(pipe(p));
    pid_t child = MUST(fork());
    if (child == 0) {
        close(p[0]);
        static char big[200000];
        long n = write(p[1], big, sizeof big);
        say("big write: %s, signal %s",
            n == -1      ? error_name(errno)
            : n < 200000 ? "part"
                         : "all",
            signal_name(caught));
        E(write(p[1], big, 1));
        _exit(0);
    }
    close(p[1]);
    await_state(child, 'S');
    close(p[0]);
    reap("writer", child);
    // Who dies of SIGPIPE in the middle of a shell pipeline.
    MUST(pipe(p));
    child = MUST(fork());
    if (child == 0) {
        signal(SIGPIPE, SIG_DFL);
        close(p[0]);
        for (;;) {
            if (write(p[1], "y\n", 2) != 2) {
                _exit(3);
            }
        }
    }
    close(p[1]);
    char b[2];
    V(read(p[0], b, 2));
    close(p[0]);
    reap("yes | head", child);
    return 0;
}
