// SPDX-License-Identifier: MIT
// The states of a process as /proc shows them: running, sleeping, stopped, zombie, gone.
#include "check.h"

int main(void) {
    pid_t child = MUST(fork());
    if (child == 0) {
        for (;;) {
            pause();
        }
    }
    await_state(child, 'S');
    say("%c", process_state(child));
    kill(child, SIGSTOP);
    await_state(child, 'T');
    say("%c", process_state(child));
    kill(child, SIGCONT);
    await_state(child, 'S');
    say("%c", process_state(child));
    // A stopped process keeps its signals until it goes on, except KILL.
    pid_t busy = MUST(fork());
    if (busy == 0) {
        for (volatile long i = 0;; i++) {
        }
    }
    await_state(busy, 'R');
    say("%c", process_state(busy));
    kill(busy, SIGSTOP);
    await_state(busy, 'T');
    kill(busy, SIGTERM);
    sleep_ms(50);
    say("%c", process_state(busy));
    kill(busy, SIGCONT);
    reap("busy", busy);
    kill(child, SIGCONT);
    kill(child, SIGSTOP);
    await_state(child, 'T');
    kill(child, SIGKILL);
    await_state(child, 'Z');
    say("%c", process_state(child));
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/cmdline", child);
    say("cmdline of a zombie: '%s'", file_text(path));
    snprintf(path, sizeof path, "/proc/%d/exe", child);
    char text[100];
    E(readlink(path, text, sizeof text));
    reap("child", child);
    say("%c", process_state(child));
    return 0;
}
