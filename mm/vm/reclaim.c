// SPDX-License-Identifier: MIT
// Giving page cache back. Pages of objects with a backing stand on one list, oldest first; a page
// used since it was last looked at gets a second round. Reclaim runs inside an allocation, under
// whatever locks its caller holds: it only tries locks, never does input or output, and hands an
// object whose last reference it dropped to a worker.
//
// A page on the list keeps its object's memory valid while the list lock is held: destroying an
// object takes its pages off first.
#include "vm_impl.h"
#include <kernel/sched/work.h>

_Atomic u64 cached_pages;

static struct lru {
    struct spinlock lock;
    struct list pages GUARDED_BY(lc_page_lru); // oldest first
    struct list dying GUARDED_BY(lc_page_lru); // objects without a reference left
} lru = {.pages = LIST_INIT(lru.pages), .dying = LIST_INIT(lru.dying)};
DECLARE_SPIN_CLASS(page_lru, struct lru, lock)

void lru_add(struct page *p) {
    GUARD(page_lru, &lru);
    __c11_atomic_fetch_or(&p->flags, PAGE_LRU, __ATOMIC_RELAXED);
    list_push_back(&lru.pages, &p->node);
}

void lru_remove(struct page *p) {
    if ((__c11_atomic_load(&p->flags, __ATOMIC_RELAXED) & PAGE_LRU) == 0) {
        return;
    }
    GUARD(page_lru, &lru);
    __c11_atomic_fetch_and(&p->flags, (u8)~PAGE_LRU, __ATOMIC_RELAXED);
    list_remove(&p->node);
}

// ---- objects that lost their last reference here
static struct vm_object *next_dying(void) {
    GUARD(page_lru, &lru);
    struct list *n = list_pop_front(&lru.dying);
    return n == nullptr ? nullptr : list_entry(n, struct vm_object, cache_node);
}

static void destroy_dying(struct work *w) {
    unused_arg(w);
    struct vm_object *o;
    while ((o = next_dying()) != nullptr) {
        object_destroy(o);
    }
}
static struct work dying_work = {.node = LIST_INIT(dying_work.node), .fn = destroy_dying};

static void put_later(struct vm_object *o) {
    if (!ref_put(&o->refs)) {
        return;
    }
    {
        GUARD(page_lru, &lru);
        list_push_back(&lru.dying, &o->cache_node);
    }
    work_queue(&dying_work);
}

// ---- reclaim
struct candidate {
    struct vm_object *object; // referenced
    struct page *page;        // may leave the object any time
    u64 index;
};

// The oldest page that was not used lately; it moves to the young end.
static bool next_candidate(struct candidate *c, u64 *scans) {
    GUARD(page_lru, &lru);
    while (*scans != 0 && !list_empty(&lru.pages)) {
        --*scans;
        struct page *p = list_first(&lru.pages, struct page, node);
        list_remove(&p->node);
        list_push_back(&lru.pages, &p->node);
        if (__atomic_exchange_n(&p->map_count_hint, 0, __ATOMIC_RELAXED) != 0) {
            continue;
        }
        struct vm_object *o = p->owner;
        if (ref_get_if_live(&o->refs)) {
            *c = (struct candidate){.object = o, .page = p, .index = p->index};
            return true;
        }
    }
    return false;
}

static bool drop_if_unused(const struct candidate *c) REQUIRES(lc_vm_object) {
    struct page *p = radix_find(c->object, c->index);
    if (p != c->page || __c11_atomic_load(&p->references, __ATOMIC_ACQUIRE) != 1 ||
        (__c11_atomic_load(&p->flags, __ATOMIC_RELAXED) & (PAGE_DIRTY | PAGE_WRITEBACK)) != 0) {
        return false;
    }
    object_free_pages(c->object, c->index, c->index);
    return true;
}

// WHY: a lock that is only tried is outside the analysis.
static bool try_drop(const struct candidate *c) NO_LOCK_ANALYSIS {
    if (!mutex_try_lock(&c->object->lock, &lc_vm_object)) {
        return false;
    }
    bool dropped = drop_if_unused(c);
    mutex_unlock(&c->object->lock, &lc_vm_object);
    return dropped;
}

u64 vm_object_reclaim(u64 wanted_pages) {
    if (thread_current() == nullptr) {
        return 0; // before the scheduler there is no cache
    }
    // A short look is enough as long as it finds something. Before the answer is "nothing", every
    // page has had both of its rounds.
    u64 scans = 2 * vm_cached_pages();
    u64 enough = wanted_pages * 8 + 64;
    u64 patient = scans > enough ? scans - enough : 0; // what is left after the short look
    u64 freed = 0;
    struct candidate c;
    while (freed < wanted_pages && (freed == 0 || scans > patient) && next_candidate(&c, &scans)) {
        if (try_drop(&c)) {
            freed++;
        }
        put_later(c.object);
    }
    return freed;
}

u64 vm_cached_pages(void) { return __c11_atomic_load(&cached_pages, __ATOMIC_RELAXED); }

void reclaim_init(void) {
    static struct reclaimer r = {.reclaim = vm_object_reclaim};
    phys_add_reclaimer(&r);
}
