// SPDX-License-Identifier: MIT
// setitimer by used processor time: does not run while the process sleeps.
#include "check.h"

static volatile sig_atomic_t hits;
static volatile sig_atomic_t which;
static void handler(int sig) {
    which = sig;
    hits++;
}
int main(void) {
    handle(SIGVTALRM, handler, 0);
    handle(SIGPROF, handler, 0);
    struct itimerval t = {.it_value = {0, 20000}};
    for (int kind = ITIMER_VIRTUAL; kind <= ITIMER_PROF; kind++) {
        hits = 0;
        if (setitimer(kind, &t, nullptr) == -1) {
            say("kind %d: %s", kind, error_name(errno));
            continue;
        }
        sleep_ms(60);
        int asleep = hits;
        while (hits == 0) {
        }
        say("kind %d: asleep %d, busy %s", kind, asleep, signal_name(which));
    }
    return 0;
}
