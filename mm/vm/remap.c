// SPDX-License-Identifier: MIT
// mremap and brk.
#include "vm_impl.h"

enum remap_flags : u32 { REMAP_MAYMOVE = 1, REMAP_FIXED = 2, REMAP_DONTUNMAP = 4 }; // Linux's

struct remap {
    u64 old, old_bytes, new_bytes; // whole pages
    u32 flags;
    u64 fixed;
};

static err_t check_remap(const struct remap *r) {
    if ((r->old & PAGE_MASK) != 0 || r->new_bytes == 0 ||
        (r->flags & ~(u32)(REMAP_MAYMOVE | REMAP_FIXED | REMAP_DONTUNMAP)) != 0) {
        return ERR_INVAL;
    }
    bool may_move = (r->flags & REMAP_MAYMOVE) != 0;
    if ((r->flags & (REMAP_FIXED | REMAP_DONTUNMAP)) != 0 && !may_move) {
        return ERR_INVAL;
    }
    if ((r->flags & REMAP_DONTUNMAP) != 0 && r->old_bytes != r->new_bytes) {
        return ERR_INVAL;
    }
    if ((r->flags & REMAP_FIXED) != 0) {
        if ((r->fixed & PAGE_MASK) != 0 || !range_is_valid(r->fixed, r->new_bytes)) {
            return ERR_INVAL;
        }
        if (r->fixed < r->old + r->old_bytes && r->old < r->fixed + r->new_bytes) {
            return ERR_INVAL; // overlap
        }
        return r->fixed < LOWEST_USER_VA ? ERR_PERM : ERR_OK;
    }
    return ERR_OK;
}

static bool can_grow_in_place(struct vm_space *s, const struct vm_mapping *m, const struct remap *r)
    REQUIRES(lc_vm_space) {
    u64 end = r->old + r->new_bytes;
    return m->end == r->old + r->old_bytes && range_is_valid(r->old, r->new_bytes) &&
           space_range_free(s, m->end, end);
}

// Moves the range of m to `to`. Old pages stay mapped at the new place; the old range becomes a
// hole, or with DONTUNMAP empty memory.
static err_t move(struct vm_space *s, struct vm_mapping *m, const struct remap *r, u64 to,
                  struct list *dead) REQUIRES(lc_vm_space) {
    struct vm_mapping *n;
    TRY(mapping_clone(m, &n));
    n->object_page += (r->old - m->start) >> PAGE_SHIFT;
    n->start = to;
    n->end = to + r->new_bytes;
    space_link(s, n);
    mapping_attach(n);
    u64 bytes = MIN(r->old_bytes, r->new_bytes);
    err_t err;
    if (m->object != nullptr) { // the reverse map must see each page in one of the two places
        GUARD(vm_object, m->object);
        err = entries_move(s, r->old, to, bytes);
    } else {
        err = entries_move(s, r->old, to, bytes);
    }
    if (err == ERR_OK && (r->flags & REMAP_DONTUNMAP) == 0 && r->old_bytes != 0) {
        // The borders may need a cut; should that fail, the old range stays as empty memory.
        err_t ignored = unmap_locked(s, r->old, r->old + r->old_bytes, dead);
        unused_arg(ignored);
    }
    if (err != ERR_OK) {
        err_t ignored = unmap_locked(s, to, to + r->new_bytes, dead); // whole mapping: cannot fail
        unused_arg(ignored);
    }
    return err;
}

static err_t remap_locked(struct vm_space *s, const struct remap *r, struct list *dead, u64 *out)
    REQUIRES(lc_vm_space) {
    struct vm_mapping *m = space_find(s, r->old);
    if (m == nullptr || m->start > r->old) {
        return ERR_FAULT;
    }
    bool duplicate = r->old_bytes == 0; // a second view of shared memory
    if (duplicate && ((m->flags & VM_SHARED) == 0 || (r->flags & REMAP_MAYMOVE) == 0)) {
        return ERR_INVAL;
    }
    if ((r->flags & REMAP_DONTUNMAP) != 0 && !mapping_is_plain(m)) {
        return ERR_INVAL;
    }
    if (r->old_bytes > m->end - r->old) {
        return ERR_FAULT;
    }
    *out = r->old;
    if ((r->flags & (REMAP_FIXED | REMAP_DONTUNMAP)) == 0 && !duplicate) {
        if (r->new_bytes <= r->old_bytes) {
            return r->new_bytes == r->old_bytes
                       ? ERR_OK
                       : unmap_locked(s, r->old + r->new_bytes, r->old + r->old_bytes, dead);
        }
        if (can_grow_in_place(s, m, r)) {
            s->mapped_pages += (r->new_bytes - r->old_bytes) >> PAGE_SHIFT;
            mapping_set_range(m, m->start, r->old + r->new_bytes);
            mapping_join_neighbours(s, m, dead);
            return ERR_OK;
        }
        if ((r->flags & REMAP_MAYMOVE) == 0) {
            return ERR_NOMEM;
        }
    }
    u64 to = r->fixed;
    if ((r->flags & REMAP_FIXED) != 0) {
        TRY(unmap_locked(s, to, to + r->new_bytes, dead));
        m = space_find(s, r->old); // the cut may have moved it
    } else {
        to = space_find_gap(s, r->new_bytes);
        if (to == 0) {
            return ERR_NOMEM;
        }
    }
    TRY(move(s, m, r, to, dead));
    *out = to;
    return ERR_OK;
}

err_t vm_remap(struct vm_space *s, u64 old, u64 old_bytes, u64 new_bytes, u32 flags, u64 fixed,
               u64 *out) {
    if (old_bytes > USER_VA_END || new_bytes > USER_VA_END) {
        return ERR_INVAL;
    }
    struct remap r = {.old = old,
                      .old_bytes = ALIGN_UP(old_bytes, PAGE_SIZE),
                      .new_bytes = ALIGN_UP(new_bytes, PAGE_SIZE),
                      .flags = flags,
                      .fixed = fixed};
    TRY(check_remap(&r));
    struct list dead;
    list_init(&dead);
    vm_space_lock(s);
    err_t err = remap_locked(s, &r, &dead, out);
    vm_space_unlock(s);
    mappings_release(&dead);
    return err;
}

// ---- brk: the answer is always the end as it is afterwards
static void brk_locked(struct vm_space *s, u64 wanted, struct list *dead) REQUIRES(lc_vm_space) {
    u64 old_end = ALIGN_UP(s->brk_end, PAGE_SIZE);
    if (wanted < s->brk_start || wanted > USER_VA_END) {
        return;
    }
    u64 new_end = ALIGN_UP(wanted, PAGE_SIZE);
    if (new_end < old_end) {
        if (unmap_locked(s, new_end, old_end, dead) != ERR_OK) {
            return;
        }
    } else if (new_end > old_end) {
        struct vm_mapping *next = space_find(s, old_end);
        u64 limit = next == nullptr ? USER_VA_END : next->start;
        limit -= next != nullptr && (next->flags & VM_GROWSDOWN) != 0
                     ? MIN(STACK_GUARD_BYTES, limit)
                     : 0;
        if (new_end > limit || map_anon_locked(s, old_end, new_end, VM_READ | VM_WRITE,
                                               VM_PRIVATE | VM_BRK, dead) != ERR_OK) {
            return;
        }
    }
    s->brk_end = wanted;
}

err_t vm_brk(struct vm_space *s, u64 wanted, u64 *out) {
    struct list dead;
    list_init(&dead);
    vm_space_lock(s);
    brk_locked(s, wanted, &dead);
    *out = s->brk_end;
    vm_space_unlock(s);
    mappings_release(&dead);
    return ERR_OK;
}
