// SPDX-License-Identifier: MIT
// Physical pages: one struct page per frame, buddy allocator with per-CPU caches of single pages.
#pragma once
#include <arch/x86_64/mmu.h>
#include <lib/list.h>
#include <lib/types.h>

constexpr u32 PAGE_ORDER_MAX = 10; // 4 MiB

enum page_flags : u8 {
    PAGE_FREE = 1,
    PAGE_RESERVED = 2,
    PAGE_DIRTY = 4,
    PAGE_UPTODATE = 8,
    PAGE_WRITEBACK = 16,
    PAGE_LRU = 32,
    PAGE_SLAB = 64
};
struct page {
    _Atomic u32 references; // mappings and holders; freed at 0 by page_put
    _Atomic u8 flags;
    u8 order;
    u16 map_count_hint;
    struct list node; // free list, or the owner's
    void *owner;      // vm_object or slab
    u64 index;        // page number inside the owner
};
extern struct page *page_array;
extern u64 page_array_count;

struct boot_info;
void phys_init(
    const struct boot_info *boot); // takes usable memory; LOADER memory stays until phys_free_boot
// Frees LOADER memory but for page tables in use, the boot stack, modules and *boot itself.
void phys_free_boot(const struct boot_info *boot);
void phys_free_range(struct pa start, u64 bytes); // whole pages inside: a module that was consumed
void phys_init_cpu(u32 cpu_idx);                  // on that CPU // on that CPU

enum page_alloc_flags : u32 {
    PAGE_ZERO = 1,
    PAGE_ATOMIC = 2,
    PAGE_BELOW_4G = 4
}; // ATOMIC: never reclaims or sleeps
err_t page_alloc(u32 order, u32 flags,
                 struct page **out); // ERR_NOMEM; one reference. Any context with PAGE_ATOMIC
void page_get(struct page *p);
void page_put(struct page *p); // frees at 0. Any context
void page_put_many(struct page **pages, u32 count);
static inline u64 page_index_of(const struct page *p) { return (u64)(p - page_array); }
static inline struct pa page_pa(const struct page *p) {
    return (struct pa){page_index_of(p) << PAGE_SHIFT};
}
static inline void *page_ptr(const struct page *p) { return pa_to_ptr(page_pa(p)); }
static inline struct page *page_of_pa(struct pa pa) { return &page_array[pa.v >> PAGE_SHIFT]; }
// Is there room for something large that may also be refused (a process)? Leaves the reserve to those who must finish what they
// began. Sleeps.
bool phys_has_room(u64 pages);
struct phys_stats {
    u64 total_pages, free_pages, reserved_pages;
};
void phys_stats(struct phys_stats *out);
// Called (may sleep) when memory is short; returns pages freed. Registered by mm/vm (page cache) and others.
struct reclaimer {
    u64 (*reclaim)(u64 wanted_pages);
    struct reclaimer *next;
};
void phys_add_reclaimer(struct reclaimer *r);
