// SPDX-License-Identifier: MIT
// Address sanitizer of the kernel (CONFIG=kasan). One shadow byte tells about 8 bytes of memory: 0
// all may be used, 1..7 only the first that many, anything else none. The compiler calls __asan_*
// (kasan.c) before each access; allocators say here what is valid. In other kernels these calls
// vanish.
#pragma once
#include <lib/types.h>

constexpr u64 KASAN_SHADOW_OFFSET = 0xdffffc0000000000; // as in the Makefile
constexpr u32 KASAN_SHADOW_SHIFT = 3;
enum kasan_tag : u8 { KASAN_FREED = 0xfb, KASAN_RED_ZONE = 0xfc, KASAN_PAGE_FREED = 0xff };

// Functions that look at memory the sanitizer forbids (free lists inside freed objects).
#define NO_KASAN __attribute__((no_sanitize("kernel-address")))

static inline u8 *kasan_shadow_of(u64 address) {
    return (u8 *)((address >> KASAN_SHADOW_SHIFT) + KASAN_SHADOW_OFFSET);
}
// Before kernel_main, arch/x86_64/shadow.c leads all of the shadow to one writable scratch page,
// through shared tables: inline stack poisoning is harmless from the first function on, and real
// shadows replace entries of it.
struct boot_info;
struct kasan_ranges { // what has a shadow
    u64 direct_map_bytes;
    u64 image_va, image_bytes;
    u64 vmap_end; // of the kernel's virtual area, from its start
};
void kasan_enable(const struct kasan_ranges *r); // from now on memory is checked
void kasan_extend_vmap(u64 end);

// mm/phys/shadow.c. kasan_init comes after mmu_init and before the heap. kasan_back_range gives a
// virtual range that is about to be mapped a shadow of its own: ERR_NOMEM.
void kasan_init_slow(const struct boot_info *boot);
err_t kasan_back_range_slow(u64 va, u64 bytes);
static inline void kasan_init(const struct boot_info *info) {
    if (CONFIG_KASAN) {
        kasan_init_slow(info);
    }
}
static inline err_t kasan_back_range(u64 va, u64 bytes) {
    return CONFIG_KASAN ? kasan_back_range_slow(va, bytes) : ERR_OK;
}
void kasan_poison_range(u64 address, u64 bytes, u8 tag); // address: multiple of 8
void kasan_unpoison_range(u64 address, u64 bytes);
static inline void kasan_poison(const void *p, u64 bytes, u8 tag) {
    if (CONFIG_KASAN) {
        kasan_poison_range((u64)p, bytes, tag);
    }
}
static inline void kasan_unpoison(const void *p, u64 bytes) {
    if (CONFIG_KASAN) {
        kasan_unpoison_range((u64)p, bytes);
    }
}
