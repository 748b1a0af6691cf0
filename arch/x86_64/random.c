// SPDX-License-Identifier: MIT
// Hardware random words. Also runs in the PVH stub, before relocation and paging: reads CPUID
// itself, has no data, no sanitizers. Source: Intel SDM 1 7.3.17.
#include "arch_impl.h"

static bool bit(u32 word, u32 n) { return (word >> n & 1) != 0; }
static bool random_word(bool seed, bool rand, u64 *out) {
    for (u32 tries = 0; tries < 16; tries++) {
        u8 ok = 0;
        if (seed) {
            __asm__ volatile("rdseed %0; setc %1" : "=r"(*out), "=qm"(ok)::"cc");
        } else if (rand) {
            __asm__ volatile("rdrand %0; setc %1" : "=r"(*out), "=qm"(ok)::"cc");
        }
        if (ok != 0) {
            return true;
        }
    }
    return false;
}

void cpu_random_words(u64 *out, u32 count, u32 *good) {
    u32 top, a, b, c, d, c1;
    cpuid(0, 0, &top, &b, &c, &d);
    cpuid(1, 0, &a, &b, &c1, &d);
    bool rand = bit(c1, 30), seed = false;
    if (top >= 7) {
        cpuid(7, 0, &a, &b, &c, &d);
        seed = bit(b, 18);
    }
    *good = 0;
    for (u32 i = 0; i < count; i++) {
        if (random_word(seed, rand, &out[i])) {
            (*good)++;
        } else {
            out[i] = cpu_tsc() * 0x9e3779b97f4a7c15;
        }
    }
}
