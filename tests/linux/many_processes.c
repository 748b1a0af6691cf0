// SPDX-License-Identifier: MIT
// Many processes: 200 at once, 1,000 one after the other, a chain, all reaped.
#include "check.h"

int main(void) {
    int p[2];
    MUST(pipe(p));
    for (int i = 0; i < 200; i++) {
        if (MUST(fork()) == 0) {
            char c;
            close(p[1]);
            read(p[0], &c, 1);
            _exit(i % 100);
        }
    }
    E(waitpid(-1, nullptr, WNOHANG));
    close(p[1]);
    int sum = 0;
    int n = 0;
    int status;
    while (wait(&status) > 0) {
        sum += WEXITSTATUS(status);
        n++;
    }
    say("%d processes, sum %d", n, sum);
    sum = 0;
    for (int i = 0; i < 1000; i++) {
        pid_t child = MUST(i % 2 == 0 ? fork() : vfork());
        if (child == 0) {
            _exit(i % 7);
        }
        MUST(waitpid(child, &status, 0));
        sum += WEXITSTATUS(status);
    }
    say("one after the other, sum %d", sum);
    pid_t first = MUST(fork());
    if (first == 0) {
        int depth = 0;
        while (depth < 40) {
            pid_t next = MUST(fork());
            if (next != 0) {
                MUST(waitpid(next, &status, 0));
                _exit(WEXITSTATUS(status) + 1);
            }
            depth++;
        }
        _exit(0);
    }
    reap("chain", first);
    // Killed in a crowd.
    pid_t leader = MUST(fork());
    if (leader == 0) {
        setpgid(0, 0);
        for (int i = 0; i < 30; i++) {
            if (fork() == 0) {
                for (volatile long x = 0;; x++) {
                }
            }
        }
        kill(0, SIGKILL);
    }
    reap("crowd", leader);
    return 0;
}
