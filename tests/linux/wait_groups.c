// SPDX-License-Identifier: MIT
// wait for one process, for any, for a process group; several children at once.
#include "check.h"

int main(void) {
    pid_t child[6];
    int go[2];
    MUST(pipe(go));
    for (int i = 0; i < 6; i++) {
        child[i] = MUST(fork());
        if (child[i] == 0) {
            char c;
            close(go[1]);
            MUST(read(go[0], &c, 1));
            _exit(i);
        }
        // 0,1 in the parent's group; 2,3 in one of their own; 4 and 5 each alone.
        if (i >= 2) {
            MUST(setpgid(child[i], i == 3 ? child[2] : child[i]));
        }
    }
    int status;
    V(waitpid(0, &status, WNOHANG));
    V(waitpid(-child[2], &status, WNOHANG));
    E(waitpid(-child[0], &status, WNOHANG));
    T(getpgid(child[3]) == child[2]);
    close(go[1]);
    T(waitpid(child[4], &status, 0) == child[4]);
    say_status("4", status);
    int sum = 0;
    for (int i = 0; i < 2; i++) {
        MUST(waitpid(-child[2], &status, 0));
        sum += WEXITSTATUS(status);
    }
    say("group of 2: sum %d", sum);
    E(waitpid(-child[2], &status, 0));
    sum = 0;
    for (int i = 0; i < 2; i++) {
        MUST(waitpid(0, &status, 0));
        sum += WEXITSTATUS(status);
    }
    say("own group: sum %d", sum);
    E(waitpid(0, &status, 0));
    T(waitpid(-1, &status, 0) == child[5]);
    say_status("last", status);
    E(waitpid(-1, &status, 0));
    siginfo_t info = {};
    pid_t one = MUST(fork());
    if (one == 0) {
        _exit(33);
    }
    V(waitid(P_PID, one, &info, WEXITED | WNOWAIT));
    say("waitid: code %d status %d pid right: %d", info.si_code, info.si_status,
        info.si_pid == one);
    V(waitid(P_ALL, 0, &info, WEXITED));
    E(waitid(P_ALL, 0, &info, WEXITED));
    return 0;
}
