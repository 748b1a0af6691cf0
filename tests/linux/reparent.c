// SPDX-License-Identifier: MIT
// Children of a dead process get a new parent; zombies of it are reaped; PDEATHSIG.
#include "check.h"
#include <sys/prctl.h>
int main(void) {
    int up[2];
    MUST(pipe(up));
    pid_t me = getpid();
    pid_t child = MUST(fork());
    if (child == 0) {
        if (MUST(fork()) == 0) {
            pid_t first = getppid();
            pass_token(up);
            while (getppid() == first) {
                sleep_ms(1);
            }
            T(getppid() != me && getppid() != first);
            close(up[0]);
            MUST(write(up[1], "new parent", 10));
            _exit(0);
        }
        char c;
        MUST(read(up[0], &c, 1));
        _exit(0);
    }
    int status;
    MUST(waitpid(child, &status, 0));
    char b[32] = "";
    V(read(up[0], b, sizeof b));
    say_status("child", status);
    say("%s", b);
    E(waitpid(-1, nullptr, 0));
    // With a subreaper the grandchildren come to it.
    V(prctl(PR_SET_CHILD_SUBREAPER, 1));
    child = MUST(fork());
    if (child == 0) {
        if (MUST(fork()) == 0) {
            while (getppid() != me) {
                sleep_ms(1);
            }
            _exit(44);
        }
        _exit(0);
    }
    for (int i = 0; i < 2; i++) {
        pid_t got = MUST(wait(&status));
        say("%s: %d", got == child ? "child" : "grandchild", WEXITSTATUS(status));
    }
    child = MUST(fork());
    if (child == 0) {
        pid_t grandchild = MUST(fork());
        if (grandchild == 0) {
            MUST(prctl(PR_SET_PDEATHSIG, SIGKILL));
            pass_token(up);
            pause();
        }
        await_token(up);
        _exit(0);
    }
    for (int i = 0; i < 2; i++) {
        pid_t got = MUST(wait(&status));
        say_status(got == child ? "child" : "with PDEATHSIG", status);
    }
    return 0;
}
