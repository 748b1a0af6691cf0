// SPDX-License-Identifier: MIT
#pragma once
#include <stdbool.h>
#include <sys/types.h>

enum shutdown_kind { SHUTDOWN_HALT, SHUTDOWN_POWER_OFF, SHUTDOWN_RESTART };

// A line on the console, "gaia: ...".
[[gnu::format(printf, 1, 2)]] void say(const char *format, ...);
// The value of `key=` on the kernel's command line; false if it is not there.
bool kernel_option(const char *key, char *value, size_t capacity);

void mounts_make(void);                   // /proc /sys /dev /dev/shm /tmp /run, hostname
void module_unpack(void);                 // the loader's add.tar into /
int program_run(const char *const *argv); // waits; wait(2) status, or -1

void sessions_start(void);      // a login shell on each console
void sessions_ended(pid_t pid); // starts it again, not faster than once a second
int sessions_wait_ms(void);     // until the next delayed start; -1: none

[[noreturn]] void batch_run(void);
[[noreturn]] void shut_down(enum shutdown_kind kind);
