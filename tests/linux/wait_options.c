// SPDX-License-Identifier: MIT
// wait4: options, status words, rusage, errors.
#include "check.h"

int main(void) {
    int status = 0x1234;
    E(wait4(-1, &status, 0, nullptr));
    E(waitpid(getpid(), &status, WNOHANG));
    E(waitpid(-1, &status, 0x40));
    pid_t child = MUST(fork());
    if (child == 0) {
        for (;;) {
            pause();
        }
    }
    // In a group of its own, so that TSTP stops it: the group of a session leader is orphaned.
    MUST(setpgid(child, child));
    V(waitpid(child, &status, WNOHANG));
    V(waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED));
    E(waitpid(child + 100000, &status, WNOHANG));
    MUST(kill(child, SIGSTOP));
    T(waitpid(child, &status, WUNTRACED) == child);
    say_status("1", status);
    V(waitpid(child, &status, WUNTRACED | WNOHANG));
    MUST(kill(child, SIGCONT));
    T(waitpid(child, &status, WCONTINUED) == child);
    say_status("2", status);
    V(waitpid(child, &status, WCONTINUED | WNOHANG));
    MUST(kill(child, SIGTSTP));
    T(waitpid(-1, &status, WUNTRACED) == child);
    say_status("3", status);
    MUST(kill(child, SIGTERM));
    MUST(kill(child, SIGCONT));
    struct rusage usage = {};
    T(wait4(child, &status, 0, &usage) == child);
    say_status("4", status);
    E(waitpid(child, &status, 0));
    int codes[] = {0, 1, 42, 255, 256, -1};
    for (int i = 0; i < 6; i++) {
        child = MUST(fork());
        if (child == 0) {
            _exit(codes[i]);
        }
        MUST(waitpid(child, &status, 0));
        say("exit(%d): %#x", codes[i], status);
    }
    E(wait4(-1, (int *)8, 0, nullptr));
    IN_CHILD("child", E(waitpid(getppid(), nullptr, WNOHANG)));
    return 0;
}
