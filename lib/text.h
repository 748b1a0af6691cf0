// SPDX-License-Identifier: MIT
// Bounded text: appends to a caller's buffer, never past it, always NUL-terminated; says when something was cut.
#pragma once
#include <lib/types.h>
#include <stdarg.h>

struct text {
    char *buf;
    size_t capacity; // bytes of buf, NUL included; at least 1
    size_t len;      // without the NUL
    bool cut;
};

void text_init(struct text *t, char *buf, size_t capacity);
void text_put(struct text *t, char c);
void text_add(struct text *t, const char *s);
void text_add_bytes(struct text *t, const char *s, size_t bytes);

// Understands %d %i %u %x %X %o %c %s %p %% with h hh l ll z j, width, '-', '0', precision for strings and '*' for either.
[[gnu::format(printf, 2, 3)]] void text_printf(struct text *t, const char *format, ...);
[[gnu::format(printf, 2, 0)]] void text_vprintf(struct text *t, const char *format, va_list args);
// One-call form: the length written, without the NUL, at most capacity - 1.
[[gnu::format(printf, 3, 4)]] size_t text_format(char *buf, size_t capacity, const char *format,
                                                 ...);

bool text_equal(const char *a, const char *b);
bool text_equal_n(const char *a, const char *b, size_t bytes); // like strncmp == 0
// Copies at most capacity - 1 bytes; false when cut.
bool text_copy(char *dst, size_t capacity, const char *src);
// Reads an unsigned number (decimal, or 0x hex); *end is the first byte not used. Errors: ERR_INVAL, ERR_OVERFLOW.
err_t text_to_u64(const char *s, const char **end, u64 *out);
