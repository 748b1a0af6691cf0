// SPDX-License-Identifier: MIT
// The address sanitizer's checks: the compiler puts a call before each load and store. Until
// kasan_enable, and for addresses that have no shadow (devices, user memory), a check passes. This
// file is built without the sanitizer.
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/mmu.h>
#include <kernel/base/kasan.h>
#include <kernel/base/panic.h>
#include <lib/mem.h>

static bool enabled;
static struct kasan_ranges ranges;

void kasan_enable(const struct kasan_ranges *r) {
    ranges = *r;
    enabled = true;
}

void kasan_extend_vmap(u64 end) {
    if (end > ranges.vmap_end) {
        ranges.vmap_end = end;
    }
}

static bool has_shadow(u64 a) {
    return enabled && ((a - mmu_direct_map_base < ranges.direct_map_bytes) ||
                       (a >= KERNEL_VMAP_VA && a < ranges.vmap_end) ||
                       (a - ranges.image_va < ranges.image_bytes));
}

// ---- shadow
void kasan_poison_range(u64 address, u64 bytes, u8 tag) {
    if (has_shadow(address) && bytes != 0) {
        memset(kasan_shadow_of(address), tag, ALIGN_UP(bytes, 8) >> KASAN_SHADOW_SHIFT);
    }
}

void kasan_unpoison_range(u64 address, u64 bytes) {
    if (has_shadow(address) && bytes != 0) {
        memset(kasan_shadow_of(address), 0, bytes >> KASAN_SHADOW_SHIFT);
        if ((bytes & 7) != 0) {
            *kasan_shadow_of(address + bytes) = (u8)(bytes & 7);
        }
    }
}

static const char *tag_name(u8 tag) {
    switch (tag) {
    case KASAN_FREED:
        return "freed heap memory";
    case KASAN_RED_ZONE:
        return "memory behind a heap object";
    case KASAN_PAGE_FREED:
        return "a freed page";
    case 0xf1:
    case 0xf2:
    case 0xf3:
        return "stack around a variable";
    case 0xf8:
        return "a variable out of scope";
    default:
        return "memory behind the end of an object";
    }
}

static void report(u64 address, u64 bytes, bool write, u64 site, u8 tag) {
    enabled = false; // the report itself must not be reported
    char where[80];
    symbol_print(site, where, sizeof(where));
    panic("KASAN: %s of %llu bytes at 0x%llx in %s: %s (shadow 0x%x)", write ? "write" : "read",
          (unsigned long long)bytes, (unsigned long long)address, where, tag_name(tag), tag);
}

static inline void check(u64 address, u64 bytes, bool write, u64 site) {
    if (!has_shadow(address)) {
        return;
    }
    u64 end = address + bytes;
    for (u64 a = ALIGN_DOWN(address, 8); a < end; a += 8) {
        u8 tag = *kasan_shadow_of(a);
        if (unlikely(tag != 0) && (tag > 7 || MIN(end, a + 8) - a > tag)) {
            report(address, bytes, write, site, tag);
        }
    }
}

// ---- called by compiled code
#define CHECKER(name, bytes, write)                                                                \
    void __asan_##name##_noabort(u64 address);                                                     \
    void __asan_##name##_noabort(u64 address) {                                                    \
        check(address, bytes, write, (u64)__builtin_return_address(0));                            \
    }
CHECKER(load1, 1, false)
CHECKER(load2, 2, false)
CHECKER(load4, 4, false)
CHECKER(load8, 8, false)
CHECKER(load16, 16, false)
CHECKER(store1, 1, true)
CHECKER(store2, 2, true)
CHECKER(store4, 4, true)
CHECKER(store8, 8, true)
CHECKER(store16, 16, true)

void __asan_loadN_noabort(u64 address, u64 bytes);
void __asan_loadN_noabort(u64 address, u64 bytes) {
    check(address, bytes, false, (u64)__builtin_return_address(0));
}
void __asan_storeN_noabort(u64 address, u64 bytes);
void __asan_storeN_noabort(u64 address, u64 bytes) {
    check(address, bytes, true, (u64)__builtin_return_address(0));
}

// Shadow of stack variables: address is already the shadow's.
#define SHADOW_SETTER(tag)                                                                         \
    void __asan_set_shadow_##tag(u64 shadow, u64 bytes);                                           \
    void __asan_set_shadow_##tag(u64 shadow, u64 bytes) { set_shadow(shadow, bytes, 0x##tag); }
static void set_shadow(u64 shadow, u64 bytes, u8 tag) {
    u64 address = (shadow - KASAN_SHADOW_OFFSET) << KASAN_SHADOW_SHIFT;
    if (has_shadow(address)) {
        memset((void *)shadow, tag, bytes);
    }
}
SHADOW_SETTER(00)
SHADOW_SETTER(01)
SHADOW_SETTER(02)
SHADOW_SETTER(03)
SHADOW_SETTER(04)
SHADOW_SETTER(05)
SHADOW_SETTER(06)
SHADOW_SETTER(07)
SHADOW_SETTER(f1)
SHADOW_SETTER(f2)
SHADOW_SETTER(f3)
SHADOW_SETTER(f5)
SHADOW_SETTER(f8)

void __asan_poison_stack_memory(u64 address, u64 bytes);
void __asan_poison_stack_memory(u64 address, u64 bytes) {
    kasan_poison_range(ALIGN_UP(address, 8), ALIGN_DOWN(bytes, 8), 0xf8);
}
void __asan_unpoison_stack_memory(u64 address, u64 bytes);
void __asan_unpoison_stack_memory(u64 address, u64 bytes) { kasan_unpoison_range(address, bytes); }

// The frames above will never return to clean up: they may be overwritten by whatever runs on this
// stack next.
void __asan_handle_no_return(void);
void __asan_handle_no_return(void) {
    if (!enabled) {
        return;
    }
    u64 here = ALIGN_DOWN((u64)__builtin_frame_address(0), 8);
    u64 top = cpu_this()->kernel_stack_top;
    if (top > here && top - here <= KIB(64)) {
        kasan_unpoison_range(here, top - here);
    }
}
