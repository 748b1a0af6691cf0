// SPDX-License-Identifier: MIT
#include "gaia_impl.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// Reaps until no child is left or the time is over.
static void reap_for_ms(int limit_ms) {
    struct timespec step = {.tv_nsec = 10 * 1000000L};
    for (int waited = 0; waited < limit_ms; waited += 10) {
        pid_t pid;
        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
        }
        if (pid < 0 && errno == ECHILD) {
            return;
        }
        nanosleep(&step, NULL);
    }
}

void shut_down(enum shutdown_kind kind) {
    kill(-1, SIGTERM);
    kill(-1, SIGCONT); // stopped ones must see it
    reap_for_ms(2000);
    kill(-1, SIGKILL);
    reap_for_ms(1000);
    sync();
    static const int commands[] = {[SHUTDOWN_HALT] = RB_HALT_SYSTEM,
                                   [SHUTDOWN_POWER_OFF] = RB_POWER_OFF,
                                   [SHUTDOWN_RESTART] = RB_AUTOBOOT};
    reboot(commands[kind]);
    say("reboot(2) failed: %s", strerror(errno));
    for (;;) {
        pause();
    }
}
