// SPDX-License-Identifier: MIT
// Page tables of running spaces and TLB maintenance.
//
// The kernel half's top entries that will ever be used are filled at boot, before the first user
// space exists; each space copies the 256 of them, so that all spaces see later kernel mappings.
//
// Shootdown: the initiator claims one of 64 request slots, writes what to flush and the set of CPUs
// that must, sends the interrupt and waits until the set is empty. It holds no lock and no CPU
// meanwhile; while it waits it serves requests made to its own CPU when interrupts are off, so two
// initiators never wait for each other. A target with interrupts off answers when it turns them on.
// Who must answer: active_cpus, set before a CPU loads the root and cleared after it loaded
// another. A CPU that runs a kernel thread keeps the last user root loaded; mmu_deactivate takes it
// away before the tables are freed.
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/mmu.h>
#include <arch/x86_64/upcalls.h>
#include <lib/mem.h>

constexpr u64 ENTRY_NOCACHE = 1 << 4 | 1 << 3;
constexpr u64 ENTRY_WRITE_COMBINE = 1 << 3; // attribute 1, as cpu.c sets it
constexpr u64 ENTRY_LARGE = 1 << 7, ENTRY_GLOBAL = 1 << 8;
constexpr u64 KERNEL_HALF_VA = 0xffff800000000000;
constexpr u64 USER_ROOT_ENTRIES = 256;
constexpr u64 FLUSH_PAGES_MAX = 32; // more: everything
constexpr u64 FLUSH_DROP = ~(u64)0; // stop using the space at all
constexpr u32 SLOTS = 64;

struct flush_request {
    struct mmu_space *space;
    u64 va, pages;
    _Atomic u64 pending; // CPUs that still have to flush
};

u64 mmu_direct_map_base;
struct mmu_space mmu_kernel_space;
static struct mmu_space *loaded[CPU_MAX]; // [o] interrupts off; null: the kernel's own root
static struct flush_request requests[SLOTS];
static _Atomic u64 claimed; // slots in use

typedef _Atomic u64 entry_t;

static inline u64 load(const entry_t *e) { return __c11_atomic_load(e, __ATOMIC_ACQUIRE); }
static inline entry_t *table_of(u64 entry) { return pa_to_ptr(mmu_entry_pa(entry)); }
static inline u32 index_at(u64 va, u32 shift) { return (va >> shift) & 511; }

static inline void cr3_write(u64 root_pa) {
    __asm__ volatile("movq %0, %%cr3" ::"r"(root_pa) : "memory");
}
static inline void invalidate_page(u64 va) { __asm__ volatile("invlpg (%0)" ::"r"(va) : "memory"); }

// ---- tables ------------------------------------------------------------------------------------
// Which parts of a table are in use is noted where it is found without looking at the table: in
// ignored bits of the entry that leads to it, one a group of 64 entries (the last two groups share
// one); for the root in root_used. Freeing looks at those parts only.
constexpr u32 GROUP_SHIFT = 6, GROUP_BIT = 52, GROUPS = 7;

static inline u64 group_bit(u32 index) {
    return (u64)1 << (GROUP_BIT + MIN(index >> GROUP_SHIFT, GROUPS - 1));
}

// The table below *e. Null: none (or a large page).
static inline entry_t *descend(const entry_t *e) {
    u64 raw = load(e);
    bool is_table = (raw & (MMU_ENTRY_PRESENT | ENTRY_LARGE)) == MMU_ENTRY_PRESENT;
    return likely(is_table) ? table_of(raw) : nullptr;
}

// Makes the missing table below *e, which is entry `index` of the table that `above` leads to
// (null: of the root).
static entry_t *make_table(struct mmu_space *s, entry_t *e, u32 index, entry_t *above, bool user) {
    struct pa pa;
    if (load(e) != 0 || upcall_alloc_table(&pa) != ERR_OK) {
        return nullptr;
    }
    if (above != nullptr) {
        __c11_atomic_fetch_or(above, group_bit(index), __ATOMIC_RELAXED);
    } else if (user) {
        __c11_atomic_fetch_or(&s->root_used, (u64)1 << (index >> 2), __ATOMIC_RELAXED);
    }
    __c11_atomic_store(e, pa.v | MMU_ENTRY_PRESENT | MMU_ENTRY_WRITE | (user ? MMU_ENTRY_USER : 0),
                       __ATOMIC_RELEASE);
    return pa_to_ptr(pa);
}

struct mmu_entry *mmu_entry_at(struct mmu_space *s, u64 va, bool create) {
    entry_t *t = pa_to_ptr((struct pa){s->root_pa});
    entry_t *above = nullptr;
    for (u32 shift = 39; shift > PAGE_SHIFT; shift -= 9) {
        entry_t *e = &t[index_at(va, shift)];
        t = descend(e);
        if (unlikely(t == nullptr)) {
            t = create ? make_table(s, e, index_at(va, shift), above, va < KERNEL_HALF_VA)
                       : nullptr;
            if (t == nullptr) {
                return nullptr;
            }
        }
        above = e;
    }
    return (struct mmu_entry *)&t[index_at(va, PAGE_SHIFT)];
}

struct mmu_entry *mmu_entry_next(const struct mmu_space *s, u64 *va, u64 end) {
    u64 at = *va;
    while (at < end) {
        entry_t *t = pa_to_ptr((struct pa){s->root_pa});
        u32 shift = 39;
        for (; shift > PAGE_SHIFT && t != nullptr; shift -= 9) {
            t = descend(&t[index_at(at, shift)]);
        }
        if (t != nullptr) {
            *va = at;
            return (struct mmu_entry *)&t[index_at(at, PAGE_SHIFT)];
        }
        u64 span = (u64)1 << (shift + 9); // what the missing table would have covered
        at = ALIGN_DOWN(at, span) + span;
        if (at == 0) {
            break; // past the end of the kernel half
        }
    }
    return nullptr;
}

u64 mmu_entry_make(struct pa pa, u32 flags) {
    if ((flags & (MMU_READ | MMU_WRITE | MMU_EXEC)) == 0) {
        return pa.v | MMU_ENTRY_HELD;
    }
    u64 raw = pa.v | MMU_ENTRY_PRESENT;
    raw |= (flags & MMU_WRITE) != 0 ? MMU_ENTRY_WRITE : 0;
    raw |= (flags & MMU_EXEC) == 0 ? MMU_ENTRY_NOEXEC : 0;
    raw |= (flags & MMU_USER) != 0 ? MMU_ENTRY_USER : ENTRY_GLOBAL;
    raw |= (flags & MMU_NOCACHE) != 0 ? ENTRY_NOCACHE : 0;
    raw |= (flags & MMU_WRITE_COMBINE) != 0 ? ENTRY_WRITE_COMBINE : 0;
    raw |= (flags & MMU_DIRTY) != 0 ? MMU_ENTRY_DIRTY | MMU_ENTRY_ACCESSED : 0;
    return raw;
}

static u32 flags_of(u64 raw) {
    u32 flags = 0;
    if ((raw & MMU_ENTRY_PRESENT) != 0) {
        flags |= MMU_READ;
        flags |= (raw & MMU_ENTRY_WRITE) != 0 ? MMU_WRITE : 0;
        flags |= (raw & MMU_ENTRY_NOEXEC) == 0 ? MMU_EXEC : 0;
    }
    flags |= (raw & MMU_ENTRY_USER) != 0 ? MMU_USER : 0;
    flags |= (raw & ENTRY_NOCACHE) == ENTRY_NOCACHE ? MMU_NOCACHE : 0;
    flags |= (raw & ENTRY_NOCACHE) == ENTRY_WRITE_COMBINE ? MMU_WRITE_COMBINE : 0;
    flags |= (raw & MMU_ENTRY_ACCESSED) != 0 ? MMU_ACCESSED : 0;
    flags |= (raw & MMU_ENTRY_DIRTY) != 0 ? MMU_DIRTY : 0;
    return flags;
}

// ---- single pages ------------------------------------------------------------------------------
err_t mmu_map(struct mmu_space *s, u64 va, struct pa pa, u32 flags) {
    struct mmu_entry *e = mmu_entry_at(s, va, true);
    if (e == nullptr) {
        return ERR_NOMEM;
    }
    if (mmu_entry_get(e) != 0) {
        return ERR_EXIST;
    }
    mmu_entry_set(e, mmu_entry_make(pa, flags));
    return ERR_OK;
}

bool mmu_protect(struct mmu_space *s, u64 va, u32 flags) {
    struct mmu_entry *e = mmu_entry_at(s, va, false);
    if (e == nullptr) {
        return false;
    }
    u64 old = mmu_entry_get(e);
    do {
        if (old == 0) {
            return false;
        }
    } while (!__c11_atomic_compare_exchange_weak(&e->raw, &old,
                                                 mmu_entry_make(mmu_entry_pa(old), flags) |
                                                     (old & (MMU_ENTRY_ACCESSED | MMU_ENTRY_DIRTY)),
                                                 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    return true;
}

bool mmu_unmap(struct mmu_space *s, u64 va, struct pa *pa_out, u32 *flags_out) {
    struct mmu_entry *e = mmu_entry_at(s, va, false);
    u64 old = e != nullptr ? mmu_entry_take(e) : 0;
    if (old == 0) {
        return false;
    }
    if (pa_out != nullptr) {
        *pa_out = mmu_entry_pa(old);
    }
    if (flags_out != nullptr) {
        *flags_out = flags_of(old);
    }
    return true;
}

bool mmu_query(const struct mmu_space *s, u64 va, struct pa *pa_out, u32 *flags_out) {
    entry_t *t = pa_to_ptr((struct pa){s->root_pa});
    u32 shift = 39;
    u64 raw = load(&t[index_at(va, shift)]);
    while (shift > PAGE_SHIFT && (raw & MMU_ENTRY_PRESENT) != 0 && (raw & ENTRY_LARGE) == 0) {
        shift -= 9;
        raw = load(&table_of(raw)[index_at(va, shift)]);
    }
    if (raw == 0) {
        return false;
    }
    u64 offset = va & (((u64)1 << shift) - 1) & ~PAGE_MASK; // within a large page
    if (pa_out != nullptr) {
        *pa_out = (struct pa){ALIGN_DOWN(raw & MMU_ENTRY_ADDRESS, (u64)1 << shift) + offset};
    }
    if (flags_out != nullptr) {
        *flags_out = flags_of(raw);
    }
    return true;
}

u64 mmu_next_mapped(const struct mmu_space *s, u64 va, u64 end) {
    for (;;) {
        struct mmu_entry *e = mmu_entry_next(s, &va, end);
        if (e == nullptr) {
            return end;
        }
        for (u64 stop = mmu_table_end(va, end); va < stop; va += PAGE_SIZE, e++) {
            if (mmu_entry_get(e) != 0) {
                return va;
            }
        }
    }
}

// ---- freeing tables ----------------------------------------------------------------------------
// The table behind an entry (level 1: leaf) and all below it; their entries become 0. At most 3
// deep.
static void free_tree(u64 entry, u32 level) {
    if (level > 1) {
        entry_t *t = table_of(entry);
        for (u32 group = 0; group < 8; group++) {
            if ((entry & group_bit(group << GROUP_SHIFT)) == 0) {
                continue;
            }
            for (u32 i = group << GROUP_SHIFT; i < (group + 1) << GROUP_SHIFT; i++) {
                u64 raw = load(&t[i]);
                if (raw != 0) {
                    __c11_atomic_store(&t[i], 0, __ATOMIC_RELAXED);
                    free_tree(raw, level - 1);
                }
            }
        }
    }
    upcall_free_table(mmu_entry_pa(entry));
}

constexpr u32 PRUNE_BATCH = 32;
struct prune {
    struct mmu_space *space;
    u64 start, end;
    u32 count;
    struct {
        u64 entry;
        u32 level;
    } cut[PRUNE_BATCH];
};

// Processors may be walking the cut tables until all flushed.
static void prune_finish(struct prune *p) {
    if (p->count != 0) {
        mmu_flush(p->space, p->start, FLUSH_PAGES_MAX + 1);
    }
    for (u32 i = 0; i < p->count; i++) {
        free_tree(p->cut[i].entry, p->cut[i].level);
    }
    p->count = 0;
}

// Cuts the tables below t (whose entries cover 2^shift bytes each, from base) that lie inside the
// range. At most 3 deep.
static void prune_table(struct prune *p, entry_t *t, u64 base, u32 shift) {
    u64 span = (u64)1 << shift;
    u64 from = MAX(p->start, base), to = MIN(p->end, base + span * 512);
    for (u64 at = ALIGN_DOWN(from, span); at < to; at += span) {
        entry_t *e = &t[index_at(at, shift)];
        u64 raw = load(e);
        if (raw == 0) {
            continue;
        }
        if (at >= p->start && at + span <= p->end) {
            if (p->count == PRUNE_BATCH) {
                prune_finish(p);
            }
            __c11_atomic_store(e, 0, __ATOMIC_RELEASE);
            p->cut[p->count].entry = raw;
            p->cut[p->count].level = (shift - PAGE_SHIFT) / 9;
            p->count++;
        } else if (shift > 21) {
            prune_table(p, table_of(raw), at, shift - 9);
        }
    }
}

void mmu_free_tables(struct mmu_space *s, u64 start, u64 end) {
    struct prune p = {.space = s, .start = start, .end = end};
    prune_table(&p, pa_to_ptr((struct pa){s->root_pa}), 0, 39);
    prune_finish(&p);
}

// ---- TLB ---------------------------------------------------------------------------------------
static void flush_everything(void) { // global translations too
    u64 cr4;
    __asm__ volatile("movq %%cr4, %0" : "=r"(cr4));
    __asm__ volatile("movq %0, %%cr4" ::"r"(cr4 ^ (1 << 7)) : "memory"); // changing PGE flushes all
    __asm__ volatile("movq %0, %%cr4" ::"r"(cr4) : "memory");
}

static void flush_here(struct mmu_space *s, u64 va, u64 pages, u32 me) {
    bool kernel = s == &mmu_kernel_space;
    if (!kernel && loaded[me] != s) {
        return;
    }
    if (pages == FLUSH_DROP) {
        loaded[me] = nullptr;
        cr3_write(mmu_kernel_space.root_pa);
        __c11_atomic_fetch_and(&s->active_cpus, ~((u64)1 << me), __ATOMIC_SEQ_CST);
    } else if (pages <= FLUSH_PAGES_MAX) {
        for (u64 i = 0; i < pages; i++) {
            invalidate_page(va + i * PAGE_SIZE);
        }
    } else if (kernel) {
        flush_everything();
    } else {
        cr3_write(s->root_pa);
    }
}

void mmu_handle_ipi(void) {
    u32 me = cpu_this()->idx;
    u64 bit = (u64)1 << me;
    for (u64 left = __c11_atomic_load(&claimed, __ATOMIC_SEQ_CST); left != 0; left &= left - 1) {
        struct flush_request *r = &requests[__builtin_ctzll(left)];
        if ((__c11_atomic_load(&r->pending, __ATOMIC_ACQUIRE) & bit) != 0) {
            flush_here(r->space, r->va, r->pages, me);
            __c11_atomic_fetch_and(&r->pending, ~bit, __ATOMIC_RELEASE);
        }
    }
}

static void serve_if_deaf(void) {
    if (!cpu_irq_enabled()) {
        mmu_handle_ipi();
    }
    cpu_pause();
}

static u32 slot_claim(void) {
    u64 used = __c11_atomic_load(&claimed, __ATOMIC_RELAXED);
    for (;;) {
        if (~used == 0) {
            serve_if_deaf();
            used = __c11_atomic_load(&claimed, __ATOMIC_RELAXED);
            continue;
        }
        u32 slot = (u32)__builtin_ctzll(~used);
        if (__c11_atomic_compare_exchange_weak(&claimed, &used, used | (u64)1 << slot,
                                               __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            return slot;
        }
    }
}

static void flush_others(struct mmu_space *s, u64 va, u64 pages, u64 targets) {
    u32 slot = slot_claim();
    struct flush_request *r = &requests[slot];
    r->space = s;
    r->va = va;
    r->pages = pages;
    __c11_atomic_store(&r->pending, targets, __ATOMIC_SEQ_CST);
    // Preempted and moved between here and the wait is fine: every target answers, wherever we are.
    // A target that is now this CPU gets no interrupt from itself, hence the direct look.
    cpu_irq_off();
    u64 me = (u64)1 << cpu_this()->idx;
    if ((targets & me) != 0) {
        mmu_handle_ipi();
    }
    cpu_ipi_mask(targets & ~me, MMU_IPI_VECTOR);
    cpu_irq_restore();
    while (__c11_atomic_load(&r->pending, __ATOMIC_ACQUIRE) != 0) {
        serve_if_deaf();
    }
    __c11_atomic_fetch_and(&claimed, ~((u64)1 << slot), __ATOMIC_RELEASE);
}

static u64 cpus_using(const struct mmu_space *s) {
    if (s == &mmu_kernel_space) {
        return ((u64)1 << cpu_count) - 1;
    }
    return __c11_atomic_load(&s->active_cpus, __ATOMIC_SEQ_CST);
}

void mmu_flush(struct mmu_space *s, u64 va, u64 pages) {
    cpu_irq_off();
    u32 me = cpu_this()->idx;
    flush_here(s, va, pages, me);
    u64 others = 0;
    if (cpu_count > 1) {
        __c11_atomic_thread_fence(__ATOMIC_SEQ_CST); // entries first, then who holds them
        others = cpus_using(s) & ~((u64)1 << me);
    }
    cpu_irq_restore();
    if (others != 0) {
        flush_others(s, va, pages, others);
    }
}

void mmu_deactivate(struct mmu_space *s) { mmu_flush(s, 0, FLUSH_DROP); }

void mmu_switch(struct mmu_space *next) {
    u32 me = cpu_this()->idx;
    struct mmu_space *prev = loaded[me];
    if (next == nullptr || next == prev) {
        return;
    }
    u64 bit = (u64)1 << me;
    __c11_atomic_fetch_or(&next->active_cpus, bit, __ATOMIC_SEQ_CST);
    loaded[me] = next;
    cr3_write(next->root_pa);
    if (prev != nullptr) {
        __c11_atomic_fetch_and(&prev->active_cpus, ~bit, __ATOMIC_SEQ_CST);
    }
}

// ---- spaces ------------------------------------------------------------------------------------
void mmu_init(u64 root_pa, u64 direct_map_base) {
    mmu_direct_map_base = direct_map_base;
    mmu_kernel_space.root_pa = root_pa;
    entry_t *root = pa_to_ptr((struct pa){root_pa});
    for (u32 i = 0; i < USER_ROOT_ENTRIES; i++) { // the loader's identity page
        __c11_atomic_store(&root[i], 0, __ATOMIC_RELAXED);
    }
    flush_everything();
}

err_t mmu_prefill(u64 va, u64 bytes) {
    entry_t *root = pa_to_ptr((struct pa){mmu_kernel_space.root_pa});
    for (u64 at = va; at < va + bytes; at += (u64)1 << 39) {
        u32 index = index_at(at, 39);
        if (descend(&root[index]) == nullptr &&
            make_table(&mmu_kernel_space, &root[index], index, nullptr, false) == nullptr) {
            return ERR_NOMEM;
        }
    }
    return ERR_OK;
}

err_t mmu_space_init(struct mmu_space *s) {
    struct pa root;
    TRY(upcall_alloc_table(&root));
    u64 *to = pa_to_ptr(root);
    const u64 *from = pa_to_ptr((struct pa){mmu_kernel_space.root_pa});
    memcpy(to + USER_ROOT_ENTRIES, from + USER_ROOT_ENTRIES, PAGE_SIZE / 2);
    s->root_pa = root.v;
    __c11_atomic_store(&s->active_cpus, 0, __ATOMIC_RELAXED);
    __c11_atomic_store(&s->root_used, 0, __ATOMIC_RELAXED);
    return ERR_OK;
}

void mmu_space_fini(struct mmu_space *s) {
    mmu_deactivate(s);
    entry_t *root = pa_to_ptr((struct pa){s->root_pa});
    for (u64 used = __c11_atomic_load(&s->root_used, __ATOMIC_RELAXED); used != 0;
         used &= used - 1) {
        u32 first = (u32)__builtin_ctzll(used) * 4;
        for (u32 i = first; i < first + 4; i++) {
            u64 raw = load(&root[i]);
            if (raw != 0) {
                __c11_atomic_store(&root[i], 0, __ATOMIC_RELAXED);
                free_tree(raw, 3);
            }
        }
    }
    u64 *kernel_half = (u64 *)pa_to_ptr((struct pa){s->root_pa}) + USER_ROOT_ENTRIES;
    memset(kernel_half, 0, PAGE_SIZE / 2);
    upcall_free_table((struct pa){s->root_pa});
    s->root_pa = 0;
}
