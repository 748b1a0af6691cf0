// SPDX-License-Identifier: MIT
// Little-endian integers for disk structures: byte arrays, so a struct of them has no padding and
// may lie anywhere.
#pragma once
#include <lib/types.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "the accessors below copy bytes as they are");

struct le16 {
    u8 b[2];
};
struct le32 {
    u8 b[4];
};
struct le64 {
    u8 b[8];
};

static inline u16 le16_get(struct le16 v) { return __builtin_bit_cast(u16, v); }
static inline u32 le32_get(struct le32 v) { return __builtin_bit_cast(u32, v); }
static inline u64 le64_get(struct le64 v) { return __builtin_bit_cast(u64, v); }
static inline struct le16 le16_of(u16 v) { return __builtin_bit_cast(struct le16, v); }
static inline struct le32 le32_of(u32 v) { return __builtin_bit_cast(struct le32, v); }
static inline struct le64 le64_of(u64 v) { return __builtin_bit_cast(struct le64, v); }
