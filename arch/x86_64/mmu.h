// SPDX-License-Identifier: MIT
// Page tables of running address spaces, TLB maintenance, and the direct map. docs/memory-map.md shows the whole map.
// Source: Intel SDM 3A ch. 4.
#pragma once
#include <lib/paging/paging.h>
#include <lib/types.h>

constexpr u64 USER_VA_END = 0x00007ffffffff000; // first address past user space
constexpr u64 KERNEL_VMAP_VA =
    0xffffc00000000000; // kernel stacks, MMIO windows; mm/vm/kmap.h hands it out
constexpr u64 KERNEL_VMAP_BYTES = (u64)1 << 40;

extern u64 mmu_direct_map_base; // set once at boot
static inline void *pa_to_ptr(struct pa pa) { return (void *)(mmu_direct_map_base + pa.v); }
static inline struct pa ptr_to_pa(const void *p) {
    return (struct pa){(u64)p - mmu_direct_map_base};
} // direct-map pointers only

enum mmu_flags : u32 {
    MMU_READ = 1,
    MMU_WRITE = 2,
    MMU_EXEC = 4,
    MMU_USER = 8,
    MMU_NOCACHE = 16,
    MMU_WRITE_COMBINE = 32,
    MMU_ACCESSED = 64,
    MMU_DIRTY = 128, // reported by mmu_query and mmu_unmap
};

// One address space's tables. The kernel half is shared by all. Locks: callers serialise changes of one space.
struct mmu_space {
    u64 root_pa;
    _Atomic u64 active_cpus; // bit per CPU that may hold translations
    _Atomic u64 root_used;   // bit per 4 entries of the root's user half that ever led to a table
};

void mmu_init(u64 root_pa, u64 direct_map_base); // adopt the boot tables; drop their identity page
err_t mmu_prefill(
    u64 va,
    u64 bytes); // kernel half: makes the top entries that all later spaces share. ERR_NOMEM. Boot only
err_t mmu_space_init(struct mmu_space *s); // ERR_NOMEM
void mmu_space_fini(struct mmu_space *s);  // frees the user half's tables; deactivates it first
extern struct mmu_space mmu_kernel_space;  // for the vmap area

// 4 KiB pages. va within the space's half. Errors: ERR_NOMEM, ERR_EXIST. No TLB flush is needed after mapping a hole.
err_t mmu_map(struct mmu_space *s, u64 va, struct pa pa, u32 flags);
// Replaces the rights of a mapped page / removes it. False if nothing was mapped. *pa_out and *flags_out may be null.
// The caller flushes.
bool mmu_protect(struct mmu_space *s, u64 va, u32 flags);
bool mmu_unmap(struct mmu_space *s, u64 va, struct pa *pa_out, u32 *flags_out);
bool mmu_query(const struct mmu_space *s, u64 va, struct pa *pa_out, u32 *flags_out);
// First mapped page at or after va, before end; end if none. Skips empty tables quickly.
u64 mmu_next_mapped(const struct mmu_space *s, u64 va, u64 end);

// ---- leaf entries, for the batch walks of mm/vm. An entry that is not 0 holds a page, even one that allows no access (then the
// processor does not see it). Entries change by atomic operations only: the processor sets ACCESSED and DIRTY, and an object's
// owner may clear entries of a space whose lock it does not hold. Tables go only when no mapping is left in their range.
struct mmu_entry {
    _Atomic u64 raw;
};
constexpr u64 MMU_ENTRY_PRESENT = 1, MMU_ENTRY_WRITE = 1 << 1, MMU_ENTRY_USER = 1 << 2,
              MMU_ENTRY_ACCESSED = 1 << 5, MMU_ENTRY_DIRTY = 1 << 6, MMU_ENTRY_HELD = 1 << 9,
              MMU_ENTRY_NOEXEC = (u64)1 << 63, MMU_ENTRY_ADDRESS = 0x000ffffffffff000;
constexpr u64 MMU_TABLE_ENTRIES = 512,
              MMU_TABLE_BYTES = MMU_TABLE_ENTRIES * PAGE_SIZE; // what one leaf table maps

u64 mmu_entry_make(struct pa pa,
                   u32 flags); // flags without READ, WRITE, EXEC: held but not accessible
static inline struct pa mmu_entry_pa(u64 raw) { return (struct pa){raw & MMU_ENTRY_ADDRESS}; }
static inline u64 mmu_entry_get(const struct mmu_entry *e) {
    return __c11_atomic_load(&e->raw, __ATOMIC_RELAXED);
}
static inline void mmu_entry_set(struct mmu_entry *e, u64 raw) {
    __c11_atomic_store(&e->raw, raw, __ATOMIC_RELEASE);
}
static inline u64 mmu_entry_swap(struct mmu_entry *e, u64 raw) {
    return __c11_atomic_exchange(&e->raw, raw, __ATOMIC_ACQ_REL);
}
static inline u64 mmu_entry_take(struct mmu_entry *e) {
    return mmu_entry_get(e) == 0 ? 0 : mmu_entry_swap(e, 0);
}
// The entry of va; null if its table is missing (and, with create, cannot be allocated).
struct mmu_entry *mmu_entry_at(struct mmu_space *s, u64 va, bool create);
// The entry of the first address at or after *va, before end, that has a table; moves *va there. Null: no more.
struct mmu_entry *mmu_entry_next(const struct mmu_space *s, u64 *va, u64 end);
static inline u64 mmu_table_end(u64 va, u64 end) {
    u64 e = ALIGN_DOWN(va, MMU_TABLE_BYTES) + MMU_TABLE_BYTES;
    return MIN(e, end);
}
// Frees tables that serve [start, end) only; flushes by itself. All entries there are 0.
void mmu_free_tables(struct mmu_space *s, u64 start, u64 end);

// Makes earlier protect/unmap of the range visible on every CPU (IPI where active). Waits; no lock that another CPU may want with
// interrupts off may be held. pages above a threshold flush everything.
void mmu_flush(struct mmu_space *s, u64 va, u64 pages);
static inline void mmu_flush_local(u64 va) {
    __asm__ volatile("invlpg (%0)" ::"r"(va) : "memory");
} // rights were only added
void mmu_switch(
    struct mmu_space
        *next); // this CPU; null keeps the current user half (kernel threads). Interrupts off.
void mmu_deactivate(
    struct mmu_space
        *s); // no CPU holds it from here on; no thread may run in it. Waits like mmu_flush
void mmu_handle_ipi(void); // the interrupt MMU_IPI_VECTOR: serves flush requests. Interrupts off
constexpr u8 MMU_IPI_VECTOR = 0xfd;

// Raw user copies with fault fix-up; return bytes NOT copied. Only mm/vm/copy.c calls them. Addresses are already checked.
size_t usercopy_in(void *dst, u64 src, size_t bytes);
size_t usercopy_out(u64 dst, const void *src, size_t bytes);
size_t usercopy_zero(u64 dst, size_t bytes);
size_t usercopy_load_u32(u64 src, u32 *out);
size_t usercopy_cmpxchg_u32(u64 address, u32 expected, u32 desired, u32 *seen);
extern const char usercopy_text_start[],
    usercopy_text_end[]; // the only kernel code that may touch user memory
