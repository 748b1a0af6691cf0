// SPDX-License-Identifier: MIT
// Broken invariants end here: cause, registers, symbolised backtrace, held locks, log tail, build id; then halt, or with
// `hornet.exec`/`panic=exit` on the command line QEMU ends through isa-debug-exit (port 0xf4).
#pragma once
#include <lib/types.h>

struct trap_frame;
[[noreturn, gnu::format(printf, 1, 2)]] void panic(const char *format, ...);
[[noreturn]] void panic_trap(const struct trap_frame *frame, const char *what, u64 address);
[[noreturn]] void panic_assert(const char *file, int line, const char *text, u64 a, u64 b);

#define assert(x)                                                                                  \
    do {                                                                                           \
        if (unlikely(!(x))) {                                                                      \
            panic_assert(__FILE__, __LINE__, #x, 0, 0);                                            \
        }                                                                                          \
    } while (0)
#define assert_cmp_(a, op, b)                                                                      \
    do {                                                                                           \
        auto a_ = (a);                                                                             \
        auto b_ = (b);                                                                             \
        if (unlikely(!(a_ op b_))) {                                                               \
            panic_assert(__FILE__, __LINE__, #a " " #op " " #b, (u64)a_, (u64)b_);                 \
        }                                                                                          \
    } while (0)
#define assert_eq(a, b) assert_cmp_(a, ==, b)
#define assert_lt(a, b) assert_cmp_(a, <, b)
#define assert_le(a, b) assert_cmp_(a, <=, b)
#define debug_assert(x)                                                                            \
    do {                                                                                           \
        if (CONFIG_DEBUG) {                                                                        \
            assert(x);                                                                             \
        }                                                                                          \
    } while (0)

bool panic_active(void);           // some CPU panics: consoles must not wait for locks any more
constexpr u8 PANIC_EXIT_CODE = 49; // written to isa-debug-exit: QEMU ends with status 99

// "symbol+0x12" for a kernel text address, or "?".
void symbol_print(u64 address, char *buf, size_t capacity);
