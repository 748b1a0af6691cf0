// SPDX-License-Identifier: MIT
#pragma once
#include <abi/boot.h>

extern struct boot_info boot; // our copy: the loader's memory is reclaimed
void wakeup(void *unused);    // thread: runs the steps of order.c, ends
[[noreturn, gnu::format(printf, 1, 2)]] void wakeup_stop(const char *format, ...);
