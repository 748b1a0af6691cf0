// SPDX-License-Identifier: MIT
// Mapping, unmapping, protecting. Errors are Linux's. Adjacent mappings that differ in nothing are
// joined, and a change at the edge of a mapping moves the border instead of cutting, so that
// programs which grow a heap page by page keep few mappings.
//
// Search for room goes top-down. gap_top and gap_bytes remember what earlier searches learnt: no
// gap above gap_top is as large as gap_bytes. Unmapping raises gap_top.
#include "vm_impl.h"
#include <mm/phys/page.h>

constexpr u32 KEPT_FLAGS =
    VM_SHARED | VM_PRIVATE | VM_GROWSDOWN | VM_STACK | VM_BRK | VM_DONTFORK | VM_WIPEONFORK;

bool range_is_valid(u64 start, u64 bytes) {
    return start < USER_VA_END && bytes <= USER_VA_END - start;
}

bool space_range_free(struct vm_space *s, u64 start, u64 end) {
    const struct vm_mapping *m = space_find(s, start);
    return m == nullptr || m->start >= end;
}

static struct vm_mapping *last_below(struct vm_space *s, u64 va) REQUIRES(lc_vm_space) {
    struct vm_mapping *best = nullptr;
    for (struct tree_node *n = s->mappings.root; n != nullptr;) {
        struct vm_mapping *m = mapping_of(n);
        if (m->start < va) {
            best = m;
            n = n->right;
        } else {
            n = n->left;
        }
    }
    return best;
}

// First fit above the usual area: only when that is full.
static u64 find_gap_above(struct vm_space *s, u64 bytes) REQUIRES(lc_vm_space) {
    u64 low = s->mmap_top;
    for (struct vm_mapping *m = space_find(s, low);; m = mapping_next(m)) {
        u64 high = m == nullptr ? USER_VA_END : m->start;
        high -= m != nullptr && (m->flags & VM_GROWSDOWN) != 0 ? MIN(STACK_GUARD_BYTES, high) : 0;
        if (high > low && high - low >= bytes) {
            return low;
        }
        if (m == nullptr) {
            return 0;
        }
        low = m->end;
    }
}

u64 space_find_gap(struct vm_space *s, u64 bytes) {
    u64 high = bytes >= s->gap_bytes ? MIN(s->gap_top, s->mmap_top) : s->mmap_top;
    struct vm_mapping *m = last_below(s, high);
    for (;;) {
        u64 low = m == nullptr ? LOWEST_USER_VA : m->end;
        if (high > low && high - low >= bytes) {
            s->gap_top = high;
            s->gap_bytes = bytes;
            return high - bytes;
        }
        if (m == nullptr) {
            return find_gap_above(s, bytes);
        }
        high = m->start;
        high -= (m->flags & VM_GROWSDOWN) != 0 ? MIN(STACK_GUARD_BYTES, high) : 0;
        m = mapping_prev(m);
    }
}

// ---- unmap -------------------------------------------------------------------------------------
static void after_unmap(struct vm_space *s, u64 start, u64 end, const struct vm_mapping *next)
    REQUIRES(lc_vm_space) {
    s->gap_top = MAX(s->gap_top, next == nullptr ? USER_VA_END : next->start);
    if (end - start >= MMU_TABLE_BYTES) {
        const struct vm_mapping *prev =
            next == nullptr ? mapping_of(tree_last(&s->mappings)) : mapping_prev(next);
        u64 low = MAX(prev == nullptr ? 0 : prev->end, ALIGN_DOWN(start, GIB(1)));
        u64 high = MIN(next == nullptr ? USER_VA_END : next->start, ALIGN_UP(end, GIB(1)));
        mmu_free_tables(&s->mmu, low, high);
    }
}

err_t unmap_locked(struct vm_space *s, u64 start, u64 end, struct list *dead) {
    struct vm_mapping *m = space_find(s, start);
    if (m == nullptr || m->start >= end) {
        return ERR_OK;
    }
    if (m->start < start && m->end > end) {
        struct vm_mapping *back;
        TRY(mapping_split(s, m, end, &back));
    }
    struct gather g;
    gather_init(&g, s);
    while (m != nullptr && m->start < end) {
        struct vm_mapping *next = mapping_next(m);
        u64 from = MAX(m->start, start), to = MIN(m->end, end);
        if (from == m->start && to == m->end) {
            space_unlink(s, m);
            mapping_detach(m);
            list_push_back(dead, &m->object_node);
        } else {
            s->mapped_pages -= (to - from) >> PAGE_SHIFT;
            if (from > m->start) {
                mapping_set_range(m, m->start, from);
            } else {
                mapping_set_range(m, to, m->end);
                next = m;
            }
        }
        entries_unmap(&g, from, to);
        m = next;
    }
    gather_finish(&g);
    after_unmap(s, start, end, m);
    return ERR_OK;
}

err_t vm_unmap(struct vm_space *s, u64 start, u64 bytes) {
    if ((start & PAGE_MASK) != 0 || bytes == 0 || !range_is_valid(start, bytes)) {
        return ERR_INVAL;
    }
    struct list dead;
    list_init(&dead);
    vm_space_lock(s);
    err_t err = unmap_locked(s, start, ALIGN_UP(start + bytes, PAGE_SIZE), &dead);
    vm_space_unlock(s);
    mappings_release(&dead);
    return err;
}

// ---- map ---------------------------------------------------------------------------------------
static err_t check_map(const struct vm_map_args *a) {
    u32 kind = a->flags & (VM_SHARED | VM_PRIVATE);
    if (a->bytes == 0 || (kind != VM_SHARED && kind != VM_PRIVATE) ||
        (a->object_offset & PAGE_MASK) != 0) {
        return ERR_INVAL;
    }
    if (a->bytes > USER_VA_END) {
        return ERR_NOMEM;
    }
    u64 pages = bytes_to_pages(a->bytes);
    if (a->object != nullptr &&
        (a->object_offset >> PAGE_SHIFT) + pages > (~(u64)0 >> PAGE_SHIFT)) {
        return ERR_OVERFLOW;
    }
    if (kind == VM_PRIVATE && (a->prot & VM_WRITE) != 0 && (a->flags & VM_NORESERVE) == 0) {
        struct phys_stats stats; // more than all memory can never be used
        phys_stats(&stats);
        if (pages > stats.total_pages) {
            return ERR_NOMEM;
        }
    }
    if ((a->flags & (VM_FIXED | VM_NOREPLACE)) != 0) {
        if ((a->hint & PAGE_MASK) != 0) {
            return ERR_INVAL;
        }
        if (!range_is_valid(a->hint, ALIGN_UP(a->bytes, PAGE_SIZE))) {
            return ERR_NOMEM;
        }
        return a->hint < LOWEST_USER_VA ? ERR_PERM : ERR_OK;
    }
    return ERR_OK;
}

// Finds or makes room.
static err_t place(struct vm_space *s, const struct vm_map_args *a, u64 bytes, struct list *dead,
                   u64 *out) REQUIRES(lc_vm_space) {
    if ((a->flags & (VM_FIXED | VM_NOREPLACE)) != 0) {
        *out = a->hint;
        if (space_range_free(s, a->hint, a->hint + bytes)) {
            return ERR_OK;
        }
        if ((a->flags & VM_NOREPLACE) != 0) {
            return ERR_EXIST;
        }
        return unmap_locked(s, a->hint, a->hint + bytes, dead);
    }
    u64 hint = ALIGN_DOWN(a->hint, PAGE_SIZE);
    if (hint >= LOWEST_USER_VA && range_is_valid(hint, bytes) &&
        space_range_free(s, hint, hint + bytes)) {
        *out = hint;
        return ERR_OK;
    }
    *out = space_find_gap(s, bytes);
    return *out == 0 ? ERR_NOMEM : ERR_OK;
}

// Lets a neighbour grow over [start, end). False: none fits.
static bool grow_neighbour(struct vm_space *s, const struct vm_mapping *like, struct list *dead)
    REQUIRES(lc_vm_space) {
    struct vm_mapping *next = space_find(s, like->start);
    struct vm_mapping *prev =
        next == nullptr ? mapping_of(tree_last(&s->mappings)) : mapping_prev(next);
    u64 pages = (like->end - like->start) >> PAGE_SHIFT;
    if (prev != nullptr && prev->end == like->start && mapping_may_join(prev, like)) {
        prev->end = like->end;
        s->mapped_pages += pages;
        mapping_join_neighbours(s, prev, dead);
        return true;
    }
    if (next != nullptr && next->start == like->end && mapping_may_join(like, next)) {
        next->start = like->start;
        s->mapped_pages += pages;
        return true;
    }
    return false;
}

static err_t insert(struct vm_space *s, const struct vm_mapping *like, struct list *dead)
    REQUIRES(lc_vm_space) {
    if (mapping_is_plain(like) && grow_neighbour(s, like, dead)) {
        return ERR_OK;
    }
    struct vm_mapping *m;
    TRY(mapping_clone(like, &m));
    space_link(s, m);
    mapping_attach(m);
    return ERR_OK;
}

err_t map_anon_locked(struct vm_space *s, u64 start, u64 end, u32 prot, u32 flags,
                      struct list *dead) {
    struct vm_mapping like = {.start = start,
                              .end = end,
                              .prot = prot,
                              .max_prot = VM_READ | VM_WRITE | VM_EXEC,
                              .flags = flags};
    return insert(s, &like, dead);
}

static err_t map_locked(struct vm_space *s, const struct vm_map_args *a, struct vm_object *object,
                        struct list *dead, u64 *out) REQUIRES(lc_vm_space) {
    u64 bytes = ALIGN_UP(a->bytes, PAGE_SIZE);
    u64 start;
    TRY(place(s, a, bytes, dead, &start));
    struct vm_mapping like = {.start = start,
                              .end = start + bytes,
                              .prot = a->prot,
                              .max_prot = a->max_prot,
                              .flags = a->flags & KEPT_FLAGS,
                              .object = object,
                              .object_page = a->object_offset >> PAGE_SHIFT,
                              .file = a->file};
    TRY(insert(s, &like, dead));
    *out = start;
    return ERR_OK;
}

err_t vm_map(struct vm_space *s, const struct vm_map_args *a, u64 *out) {
    TRY(check_map(a));
    struct vm_object *object = a->object, *shared = nullptr;
    if (object == nullptr && (a->flags & VM_SHARED) != 0) {
        TRY(vm_object_create_anon(&shared));
        object = shared;
    }
    struct list dead;
    list_init(&dead);
    vm_space_lock(s);
    err_t err = map_locked(s, a, object, &dead, out);
    vm_space_unlock(s);
    mappings_release(&dead);
    if (shared != nullptr) {
        vm_object_put(shared); // the mapping has its own reference
    }
    if (err == ERR_OK && (a->flags & VM_POPULATE) != 0) {
        err_t ignored = fault_in_range(s, *out, *out + ALIGN_UP(a->bytes, PAGE_SIZE),
                                       (a->prot & VM_WRITE) != 0);
        unused_arg(ignored); // population is a wish
    }
    return err;
}

err_t fault_in_range(struct vm_space *s, u64 start, u64 end, bool write) {
    for (u64 va = start; va < end; va += PAGE_SIZE) {
        enum vm_fault f = vm_fault(s, va, PF_USER | (write ? PF_WRITE : 0));
        if (f != VM_FAULT_OK) {
            return f == VM_FAULT_OOM ? ERR_NOMEM : ERR_FAULT;
        }
    }
    return ERR_OK;
}

// ---- protect -----------------------------------------------------------------------------------
// The front of m, [m->start, end), gets prot: a neighbour below that has it already takes the front
// over.
static bool move_border_down(struct vm_mapping *m, u64 end, u32 prot) {
    struct vm_mapping *prev = mapping_prev(m);
    if (prev == nullptr || prev->end != m->start || !mapping_is_plain(m)) {
        return false;
    }
    struct vm_mapping wanted = *m;
    wanted.prot = prot;
    if (!mapping_may_join(prev, &wanted)) {
        return false;
    }
    prev->end = end;
    m->start = end;
    return true;
}

static bool move_border_up(struct vm_mapping *m, u64 start, u32 prot) {
    struct vm_mapping *next = mapping_next(m);
    if (next == nullptr || next->start != m->end || !mapping_is_plain(m)) {
        return false;
    }
    struct vm_mapping wanted = *m;
    wanted.prot = prot;
    if (!mapping_may_join(&wanted, next)) {
        return false;
    }
    next->start = start;
    m->end = start;
    return true;
}

// [start, end) lies inside m. *last: the mapping that holds it now.
static err_t protect_part(struct vm_space *s, struct vm_mapping *m, u64 start, u64 end, u32 prot,
                          struct list *dead, struct vm_mapping **last) REQUIRES(lc_vm_space) {
    struct vm_mapping *now = m;
    if (start == m->start && end < m->end && move_border_down(m, end, prot)) {
        now = mapping_prev(m);
    } else if (start > m->start && end == m->end && move_border_up(m, start, prot)) {
        now = mapping_next(m);
    } else {
        if (start > m->start) {
            TRY(mapping_split(s, m, start, &now));
        }
        struct vm_mapping *back;
        if (end < now->end) {
            TRY(mapping_split(s, now, end, &back));
        }
        now->prot = prot;
    }
    s->hint = nullptr;
    entries_protect(s, now, start, end);
    struct vm_mapping *prev = mapping_prev(now);
    bool goes_to_prev = prev != nullptr && prev->end == now->start && mapping_may_join(prev, now);
    mapping_join_neighbours(s, now, dead);
    *last = goes_to_prev ? prev : now;
    return ERR_OK;
}

static err_t protect_locked(struct vm_space *s, u64 start, u64 end, u32 prot, struct list *dead)
    REQUIRES(lc_vm_space) {
    struct vm_mapping *m = space_find(s, start);
    for (u64 at = start; at < end;) {
        if (m == nullptr || m->start > at) {
            return ERR_NOMEM;
        }
        if ((prot & ~m->max_prot) != 0) {
            return ERR_ACCES;
        }
        u64 to = MIN(m->end, end);
        if (m->prot != prot) {
            TRY(protect_part(s, m, at, to, prot, dead, &m));
        }
        at = to;
        if (m->end <= at) {
            m = mapping_next(m);
        }
    }
    return ERR_OK;
}

err_t vm_protect(struct vm_space *s, u64 start, u64 bytes, u32 prot) {
    if ((start & PAGE_MASK) != 0 || (prot & ~(u32)(VM_READ | VM_WRITE | VM_EXEC)) != 0) {
        return ERR_INVAL;
    }
    if (bytes == 0) {
        return ERR_OK;
    }
    if (!range_is_valid(start, bytes)) {
        return ERR_NOMEM;
    }
    struct list dead;
    list_init(&dead);
    vm_space_lock(s);
    err_t err = protect_locked(s, start, ALIGN_UP(start + bytes, PAGE_SIZE), prot, &dead);
    vm_space_unlock(s);
    mappings_release(&dead);
    return err;
}
