// SPDX-License-Identifier: MIT
// Restart of wait4 and of the record lock wait.
#include "check.h"

static volatile sig_atomic_t hits;
static void handler(int sig) {
    (void)sig;
    hits++;
}
int main(void) {
    for (int restart = 0; restart < 2; restart++) {
        const char *how = restart != 0 ? "restart" : "plain";
        int hold[2];
        MUST(pipe(hold));
        pid_t waiter = MUST(fork());
        if (waiter == 0) {
            handle(SIGUSR1, handler, restart != 0 ? SA_RESTART : 0);
            pid_t child = MUST(fork());
            if (child == 0) {
                char c;
                close(hold[1]);
                MUST(read(hold[0], &c, 1));
                _exit(5);
            }
            close(hold[1]);
            int status;
            errno = 0;
            pid_t got = waitpid(child, &status, 0);
            say("wait %s: %s, hits %d", how, got == child ? "child" : error_name(errno), hits);
            if (got != child) {
                while (waitpid(child, &status, 0) != child) {
                }
            }
            _exit(WEXITSTATUS(status));
        }
        await_state(waiter, 'S');
        kill(waiter, SIGUSR1);
        await_calm(waiter);
        await_state(waiter, 'S');
        close(hold[1]);
        reap("waiter", waiter);
        close(hold[0]);
    }
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    for (int restart = 0; restart < 2; restart++) {
        lock.l_type = F_WRLCK;
        MUST(fcntl(fd, F_SETLK, &lock));
        pid_t child = MUST(fork());
        if (child == 0) {
            handle(SIGUSR1, handler, restart != 0 ? SA_RESTART : 0);
            errno = 0;
            int r = fcntl(fd, F_SETLKW, &lock);
            say("lock %s: %s, hits %d", restart != 0 ? "restart" : "plain",
                r == 0 ? "got" : error_name(errno), hits);
            _exit(0);
        }
        await_state(child, 'S');
        kill(child, SIGUSR1);
        await_calm(child);
        lock.l_type = F_UNLCK;
        MUST(fcntl(fd, F_SETLK, &lock));
        reap("locker", child);
    }
    return 0;
}
