// SPDX-License-Identifier: MIT
// The kernel's random numbers: ChaCha20 generator keyed from the loader's entropy, RDSEED/RDRAND and interrupt timing; the key is
// replaced after each request (fast key erasure). Any context.
#pragma once
#include <lib/types.h>

void entropy_init(const u8 *seed, size_t bytes);
void entropy_add(u64 word); // cheap: timing of an event
void entropy_get(void *out, size_t bytes);
u64 entropy_u64(void);
