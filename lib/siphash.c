// SPDX-License-Identifier: MIT
#include <lib/siphash.h>

struct sip_state {
    u64 v0, v1, v2, v3;
};

static u64 sip_rotate(u64 x, u32 bits) { return (x << bits) | (x >> (64 - bits)); }

static void sip_rounds(struct sip_state *s, u32 count) {
    for (u32 i = 0; i < count; i++) {
        s->v0 += s->v1;
        s->v2 += s->v3;
        s->v1 = sip_rotate(s->v1, 13) ^ s->v0;
        s->v3 = sip_rotate(s->v3, 16) ^ s->v2;
        s->v0 = sip_rotate(s->v0, 32);
        s->v2 += s->v1;
        s->v0 += s->v3;
        s->v1 = sip_rotate(s->v1, 17) ^ s->v2;
        s->v3 = sip_rotate(s->v3, 21) ^ s->v0;
        s->v2 = sip_rotate(s->v2, 32);
    }
}

u64 siphash(struct siphash_key key, const void *data, size_t bytes) {
    struct sip_state s = {key.k0 ^ 0x736f6d6570736575, key.k1 ^ 0x646f72616e646f6d,
                          key.k0 ^ 0x6c7967656e657261, key.k1 ^ 0x7465646279746573};
    const u8 *p = data;
    size_t left = bytes;
    for (; left >= 8; left -= 8, p += 8) {
        u64 word;
        __builtin_memcpy(&word, p, 8);
        s.v3 ^= word;
        sip_rounds(&s, 2);
        s.v0 ^= word;
    }
    u64 last = (u64)bytes << 56;
    for (size_t i = 0; i < left; i++) {
        last |= (u64)p[i] << (8 * i);
    }
    s.v3 ^= last;
    sip_rounds(&s, 2);
    s.v0 ^= last;
    s.v2 ^= 0xff;
    sip_rounds(&s, 4);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
