// SPDX-License-Identifier: MIT
// An address space and its mappings: a tree by start address, none overlapping. Everything here is
// under the space's lock except the last put. A mapping of an object also stands on the object's
// list, under the object's lock, and its range changes under that lock too: the reverse map reads
// it. References to files and objects are dropped after the space's lock (mappings_release): the
// last one may run into a file system.
#include "vm_impl.h"
#include <kernel/base/entropy.h>

void (*vm_file_get)(void *file);
void (*vm_file_put)(void *file);

// ---- tree --------------------------------------------------------------------------------------
struct vm_mapping *space_find(struct vm_space *s, u64 va) {
    struct vm_mapping *m = s->hint;
    if (likely(m != nullptr && m->start <= va && va < m->end)) {
        return m;
    }
    struct vm_mapping *best = nullptr;
    for (struct tree_node *n = s->mappings.root; n != nullptr;) {
        m = mapping_of(n);
        if (m->end > va) {
            best = m;
            n = n->left;
        } else {
            n = n->right;
        }
    }
    if (best != nullptr && best->start <= va) {
        s->hint = best;
    }
    return best;
}

void space_link(struct vm_space *s, struct vm_mapping *m) {
    struct tree_node *parent = nullptr, **slot = &s->mappings.root;
    while (*slot != nullptr) {
        parent = *slot;
        const struct vm_mapping *other = mapping_of(parent);
        debug_assert(m->end <= other->start || m->start >= other->end);
        slot = m->start < other->start ? &parent->left : &parent->right;
    }
    tree_insert(&s->mappings, &m->node, parent, slot);
    m->space = s;
    s->mapped_pages += (m->end - m->start) >> PAGE_SHIFT;
}

void space_unlink(struct vm_space *s, struct vm_mapping *m) {
    if (s->hint == m) {
        s->hint = nullptr;
    }
    tree_remove(&s->mappings, &m->node);
    s->mapped_pages -= (m->end - m->start) >> PAGE_SHIFT;
}

// ---- mappings and their objects
void mapping_attach(struct vm_mapping *m) {
    if (m->object != nullptr) {
        GUARD(vm_object, m->object);
        list_push_back(&m->object->mappings, &m->object_node);
    }
}

void mapping_detach(struct vm_mapping *m) {
    if (m->object != nullptr) {
        GUARD(vm_object, m->object);
        list_remove(&m->object_node);
    }
}

err_t mapping_clone(const struct vm_mapping *m, struct vm_mapping **out) {
    struct vm_mapping *c;
    TRY(heap_new(&c));
    *c = *m;
    list_init(&c->object_node);
    if (c->object != nullptr) {
        vm_object_get(c->object);
    }
    if (c->file != nullptr) {
        vm_file_get(c->file);
    }
    *out = c;
    return ERR_OK;
}

void mappings_release(struct list *dead) {
    struct list *n;
    while ((n = list_pop_front(dead)) != nullptr) {
        struct vm_mapping *m = list_entry(n, struct vm_mapping, object_node);
        if (m->object != nullptr) {
            vm_object_put(m->object);
        }
        if (m->file != nullptr) {
            vm_file_put(m->file);
        }
        heap_free(&m);
    }
}

static void set_range_bare(struct vm_mapping *m, u64 start, u64 end) {
    m->object_page += (u64)((i64)(start - m->start) >> PAGE_SHIFT);
    m->start = start;
    m->end = end;
}

void mapping_set_range(struct vm_mapping *m, u64 start, u64 end) {
    if (m->object != nullptr) {
        GUARD(vm_object, m->object);
        set_range_bare(m, start, end);
    } else {
        set_range_bare(m, start, end);
    }
}

err_t mapping_split(struct vm_space *s, struct vm_mapping *m, u64 va, struct vm_mapping **back) {
    debug_assert(va > m->start && va < m->end);
    struct vm_mapping *b;
    TRY(mapping_clone(m, &b));
    set_range_bare(b, va, m->end);
    if (m->object != nullptr) {
        GUARD(vm_object, m->object);
        m->end = va;
        list_push_back(&m->object->mappings, &b->object_node);
    } else {
        m->end = va;
    }
    s->mapped_pages -= (b->end - va) >> PAGE_SHIFT; // space_link counts them again
    space_link(s, b);
    *back = b;
    return ERR_OK;
}

bool mapping_may_join(const struct vm_mapping *low, const struct vm_mapping *high) {
    return low->prot == high->prot && low->max_prot == high->max_prot &&
           low->flags == high->flags && low->object == high->object && low->file == high->file &&
           (low->object == nullptr ||
            low->object_page + ((low->end - low->start) >> PAGE_SHIFT) == high->object_page);
}

// low takes over high's range; high goes to the dead.
static void join(struct vm_space *s, struct vm_mapping *low, struct vm_mapping *high,
                 struct list *dead) REQUIRES(lc_vm_space) {
    u64 end = high->end;
    space_unlink(s, high);
    if (low->object != nullptr) {
        GUARD(vm_object, low->object);
        list_remove(&high->object_node);
        low->end = end;
    } else {
        low->end = end;
    }
    s->mapped_pages += (end - high->start) >> PAGE_SHIFT;
    list_push_back(dead, &high->object_node);
}

void mapping_join_neighbours(struct vm_space *s, struct vm_mapping *m, struct list *dead) {
    struct vm_mapping *next = mapping_next(m);
    if (next != nullptr && m->end == next->start && mapping_may_join(m, next)) {
        join(s, m, next, dead);
    }
    struct vm_mapping *prev = mapping_prev(m);
    if (prev != nullptr && prev->end == m->start && mapping_may_join(prev, m)) {
        join(s, prev, m, dead);
    }
}

// ---- life --------------------------------------------------------------------------------------
err_t vm_space_create(struct vm_space **out) {
    struct vm_space *s;
    TRY(heap_new(&s));
    err_t err = mmu_space_init(&s->mmu);
    if (err != ERR_OK) {
        heap_free(&s);
        return err;
    }
    ref_init(&s->refs);
    mutex_init(&s->lock);
    GUARD(vm_space, s);
    s->gap_top = ~(u64)0;
    s->stack_limit_bytes = MIB(8);
    s->mmap_top = USER_VA_END - GIB(1) - ((entropy_u64() & 0xfffffff) << PAGE_SHIFT);
    *out = s;
    return ERR_OK;
}

void vm_space_get(struct vm_space *s) { ref_get(&s->refs); }

// WHY: the last reference is gone, nobody else can hold or want the lock.
static void destroy(struct vm_space *s) NO_LOCK_ANALYSIS {
    mmu_deactivate(&s->mmu);
    struct list dead;
    list_init(&dead);
    struct gather g;
    gather_init(&g, s);
    g.no_flush = true;
    struct vm_mapping *m = mapping_of(tree_first(&s->mappings));
    while (m != nullptr) {
        struct vm_mapping *next = mapping_next(m);
        mapping_detach(m);
        entries_unmap(&g, m->start, m->end);
        list_push_back(&dead, &m->object_node);
        m = next;
    }
    gather_finish(&g);
    mmu_space_fini(&s->mmu);
    mappings_release(&dead);
    if (s->exe != nullptr && s->exe_put != nullptr) {
        s->exe_put(s->exe);
    }
    heap_free(&s);
}

void vm_space_put(struct vm_space *s) {
    if (ref_put(&s->refs)) {
        destroy(s);
    }
}

struct vm_space *vm_current(void) {
    struct mmu_space *mmu = thread_current()->mmu;
    return mmu == nullptr ? nullptr : container_of(mmu, struct vm_space, mmu);
}

void vm_each(struct vm_space *s, bool (*fn)(const struct vm_mapping *m, void *arg), void *arg) {
    GUARD(vm_space, s);
    for (struct vm_mapping *m = mapping_of(tree_first(&s->mappings)); m != nullptr;
         m = mapping_next(m)) {
        if (!fn(m, arg)) {
            return;
        }
    }
}
