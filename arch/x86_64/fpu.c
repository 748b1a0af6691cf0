// SPDX-License-Identifier: MIT
// Floating-point and vector registers of user programs. The kernel is compiled without them, so
// they stay loaded while it runs and are saved at a thread switch only. Without XSAVE the 512-byte
// FXSAVE format, which is XSAVE's first part, is used. Source: Intel SDM 1 ch. 13.
#include "arch_impl.h"
#include <arch/x86_64/upcalls.h>
#include <lib/mem.h>

constexpr u64 X87 = 1, SSE = 2, AVX = 4, AVX512 = 0xe0;
constexpr u32 MXCSR_DEFAULT = 0x1f80;
constexpr size_t LEGACY_BYTES = 512, HEADER_BYTES = 64;

struct legacy_area { // the fields looked at, of FXSAVE's 512 bytes
    u16 control, status;
    u32 other[5];
    u32 mxcsr, mxcsr_mask;
    u8 registers[480];
};
struct xsave_area {
    struct legacy_area legacy;
    u64 present;   // XSTATE_BV
    u64 compacted; // XCOMP_BV
    u64 reserved[6];
};
static_assert(sizeof(struct legacy_area) == LEGACY_BYTES);
static_assert(sizeof(struct xsave_area) == LEGACY_BYTES + HEADER_BYTES);

static u64 features = X87 | SSE;
static size_t area_bytes = LEGACY_BYTES;
static u32 mxcsr_mask = 0xffbf;

static void read_mxcsr_mask(void) {
    alignas(16) struct legacy_area area = {};
    __asm__ volatile("fxsave64 %0" : "=m"(area));
    if (area.mxcsr_mask != 0) {
        mxcsr_mask = area.mxcsr_mask;
    }
}

void fpu_init_cpu(bool boot_cpu) {
    u32 a, b, c, d;
    __asm__ volatile("fninit");
    if (!cpu_features.xsave) {
        if (boot_cpu) {
            read_mxcsr_mask();
        }
        return;
    }
    if (boot_cpu) {
        cpuid(0xd, 0, &a, &b, &c, &d);
        u64 offered = (u64)d << 32 | a;
        features = offered & (X87 | SSE | AVX);
        if ((offered & AVX512) == AVX512 && (features & AVX) != 0) {
            features |= AVX512;
        }
        read_mxcsr_mask();
    }
    __asm__ volatile("xsetbv" ::"c"(0), "a"((u32)features), "d"((u32)(features >> 32)));
    cpuid(0xd, 0, &a, &b, &c, &d); // EBX: bytes for what is switched on
    if (boot_cpu) {
        area_bytes = ALIGN_UP((size_t)b, 64);
    } else if (b > area_bytes) {
        upcall_fatal("CPUs differ in their vector registers");
    }
}

size_t fpu_area_bytes(void) { return area_bytes; }
u64 fpu_features(void) { return features; }

void fpu_area_init(void *area) {
    struct xsave_area *x = area;
    memset(area, 0, area_bytes);
    x->legacy.control = 0x37f;
    x->legacy.mxcsr = MXCSR_DEFAULT;
}

void fpu_save(void *area) {
    u32 low = (u32)features, high = (u32)(features >> 32);
    if (!cpu_features.xsave) {
        __asm__ volatile("fxsave64 (%0)" ::"r"(area) : "memory");
    } else if (cpu_features.xsaveopt) {
        __asm__ volatile("xsaveopt64 (%0)" ::"r"(area), "a"(low), "d"(high) : "memory");
    } else {
        __asm__ volatile("xsave64 (%0)" ::"r"(area), "a"(low), "d"(high) : "memory");
    }
}

void fpu_restore(const void *area) {
    u32 low = (u32)features, high = (u32)(features >> 32);
    if (cpu_features.xsave) {
        __asm__ volatile("xrstor64 (%0)" ::"r"(area), "a"(low), "d"(high) : "memory");
    } else {
        __asm__ volatile("fxrstor64 (%0)" ::"r"(area) : "memory");
    }
}

// XRSTOR faults on: reserved MXCSR bits, components that are not switched on, a compacted or
// reserved header.
bool fpu_area_check(void *area) {
    struct xsave_area *x = area;
    if (cpu_features.xsave && x->compacted != 0) {
        return false;
    }
    x->legacy.mxcsr &= mxcsr_mask;
    if (cpu_features.xsave) {
        x->present &= features;
        memset(x->reserved, 0, sizeof(x->reserved));
    }
    return true;
}
