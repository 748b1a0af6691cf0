// SPDX-License-Identifier: MIT
// poll on pipes, files, bad descriptors: IN, OUT, HUP, ERR, NVAL, waiting, time-outs.
#include "check.h"

static void ask(const char *what, int fd, short events) {
    struct pollfd p = {fd, events, 0};
    int n = poll(&p, 1, 0);
    say("%s: %d%s%s%s%s%s%s", what, n, p.revents & POLLIN ? " IN" : "",
        p.revents & POLLOUT ? " OUT" : "", p.revents & POLLHUP ? " HUP" : "",
        p.revents & POLLERR ? " ERR" : "", p.revents & POLLNVAL ? " NVAL" : "",
        p.revents & POLLPRI ? " PRI" : "");
}
int main(void) {
    int p[2];
    MUST(pipe(p));
    ask("empty, reader", p[0], POLLIN | POLLOUT);
    ask("empty, writer", p[1], POLLIN | POLLOUT);
    MUST(write(p[1], "x", 1));
    ask("one byte, reader", p[0], POLLIN | POLLPRI);
    ask("one byte, not asked", p[0], 0);
    close(p[1]);
    ask("one byte, no writer", p[0], POLLIN);
    char c;
    MUST(read(p[0], &c, 1));
    ask("empty, no writer", p[0], POLLIN);
    MUST(pipe2(p, O_NONBLOCK));
    static char block[4096];
    while (write(p[1], block, sizeof block) > 0) {
    }
    ask("full, writer", p[1], POLLOUT);
    close(p[0]);
    ask("no reader", p[1], POLLOUT);
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    ask("file", fd, POLLIN | POLLOUT);
    ask("closed", 99, POLLIN);
    ask("negative", -1, POLLIN);
    ask("/dev/null", MUST(open("/dev/null", O_RDWR)), POLLIN | POLLOUT);
    E(poll((struct pollfd *)8, 1, 0));
    V(poll(nullptr, 0, 10));
    long long start = now_ms();
    MUST(pipe(p));
    struct pollfd both[2] = {{p[0], POLLIN, 0}, {-1, POLLIN, 77}};
    V(poll(both, 2, 50));
    T(now_ms() - start >= 49);
    V(both[1].revents);
    pid_t child = MUST(fork());
    if (child == 0) {
        V(poll(both, 2, -1));
        say("woken by %s", both[0].revents == POLLIN ? "IN" : "something else");
        MUST(read(p[0], &c, 1));
        close(p[1]);
        V(poll(both, 1, -1));
        say("woken by %s", both[0].revents == POLLHUP ? "HUP" : "something else");
        _exit(0);
    }
    close(p[0]);
    await_state(child, 'S');
    MUST(write(p[1], "x", 1));
    sleep_ms(30);
    await_state(child, 'S');
    close(p[1]);
    reap("poller", child);
    return 0;
}
