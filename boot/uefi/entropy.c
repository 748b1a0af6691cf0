// SPDX-License-Identifier: MIT
// A sponge over the ChaCha permutation (RFC 8439 section 2.1): sources are added into the first
// half of the state, the second half is never shown. So a weak source cannot undo a good one, and
// what the kernel receives does not tell the slides that were drawn before it.
#include <boot/uefi/loader.h>
#include <lib/mem.h>

constexpr u32 RATE_BYTES = 32;
constexpr u32 JITTER_SAMPLES = 256;
constexpr u32 RETRIES = 10; // Intel's advice for RDRAND

static u32 state[16];

static u32 rotate(u32 x, u32 bits) { return x << bits | x >> (32 - bits); }

static void quarter(u32 *a, u32 *b, u32 *c, u32 *d) {
    *a += *b, *d = rotate(*d ^ *a, 16);
    *c += *d, *b = rotate(*b ^ *c, 12);
    *a += *b, *d = rotate(*d ^ *a, 8);
    *c += *d, *b = rotate(*b ^ *c, 7);
}

static void permute(void) {
    for (u32 round = 0; round < 10; round++) {
        for (u32 i = 0; i < 4; i++) {
            quarter(&state[i], &state[4 + i], &state[8 + i], &state[12 + i]);
        }
        for (u32 i = 0; i < 4; i++) {
            quarter(&state[i], &state[4 + (i + 1) % 4], &state[8 + (i + 2) % 4],
                    &state[12 + (i + 3) % 4]);
        }
    }
}

static void absorb(const void *data, size_t bytes) {
    const u8 *from = data;
    u8 *to = (u8 *)state;
    for (size_t at = 0; at < bytes; at += RATE_BYTES) {
        for (size_t i = 0; i < MIN(bytes - at, (size_t)RATE_BYTES); i++) {
            to[i] ^= from[at + i];
        }
        state[15] ^= (u32)bytes + 1;
        permute();
    }
}

static u64 read_tsc(void) {
    u32 low = 0, high = 0;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64)high << 32 | low;
}

static void cpuid(u32 leaf, u32 *b, u32 *c) {
    u32 a = leaf, d = 0;
    *c = 0;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(*b), "+c"(*c), "=d"(d));
}

static bool rdrand(u64 *out) {
    bool ok = false;
    for (u32 i = 0; i < RETRIES && !ok; i++) {
        __asm__ volatile("rdrand %0; setc %1" : "=r"(*out), "=qm"(ok) : : "cc");
    }
    return ok;
}

static bool rdseed(u64 *out) {
    bool ok = false;
    for (u32 i = 0; i < RETRIES && !ok; i++) {
        __asm__ volatile("rdseed %0; setc %1" : "=r"(*out), "=qm"(ok) : : "cc");
    }
    return ok;
}

static void absorb_processor(void) {
    u32 leaf1_b = 0, leaf1_c = 0, leaf7_b = 0, leaf7_c = 0;
    u64 word = 0;
    cpuid(1, &leaf1_b, &leaf1_c);
    cpuid(7, &leaf7_b, &leaf7_c);
    for (u32 i = 0; i < 8; i++) {
        if ((leaf7_b >> 18 & 1) != 0 && rdseed(&word)) {
            absorb(&word, sizeof(word));
        }
        if ((leaf1_c >> 30 & 1) != 0 && rdrand(&word)) {
            absorb(&word, sizeof(word));
        }
    }
}

// How long the firmware's services take differs from call to call by caches, bus traffic and timer
// interrupts.
static void absorb_jitter(void) {
    u64 samples[4];
    for (u32 i = 0; i < JITTER_SAMPLES; i++) {
        efi->boot->stall(1);
        samples[i % 4] = read_tsc();
        if (i % 4 == 3) {
            absorb(samples, sizeof(samples));
        }
    }
}

void entropy_collect(void) {
    struct efi_rng *rng = nullptr;
    struct efi_guid guid = EFI_GUID_RNG;
    struct efi_time time = {};
    u8 bytes[32] = {};
    if (efi->boot->locate_protocol(&guid, nullptr, (void **)&rng) == EFI_OK &&
        rng->get(rng, nullptr, sizeof(bytes), bytes) == EFI_OK) {
        absorb(bytes, sizeof(bytes));
    }
    if (efi->runtime->get_time(&time, nullptr) == EFI_OK) {
        absorb(&time, sizeof(time));
    }
    absorb_processor();
    absorb_jitter();
    memset(bytes, 0, sizeof(bytes));
}

void entropy_bytes(u8 *out, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        if (i % RATE_BYTES == 0) {
            permute();
        }
        out[i] = ((const u8 *)state)[i % RATE_BYTES];
    }
    // One more turn with part of the state gone: what was drawn cannot be computed back.
    memset(state, 0, RATE_BYTES / 2);
    permute();
}

u64 entropy_u64(void) {
    u64 value = 0;
    entropy_bytes((u8 *)&value, sizeof(value));
    return value;
}
