// SPDX-License-Identifier: MIT
// Device registers: a window of uncached (or write-combining) memory. An access outside the window
// is a broken invariant (panic): drivers check what a device told them before they use it as an
// offset.
#pragma once
#include <kernel/base/panic.h>
#include <lib/types.h>

struct mmio {
    volatile u8 *base; // null: not mapped
    size_t bytes;
};

// Maps [pa, pa + bytes) for ever. Errors: ERR_INVAL (empty, wraps), ERR_NOMEM. Sleeps.
err_t mmio_map(struct pa pa, size_t bytes, bool write_combine, struct mmio *out);

// A part of a window; ERR_INVAL when it does not lie inside.
err_t mmio_part(const struct mmio *m, u64 at, u64 bytes, struct mmio *out);

#define MMIO_ACCESS(bits)                                                                          \
    static inline u##bits mmio_read##bits(const struct mmio *m, size_t at) {                       \
        assert_le(at + bits / 8, m->bytes);                                                        \
        return *(const volatile u##bits *)(m->base + at);                                          \
    }                                                                                              \
    static inline void mmio_write##bits(const struct mmio *m, size_t at, u##bits v) {              \
        assert_le(at + bits / 8, m->bytes);                                                        \
        *(volatile u##bits *)(m->base + at) = v;                                                   \
    }
MMIO_ACCESS(8)
MMIO_ACCESS(16)
MMIO_ACCESS(32)
#undef MMIO_ACCESS
// Two halves, low first: some devices do not take 64-bit accesses.
static inline void mmio_write64(const struct mmio *m, size_t at, u64 v) {
    mmio_write32(m, at, (u32)v);
    mmio_write32(m, at + 4, (u32)(v >> 32));
}
