// SPDX-License-Identifier: MIT
// Restart of read, write, open, poll, accept-like waits: with and without SA_RESTART.
#include "check.h"

static volatile sig_atomic_t hits;
static void handler(int sig) {
    (void)sig;
    hits++;
}
// The child makes the call; the parent waits until it sleeps, signals it, waits until it sleeps
// again or is gone, then lets the call finish.
#define INTERRUPTED(what, call, finish)                                                            \
    for (int restart = 0; restart < 2; restart++) {                                                \
        int p[2];                                                                                  \
        MUST(pipe(p));                                                                             \
        pid_t child = MUST(fork());                                                                \
        if (child == 0) {                                                                          \
            hits = 0;                                                                              \
            handle(SIGUSR1, handler, restart != 0 ? SA_RESTART : 0);                               \
            errno = 0;                                                                             \
            long r = (long)(call);                                                                 \
            say("%s %s: %ld %s, hits %d", what, restart != 0 ? "restart" : "plain", r,             \
                r == -1 ? error_name(errno) : "", hits);                                           \
            _exit(0);                                                                              \
        }                                                                                          \
        await_state(child, 'S');                                                                   \
        kill(child, SIGUSR1);                                                                      \
        await_calm(child);                                                                         \
        finish;                                                                                    \
        close(p[0]);                                                                               \
        close(p[1]);                                                                               \
        reap(what, child);                                                                         \
    }
int main(void) {
    static char big[100000];
    char b[8];
    signal(SIGPIPE, SIG_IGN);
    INTERRUPTED("read", read(p[0], b, 8), write(p[1], "abc", 3));
    INTERRUPTED("readv", readv(p[0], (&(struct iovec){b, 8}), 1), write(p[1], "abc", 3));
    // A write that has moved some bytes tells how many, with and without restart.
    INTERRUPTED("write of much", write(p[1], big, sizeof big), read(p[0], big, sizeof big));
    INTERRUPTED("write into a full pipe", (write(p[1], big, 65536), write(p[1], b, 4)),
                read(p[0], big, sizeof big));
    INTERRUPTED("poll", poll(&(struct pollfd){p[0], POLLIN, 0}, 1, 20000), write(p[1], "a", 1));
    MUST(mkfifo("fifo", 0600));
    INTERRUPTED("open", open("fifo", O_RDONLY) >= 0 ? 0L : -1L,
                close(open("fifo", O_WRONLY | O_NONBLOCK)));
    INTERRUPTED("pause", pause(), sleep_ms(0));
    return 0;
}
