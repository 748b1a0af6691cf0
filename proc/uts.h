// SPDX-License-Identifier: MIT
// What uname(2) and /proc/sys/kernel say about the system.
#pragma once
#include <lib/types.h>

constexpr size_t UTS_BYTES = 65; // NUL included
extern const char uts_sysname[], uts_release[], uts_version[], uts_machine[];

enum uts_name : u8 { UTS_HOST, UTS_DOMAIN };
void uts_get(enum uts_name which, char out[UTS_BYTES]); // any context; zero-filled to the end
err_t uts_set(enum uts_name which, const char *name, size_t bytes); // ERR_INVAL: too long
