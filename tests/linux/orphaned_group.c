// SPDX-License-Identifier: MIT
// A process group that loses its last link to a shell: HUP and CONT for the stopped ones.
#include "check.h"

static volatile sig_atomic_t order;
static volatile sig_atomic_t hup_at;
static volatile sig_atomic_t cont_at;
static void on_signal(int sig) { *(sig == SIGHUP ? &hup_at : &cont_at) = ++order; }
int main(void) {
    int up[2];
    MUST(pipe(up));
    pid_t leader = MUST(fork());
    if (leader == 0) {
        // This one plays the shell: its own session, one job in a group of its own.
        MUST(setsid());
        pid_t shell = MUST(fork());
        if (shell == 0) {
            pid_t job = MUST(fork());
            if (job == 0) {
                MUST(setpgid(0, 0));
                handle(SIGHUP, on_signal, 0);
                handle(SIGCONT, on_signal, 0);
                raise(SIGSTOP);
                while (hup_at == 0 || cont_at == 0) {
                    sleep_ms(1);
                }
                // An orphaned group is not stopped by the terminal's signals.
                raise(SIGTSTP);
                MUST(write(up[1], "not stopped", 11));
                _exit(0);
            }
            int status;
            MUST(waitpid(job, &status, WUNTRACED));
            say_status("job", status);
            _exit(0);
        }
        int status;
        MUST(waitpid(shell, &status, 0));
        say_status("shell", status);
        char text[16] = "";
        MUST(read(up[0], text, 15));
        say("job got HUP and CONT and was %s by TSTP", text);
        _exit(0);
    }
    reap("leader", leader);
    return 0;
}
