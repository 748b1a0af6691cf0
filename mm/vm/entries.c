// SPDX-License-Identifier: MIT
// Batch work on the leaf entries of a range. Every page in an entry carries one reference. An entry
// is cleared by an atomic swap: whoever gets the old value owns its reference, so a space's owner
// and the reverse map need no common lock. Pages are put after the flush, because another CPU may
// use a stale translation until then.
#include "vm_impl.h"

u32 prot_to_mmu(u32 prot) {
    u32 flags = MMU_USER;
    flags |= (prot & (VM_READ | VM_WRITE | VM_EXEC)) != 0
                 ? MMU_READ
                 : 0; // the CPU knows no write- or execute-only
    flags |= (prot & VM_WRITE) != 0 ? MMU_WRITE : 0;
    flags |= (prot & VM_EXEC) != 0 ? MMU_EXEC : 0;
    return flags;
}

// A processor may hold the translation: it sets ACCESSED when it loads one.
static inline bool may_be_cached(u64 raw) {
    return (raw & (MMU_ENTRY_PRESENT | MMU_ENTRY_ACCESSED)) ==
           (MMU_ENTRY_PRESENT | MMU_ENTRY_ACCESSED);
}

// ---- gathering
void gather_init(struct gather *g, struct vm_space *s) {
    g->space = s;
    g->first_va = ~(u64)0;
    g->end_va = 0;
    g->flush = g->no_flush = false;
    g->count = 0;
    g->dropped = 0;
}

void gather_flush(struct gather *g) {
    if (g->flush && !g->no_flush) {
        mmu_flush(&g->space->mmu, g->first_va, (g->end_va - g->first_va) >> PAGE_SHIFT);
    }
    page_put_many(g->pages, g->count);
    g->count = 0;
    g->flush = false;
    g->first_va = ~(u64)0;
    g->end_va = 0;
}

void gather_finish(struct gather *g) {
    gather_flush(g);
    if (g->dropped != 0) {
        __c11_atomic_fetch_sub(&g->space->resident_pages, g->dropped, __ATOMIC_RELAXED);
    }
}

static void gather_cached(struct gather *g, u64 va) {
    g->flush = true;
    g->first_va = MIN(g->first_va, va);
    g->end_va = MAX(g->end_va, va + PAGE_SIZE);
}

static inline void gather_add(struct gather *g, u64 va, u64 raw) {
    if (may_be_cached(raw) && !g->no_flush) {
        gather_cached(g, va);
    }
    g->dropped++;
    g->pages[g->count++] = page_of_pa(mmu_entry_pa(raw));
    if (unlikely(g->count == GATHER_PAGES)) {
        gather_flush(g);
    }
}

// ---- unmapping
void entries_unmap(struct gather *g, u64 start, u64 end) {
    struct mmu_entry *e;
    for (u64 va = start; (e = mmu_entry_next(&g->space->mmu, &va, end)) != nullptr;) {
        u64 at = va; // in a register
        for (u64 stop = mmu_table_end(at, end); at < stop; at += PAGE_SIZE, e++) {
            u64 raw = mmu_entry_take(e);
            if (raw != 0) {
                gather_add(g, at, raw);
            }
        }
        va = at;
    }
}

void entries_unmap_object(struct gather *g, u64 start, u64 end, const struct vm_object *o,
                          bool any_page) {
    struct mmu_entry *e;
    for (u64 va = start; (e = mmu_entry_next(&g->space->mmu, &va, end)) != nullptr;) {
        for (u64 stop = mmu_table_end(va, end); va < stop; va += PAGE_SIZE, e++) {
            u64 raw = mmu_entry_get(e);
            if (raw != 0 && (any_page || page_of_pa(mmu_entry_pa(raw))->owner == o) &&
                (raw = mmu_entry_take(e)) != 0) {
                gather_add(g, va, raw);
            }
        }
    }
}

// ---- rights
// A private page nobody else refers to may be written in place.
static inline bool is_sole_copy(const struct page *p) {
    return p->owner == nullptr && p != vm_zero_page &&
           __c11_atomic_load(&p->references, __ATOMIC_ACQUIRE) == 1;
}

static u64 reprotected(const struct vm_mapping *m, u64 raw) {
    u32 flags = prot_to_mmu(m->prot);
    struct page *p = page_of_pa(mmu_entry_pa(raw));
    if ((raw & MMU_ENTRY_WRITE) == 0 && ((m->flags & VM_SHARED) != 0 || !is_sole_copy(p))) {
        flags &= ~(u32)MMU_WRITE; // the write fault decides
    }
    return mmu_entry_make(mmu_entry_pa(raw), flags) |
           (raw & (MMU_ENTRY_ACCESSED | MMU_ENTRY_DIRTY));
}

static bool lost_rights(u64 old, u64 new) {
    return may_be_cached(old) &&
           ((new &MMU_ENTRY_PRESENT) == 0 || (old & ~new &MMU_ENTRY_WRITE) != 0 ||
            (new & ~old &MMU_ENTRY_NOEXEC) != 0);
}

void entries_protect(struct vm_space *s, const struct vm_mapping *m, u64 start, u64 end) {
    bool flush = false;
    struct mmu_entry *e;
    for (u64 va = start; (e = mmu_entry_next(&s->mmu, &va, end)) != nullptr;) {
        for (u64 stop = mmu_table_end(va, end); va < stop; va += PAGE_SIZE, e++) {
            u64 raw = mmu_entry_get(e), new = 0;
            while (raw != 0 && (new = reprotected(m, raw)) != raw &&
                   !__c11_atomic_compare_exchange_weak(&e->raw, &raw, new, __ATOMIC_ACQ_REL,
                                                       __ATOMIC_RELAXED)) {
            }
            flush = flush || (raw != 0 && lost_rights(raw, new));
        }
    }
    if (flush) {
        mmu_flush(&s->mmu, start, (end - start) >> PAGE_SHIFT);
    }
}

bool entries_write_protect(struct vm_space *s, u64 start, u64 end, const struct vm_object *o) {
    bool flush = false;
    struct mmu_entry *e;
    for (u64 va = start; (e = mmu_entry_next(&s->mmu, &va, end)) != nullptr;) {
        for (u64 stop = mmu_table_end(va, end); va < stop; va += PAGE_SIZE, e++) {
            u64 raw = mmu_entry_get(e);
            if ((raw & MMU_ENTRY_WRITE) != 0 && page_of_pa(mmu_entry_pa(raw))->owner == o) {
                __c11_atomic_fetch_and(&e->raw, ~MMU_ENTRY_WRITE, __ATOMIC_ACQ_REL);
                flush = true;
            }
        }
    }
    return flush;
}

// ---- copying and moving
// One table's worth: entries e ... of [va, stop) to the table that starts at target, made when
// needed. False: no memory.
static bool copy_table(struct vm_space *to, struct mmu_entry *e, u64 va, u64 stop, u64 *copied,
                       bool *flush) {
    struct mmu_entry *target = nullptr;
    u64 count = 0, writable = 0;
    for (; va < stop; va += PAGE_SIZE, e++) {
        u64 raw = mmu_entry_get(e);
        if (raw == 0) {
            continue;
        }
        if (unlikely(target == nullptr)) {
            target = mmu_entry_at(&to->mmu, ALIGN_DOWN(va, MMU_TABLE_BYTES), true);
            if (target == nullptr) {
                break;
            }
        }
        if ((raw & MMU_ENTRY_WRITE) != 0) {
            __c11_atomic_fetch_and(&e->raw, ~MMU_ENTRY_WRITE, __ATOMIC_RELAXED);
            writable++;
        }
        struct page *p = page_of_pa(mmu_entry_pa(raw));
        __c11_atomic_fetch_add(&p->references, 1, __ATOMIC_RELAXED);
        mmu_entry_set(&target[(va % MMU_TABLE_BYTES) >> PAGE_SHIFT],
                      raw & ~(MMU_ENTRY_WRITE | MMU_ENTRY_ACCESSED | MMU_ENTRY_DIRTY));
        count++;
    }
    *copied += count;
    *flush = *flush || writable != 0;
    return va >= stop;
}

// The private pages of m become shared, read-only, of both spaces. The reverse map is shut out by
// the object lock.
err_t entries_copy(struct vm_space *from, struct vm_space *to, const struct vm_mapping *m,
                   bool *flush) {
    u64 copied = 0;
    err_t err = ERR_OK;
    struct mmu_entry *e;
    for (u64 va = m->start; (e = mmu_entry_next(&from->mmu, &va, m->end)) != nullptr;) {
        u64 stop = mmu_table_end(va, m->end);
        if (!copy_table(to, e, va, stop, &copied, flush)) {
            err = ERR_NOMEM;
            break;
        }
        va = stop;
    }
    __c11_atomic_fetch_add(&to->resident_pages, copied, __ATOMIC_RELAXED);
    return err;
}

err_t entries_move(struct vm_space *s, u64 from, u64 to, u64 bytes) {
    // Tables first, so that the move itself cannot fail.
    for (u64 at = ALIGN_DOWN(to, MMU_TABLE_BYTES); at < to + bytes; at += MMU_TABLE_BYTES) {
        if (mmu_entry_at(&s->mmu, at, true) == nullptr) {
            return ERR_NOMEM;
        }
    }
    bool flush = false;
    struct mmu_entry *e;
    for (u64 va = from; (e = mmu_entry_next(&s->mmu, &va, from + bytes)) != nullptr;) {
        for (u64 stop = mmu_table_end(va, from + bytes); va < stop; va += PAGE_SIZE, e++) {
            u64 raw = mmu_entry_take(e);
            if (raw != 0) {
                flush = flush || may_be_cached(raw);
                mmu_entry_set(mmu_entry_at(&s->mmu, va - from + to, true), raw);
            }
        }
    }
    if (flush) {
        mmu_flush(&s->mmu, from, bytes >> PAGE_SHIFT);
    }
    return ERR_OK;
}
