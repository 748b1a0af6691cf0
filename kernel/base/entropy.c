// SPDX-License-Identifier: MIT
// ChaCha20 (RFC 8439 section 2.3) as a generator with fast key erasure: each request takes one
// block's first half as the next key before anything is handed out, so that a later leak of memory
// does not tell earlier output.
#include <arch/x86_64/cpu.h>
#include <kernel/base/entropy.h>
#include <kernel/base/lock.h>
#include <lib/mem.h>

struct entropy_pool {
    struct spinlock lock;
    u32 key[8] GUARDED_BY(lc_entropy);
    u64 counter GUARDED_BY(lc_entropy);
};
DECLARE_SPIN_CLASS(entropy, struct entropy_pool, lock)
static struct entropy_pool pool;

static inline u32 rotate(u32 v, u32 bits) { return (v << bits) | (v >> (32 - bits)); }

static void quarter(u32 s[16], u32 a, u32 b, u32 c, u32 d) {
    s[a] += s[b];
    s[d] = rotate(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = rotate(s[b] ^ s[c], 12);
    s[a] += s[b];
    s[d] = rotate(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = rotate(s[b] ^ s[c], 7);
}

static void block(struct entropy_pool *p, u32 out[16]) REQUIRES(lc_entropy) {
    u32 in[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    memcpy(&in[4], p->key, sizeof(p->key));
    in[12] = (u32)p->counter;
    in[13] = (u32)(p->counter >> 32);
    p->counter++;
    memcpy(out, in, sizeof(in));
    for (u32 round = 0; round < 10; round++) {
        quarter(out, 0, 4, 8, 12);
        quarter(out, 1, 5, 9, 13);
        quarter(out, 2, 6, 10, 14);
        quarter(out, 3, 7, 11, 15);
        quarter(out, 0, 5, 10, 15);
        quarter(out, 1, 6, 11, 12);
        quarter(out, 2, 7, 8, 13);
        quarter(out, 3, 4, 9, 14);
    }
    for (u32 i = 0; i < 16; i++) {
        out[i] += in[i];
    }
}

static void rekey(struct entropy_pool *p) REQUIRES(lc_entropy) {
    u32 out[16];
    block(p, out);
    memcpy(p->key, out, sizeof(p->key));
}

static void mix(struct entropy_pool *p, const u8 *bytes, size_t n) REQUIRES(lc_entropy) {
    while (n > 0) {
        u8 chunk[sizeof(p->key)] = {};
        size_t take = MIN(n, sizeof(chunk));
        memcpy(chunk, bytes, take);
        u32 words[8];
        memcpy(words, chunk, sizeof(words));
        for (u32 i = 0; i < 8; i++) {
            p->key[i] ^= words[i];
        }
        rekey(p);
        bytes += take;
        n -= take;
    }
}

void entropy_init(const u8 *seed, size_t bytes) {
    u64 words[8];
    u32 good;
    cpu_random_words(words, countof(words), &good);
    u64 tsc = cpu_tsc();
    GUARD(entropy, &pool);
    mix(&pool, seed, bytes);
    mix(&pool, (const u8 *)words, sizeof(words));
    mix(&pool, (const u8 *)&tsc, sizeof(tsc));
}

void entropy_add(u64 word) {
    GUARD(entropy, &pool);
    pool.key[0] ^= (u32)word;
    pool.key[1] ^= (u32)(word >> 32);
}

void entropy_get(void *out, size_t bytes) {
    u8 *at = out;
    GUARD(entropy, &pool);
    rekey(&pool);
    while (bytes > 0) {
        u32 words[16];
        block(&pool, words);
        size_t take = MIN(bytes, sizeof(words));
        memcpy(at, words, take);
        at += take;
        bytes -= take;
    }
    rekey(&pool);
}

u64 entropy_u64(void) {
    u64 v;
    entropy_get(&v, sizeof(v));
    return v;
}
