// SPDX-License-Identifier: MIT
// String instructions: one instruction a word is the least work for an emulator, and fast microcode
// on hardware. Ends that do not fill a word are covered by one overlapping word instead of a byte
// loop.
#include <lib/mem.h>
#include <lib/types.h>

struct word { // an unaligned u64
    u64 v;
} __attribute__((packed));

static inline u64 load(const u8 *p) { return ((const struct word *)p)->v; }
static inline void store(u8 *p, u64 v) { ((struct word *)p)->v = v; }

void *memcpy(void *restrict dst, const void *restrict src, size_t bytes) {
    u8 *d = dst;
    const u8 *s = src;
    if (bytes < 8) {
        for (size_t i = 0; i < bytes; i++) {
            d[i] = s[i];
        }
        return dst;
    }
    u64 last = load(s + bytes - 8);
    size_t words = (bytes - 1) / 8;
    u8 *to = d;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(s), "+c"(words)::"memory");
    store(d + bytes - 8, last);
    return dst;
}

void *memmove(void *dst, const void *src, size_t bytes) {
    u8 *d = dst;
    const u8 *s = src;
    if ((u64)d - (u64)s >= bytes) { // dst before src, or no overlap: an ascending copy is right
        size_t words = bytes / 8, rest = bytes % 8;
        __asm__ volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(words)::"memory");
        __asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(rest)::"memory");
        return dst;
    }
    d += bytes;
    s += bytes;
    for (; bytes >= 8; bytes -= 8) {
        d -= 8;
        s -= 8;
        store(d, load(s));
    }
    while (bytes-- > 0) {
        *--d = *--s;
    }
    return dst;
}

void *memset(void *dst, int byte, size_t bytes) {
    u8 *d = dst;
    if (bytes < 8) {
        for (size_t i = 0; i < bytes; i++) {
            d[i] = (u8)byte;
        }
        return dst;
    }
    u64 word = (u8)byte * (u64)0x0101010101010101;
    size_t words = bytes / 8;
    u8 *to = d;
    __asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(word) : "memory");
    store(d + bytes - 8, word);
    return dst;
}

int memcmp(const void *a, const void *b, size_t bytes) {
    const u8 *x = a, *y = b;
    while (bytes >= 8 && load(x) == load(y)) {
        x += 8;
        y += 8;
        bytes -= 8;
    }
    for (size_t i = 0; i < bytes; i++) {
        if (x[i] != y[i]) {
            return x[i] < y[i] ? -1 : 1;
        }
    }
    return 0;
}

size_t strlen(const char *s) {
    size_t n = 0;
    while (s[n] != '\0') {
        n++;
    }
    return n;
}
