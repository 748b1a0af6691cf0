// SPDX-License-Identifier: MIT
// The loader's memory functions. Byte loops marked so that the compiler does not turn them into
// calls of themselves.
#include <lib/mem.h>
#include <lib/types.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t bytes) {
    void *at = dst;
    __asm__ volatile("rep movsb" : "+D"(at), "+S"(src), "+c"(bytes) : : "memory");
    return dst;
}

void *memmove(void *dst, const void *src, size_t bytes) {
    u8 *to = dst;
    const u8 *from = src;
    if (to <= from || to >= from + bytes) {
        return memcpy(dst, src, bytes);
    }
    while (bytes-- > 0) {
        ((volatile u8 *)to)[bytes] = from[bytes];
    }
    return dst;
}

void *memset(void *dst, int byte, size_t bytes) {
    void *at = dst;
    __asm__ volatile("rep stosb" : "+D"(at), "+c"(bytes) : "a"(byte) : "memory");
    return dst;
}

int memcmp(const void *a, const void *b, size_t bytes) {
    const volatile u8 *x = a, *y = b;
    for (size_t i = 0; i < bytes; i++) {
        if (x[i] != y[i]) {
            return x[i] < y[i] ? -1 : 1;
        }
    }
    return 0;
}

size_t strlen(const char *s) {
    const volatile char *at = s;
    size_t len = 0;
    while (at[len] != 0) {
        len++;
    }
    return len;
}
