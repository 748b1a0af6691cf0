// SPDX-License-Identifier: MIT
// Page tables of running address spaces, TLB maintenance, and the direct map. docs/memory-map.md shows the whole map.
// Source: Intel SDM 3A ch. 4.
#pragma once
#include <lib/paging/paging.h>
#include <lib/types.h>

constexpr u64 USER_VA_END = 0x00007ffffffff000; // first address past user space
constexpr u64 KERNEL_VMAP_VA = 0xffffc00000000000; // kernel stacks, MMIO windows; mm/vm/kmap.h hands it out
constexpr u64 KERNEL_VMAP_BYTES = (u64)1 << 40;

extern u64 mmu_direct_map_base; // set once at boot
static inline void *pa_to_ptr(struct pa pa) { return (void *)(mmu_direct_map_base + pa.v); }
static inline struct pa ptr_to_pa(const void *p) { return (struct pa){(u64)p - mmu_direct_map_base}; } // direct-map pointers only

enum mmu_flags : u32 {
    MMU_READ = 1, MMU_WRITE = 2, MMU_EXEC = 4, MMU_USER = 8, MMU_NOCACHE = 16, MMU_WRITE_COMBINE = 32,
    MMU_ACCESSED = 64, MMU_DIRTY = 128, // reported by mmu_query and mmu_unmap
};

// One address space's tables. The kernel half is shared by all. Locks: callers serialise changes of one space.
struct mmu_space {
    u64 root_pa;
    _Atomic u64 active_cpus; // bit per CPU that may hold translations
};

void mmu_init(u64 root_pa, u64 direct_map_base);              // adopt the boot tables; prefill the kernel half's top entries
err_t mmu_space_init(struct mmu_space *s);                    // ERR_NOMEM
void mmu_space_fini(struct mmu_space *s);                     // frees the user half's tables; nothing may be active
extern struct mmu_space mmu_kernel_space;                     // for the vmap area

// 4 KiB pages. va within the space's half. Errors: ERR_NOMEM, ERR_EXIST. No TLB flush is needed after mapping a hole.
err_t mmu_map(struct mmu_space *s, u64 va, struct pa pa, u32 flags);
// Replaces the rights of a mapped page / removes it. False if nothing was mapped. *pa_out and *flags_out may be null.
// The caller flushes.
bool mmu_protect(struct mmu_space *s, u64 va, u32 flags);
bool mmu_unmap(struct mmu_space *s, u64 va, struct pa *pa_out, u32 *flags_out);
bool mmu_query(const struct mmu_space *s, u64 va, struct pa *pa_out, u32 *flags_out);
// First mapped page at or after va, before end; end if none. Skips empty tables quickly.
u64 mmu_next_mapped(const struct mmu_space *s, u64 va, u64 end);

// Makes earlier protect/unmap of the range visible on every CPU (IPI where active). Waits. Interrupts must be on or no
// other CPU active. pages above a threshold flush everything.
void mmu_flush(struct mmu_space *s, u64 va, u64 pages);
void mmu_switch(struct mmu_space *next); // this CPU; null keeps the current user half (kernel threads). Interrupts off.

// Raw user copies with fault fix-up; return bytes NOT copied. Only mm/vm/copy.c calls them. Addresses are already checked.
size_t usercopy_in(void *dst, u64 src, size_t bytes);
size_t usercopy_out(u64 dst, const void *src, size_t bytes);
size_t usercopy_zero(u64 dst, size_t bytes);
