// SPDX-License-Identifier: MIT
// SipHash-2-4 (Aumasson, Bernstein): a keyed hash for short strings, so that nobody can choose
// colliding names.
#pragma once
#include <lib/types.h>

struct siphash_key {
    u64 k0, k1;
};
u64 siphash(struct siphash_key key, const void *data, size_t bytes);
