// SPDX-License-Identifier: MIT
// COM1 by polling: the first console of the log, and the one panics fall back on.
#pragma once
#include <lib/types.h>

void early_serial_init(void); // 115200 8N1, and a log console; does nothing where there is no COM1
void early_serial_release(
    void); // a driver owns COM1 from here on: the log console stays silent, except in a panic
void early_serial_write(const char *text, size_t bytes); // always; LF becomes CR LF
