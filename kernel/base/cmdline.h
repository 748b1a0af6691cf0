// SPDX-License-Identifier: MIT
// The kernel command line: words `key` or `key=value`, separated by spaces.
#pragma once
#include <lib/types.h>

void cmdline_init(const char *text); // copies
const char *cmdline(void);
bool cmdline_has(const char *key);                               // `key` or `key=...`
bool cmdline_get(const char *key, char *value, size_t capacity); // value of the last `key=`
u64 cmdline_u64(const char *key, u64 otherwise);
