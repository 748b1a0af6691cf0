// SPDX-License-Identifier: MIT
// Buddy allocator. A free block of 2^n frames is aligned to its size and stands on the free list of
// its order and zone (below or above 4 GiB); only the struct page of its first frame says so
// (PAGE_FREE, order). Freeing merges a block with its buddy as long as that one is free and of the
// same order. Blocks never cross the 4 GiB line because it is a multiple of the largest. Single
// frames go through a small stack per CPU, so that most requests take no lock.
//
// Memory pressure: callers that may sleep run the reclaimers when free memory is low, and leave the
// last pages (the reserve) to those that may not.
#include "phys_impl.h"
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/upcalls.h>
#include <kernel/base/kasan.h>
#include <kernel/base/lock.h>
#include <kernel/base/panic.h>
#include <lib/mem.h>

constexpr u32 ZONES = 2;
constexpr u64 ZONE_LINE = GIB(4) >> PAGE_SHIFT;
constexpr u32 CACHE_PAGES = 256;
constexpr u32 CACHE_BATCH = 64;
constexpr u32 ZEROED_PAGES = 32;

struct phys {
    struct spinlock lock;
    struct list free[ZONES][PAGE_ORDER_MAX + 1] GUARDED_BY(lc_phys);
    u32 nonempty[ZONES] GUARDED_BY(lc_phys); // bit per order whose list may hold something
    _Atomic u64 free_pages;                  // on the lists; the caches hold more
    u64 total_pages;                         // [I] after boot
    u64 low_pages, reserve_pages;            // [I]
    _Atomic u32 fruitless;                   // requests that skip reclaiming after it found nothing
    _Atomic(struct reclaimer *) reclaimers;
};
DECLARE_SPIN_CLASS(phys, struct phys, lock)

struct phys_cache { // [o] interrupts off
    u32 count;
    u32 zeroed_count;
    struct page *pages[CACHE_PAGES];
    struct page *zeroed[ZEROED_PAGES]; // former page tables: known to hold zeros
};

struct page *page_array;
u64 page_array_count;
static struct phys phys = {.free = {
#define HEAD(z, o) [o] = {&phys.free[z][o], &phys.free[z][o]}
#define HEADS(z)                                                                                   \
    {HEAD(z, 0), HEAD(z, 1), HEAD(z, 2), HEAD(z, 3), HEAD(z, 4), HEAD(z, 5),                       \
     HEAD(z, 6), HEAD(z, 7), HEAD(z, 8), HEAD(z, 9), HEAD(z, 10)}
                               HEADS(0),
                               HEADS(1),
                           }};
static_assert(PAGE_ORDER_MAX == 10);
static struct phys_cache caches[CPU_MAX];

static inline u32 zone_of(u64 index) { return index >= ZONE_LINE ? 1 : 0; }
static inline bool flag_test(const struct page *p, u8 flag) {
    return (__c11_atomic_load(&p->flags, __ATOMIC_RELAXED) & flag) != 0;
}

static void list_block(struct page *p, u32 order) REQUIRES(lc_phys) {
    u32 zone = zone_of(page_index_of(p));
    __c11_atomic_store(&p->flags, PAGE_FREE, __ATOMIC_RELAXED);
    p->order = (u8)order;
    list_push_front(&phys.free[zone][order], &p->node);
    phys.nonempty[zone] |= 1u << order;
}

static void free_block(struct page *p, u32 order) REQUIRES(lc_phys) {
    __c11_atomic_fetch_add(&phys.free_pages, (u64)1 << order, __ATOMIC_RELAXED);
    u64 index = page_index_of(p);
    while (order < PAGE_ORDER_MAX) {
        u64 buddy_index = index ^ ((u64)1 << order);
        if (buddy_index >= page_array_count) {
            break;
        }
        struct page *buddy = &page_array[buddy_index];
        if (!flag_test(buddy, PAGE_FREE) || buddy->order != order) {
            break;
        }
        list_remove(&buddy->node);
        __c11_atomic_store(&buddy->flags, 0, __ATOMIC_RELAXED);
        index &= buddy_index;
        order++;
    }
    list_block(&page_array[index], order);
}

static struct page *take_from_zone(u32 zone, u32 order) REQUIRES(lc_phys) {
    u32 candidates = phys.nonempty[zone] >> order << order;
    while (candidates != 0) {
        u32 have = (u32)__builtin_ctz(candidates);
        struct list *n = list_pop_front(&phys.free[zone][have]);
        if (n == nullptr) {
            phys.nonempty[zone] &= ~(1u << have);
            candidates &= candidates - 1;
            continue;
        }
        struct page *p = list_entry(n, struct page, node);
        debug_assert(flag_test(p, PAGE_FREE) && p->order == have);
        __c11_atomic_store(&p->flags, 0, __ATOMIC_RELAXED);
        while (have > order) {
            have--;
            list_block(p + ((u64)1 << have), have);
        }
        __c11_atomic_fetch_sub(&phys.free_pages, (u64)1 << order, __ATOMIC_RELAXED);
        return p;
    }
    return nullptr;
}

static struct page *take_block(u32 order, u32 flags) REQUIRES(lc_phys) {
    struct page *p = nullptr;
    if ((flags & PAGE_BELOW_4G) == 0) {
        p = take_from_zone(1, order);
    }
    return p != nullptr ? p : take_from_zone(0, order);
}

static inline struct phys_cache *this_cache(void) { // interrupts off; null early in the boot
    return cpu_this()->phys_cache;
}

// *flags loses PAGE_ZERO if the page is zero already.
static struct page *take_cached(u32 *flags) {
    struct page *p = nullptr;
    cpu_irq_off();
    struct phys_cache *c = this_cache();
    if (likely(c != nullptr)) {
        if ((*flags & PAGE_ZERO) != 0 && c->zeroed_count != 0) {
            p = c->zeroed[--c->zeroed_count];
            *flags &= ~(u32)PAGE_ZERO;
        } else if (likely(c->count != 0)) {
            p = c->pages[--c->count];
        }
    }
    cpu_irq_restore();
    return p;
}

static struct page *take_refilling(u32 flags) {
    GUARD(phys, &phys);
    struct page *first = take_block(0, flags);
    struct phys_cache *c = this_cache();
    if (first == nullptr || c == nullptr) {
        return first;
    }
    while (c->count < CACHE_BATCH &&
           __c11_atomic_load(&phys.free_pages, __ATOMIC_RELAXED) > phys.low_pages) {
        struct page *p = take_block(0, flags);
        if (p == nullptr) {
            break;
        }
        c->pages[c->count++] = p;
    }
    return first;
}

static struct page *take_locked(u32 order, u32 flags) {
    GUARD(phys, &phys);
    return take_block(order, flags);
}

static u64 run_reclaimers(u64 wanted_pages) {
    u64 freed = 0;
    for (struct reclaimer *r = __c11_atomic_load(&phys.reclaimers, __ATOMIC_ACQUIRE);
         r != nullptr && freed < wanted_pages; r = r->next) {
        freed += r->reclaim(wanted_pages - freed);
    }
    return freed;
}

// Keeps some memory free for those that cannot sleep. False: the request must not touch the rest.
static bool make_room(u32 order) {
    u64 pages = (u64)1 << order;
    u64 free = __c11_atomic_load(&phys.free_pages, __ATOMIC_RELAXED);
    if (likely(free >= phys.low_pages + pages)) {
        return true;
    }
    u32 skip = __c11_atomic_load(&phys.fruitless, __ATOMIC_RELAXED);
    if (skip != 0 && free >= phys.reserve_pages + pages) {
        __c11_atomic_store(&phys.fruitless, skip - 1, __ATOMIC_RELAXED);
        return true;
    }
    if (run_reclaimers(CACHE_BATCH + pages) == 0) {
        __c11_atomic_store(&phys.fruitless, 32, __ATOMIC_RELAXED);
    }
    return __c11_atomic_load(&phys.free_pages, __ATOMIC_RELAXED) >= phys.reserve_pages + pages;
}

bool phys_has_room(u64 pages) {
    u64 wanted = phys.reserve_pages + pages;
    for (u32 attempt = 0; attempt < 8; attempt++) {
        u64 free = __c11_atomic_load(&phys.free_pages, __ATOMIC_RELAXED);
        if (free >= wanted) {
            return true;
        }
        if (run_reclaimers(CACHE_BATCH + wanted - free) == 0) {
            break;
        }
    }
    return __c11_atomic_load(&phys.free_pages, __ATOMIC_RELAXED) >= wanted;
}

static struct page *take_slow(u32 order, u32 flags) {
    for (u32 attempt = 0; attempt < 3; attempt++) {
        if ((flags & PAGE_ATOMIC) == 0 && !make_room(order)) {
            return nullptr;
        }
        struct page *p = order == 0 && (flags & PAGE_BELOW_4G) == 0 ? take_refilling(flags)
                                                                    : take_locked(order, flags);
        if (p != nullptr || (flags & PAGE_ATOMIC) != 0) {
            return p;
        }
        if (run_reclaimers(CACHE_BATCH + ((u64)2 << order)) == 0) {
            break;
        }
    }
    return nullptr;
}

err_t page_alloc(u32 order, u32 flags, struct page **out) {
    debug_assert(order <= PAGE_ORDER_MAX);
    struct page *p = nullptr;
    if (likely(order == 0 && (flags & PAGE_BELOW_4G) == 0)) {
        p = take_cached(&flags);
    }
    if (unlikely(p == nullptr)) {
        p = take_slow(order, flags);
        if (p == nullptr) {
            return ERR_NOMEM;
        }
    }
    __c11_atomic_store(&p->references, 1, __ATOMIC_RELAXED);
    __c11_atomic_store(&p->flags, 0, __ATOMIC_RELAXED);
    p->order = (u8)order;
    p->map_count_hint = 0;
    p->owner = nullptr;
    p->index = 0;
    list_init(&p->node);
    kasan_unpoison(page_ptr(p), PAGE_SIZE << order);
    if ((flags & PAGE_ZERO) != 0) {
        memset(page_ptr(p), 0, PAGE_SIZE << order);
    }
    *out = p;
    return ERR_OK;
}

void page_get(struct page *p) {
    u32 before = __c11_atomic_fetch_add(&p->references, 1, __ATOMIC_RELAXED);
    debug_assert(before != 0 && before != ~0u);
    unused_arg(before);
}

// Drops a reference; true when it was the last. Sole owners need no locked instruction.
static inline bool page_drop(struct page *p) {
    u32 now = __c11_atomic_load(&p->references, __ATOMIC_ACQUIRE);
    assert(now != 0 && !flag_test(p, PAGE_FREE | PAGE_RESERVED));
    if (now == 1) {
        __c11_atomic_store(&p->references, 0, __ATOMIC_RELAXED);
        return true;
    }
    return __c11_atomic_fetch_sub(&p->references, 1, __ATOMIC_ACQ_REL) == 1;
}

static void drain_cache(struct phys_cache *c) {
    GUARD(phys, &phys);
    while (c->count > CACHE_PAGES - CACHE_BATCH) {
        free_block(c->pages[--c->count], 0);
    }
}

static void free_single(struct page *p, struct phys_cache *c) { // interrupts off
    if (unlikely(c->count == CACHE_PAGES)) {
        drain_cache(c);
    }
    c->pages[c->count++] = p;
}

void page_put(struct page *p) {
    if (!page_drop(p)) {
        return;
    }
    kasan_poison(page_ptr(p), PAGE_SIZE << p->order, KASAN_PAGE_FREED);
    cpu_irq_off();
    struct phys_cache *c = this_cache();
    if (likely(c != nullptr && p->order == 0)) {
        free_single(p, c);
    } else {
        GUARD(phys, &phys);
        free_block(p, p->order);
    }
    cpu_irq_restore();
}

void page_put_many(struct page **pages, u32 count) {
    cpu_irq_off();
    struct phys_cache *c = this_cache();
    for (u32 i = 0; i < count; i++) {
        struct page *p = pages[i];
        if (c == nullptr || p->order != 0) {
            page_put(p);
        } else if (page_drop(p)) {
            kasan_poison(page_ptr(p), PAGE_SIZE, KASAN_PAGE_FREED);
            free_single(p, c);
        }
    }
    cpu_irq_restore();
}

// Frees a page whose bytes are all zero: the next request for a zeroed page gets it as it is.
static void page_put_zeroed(struct page *p) {
    if (CONFIG_DEBUG) {
        const u64 *words = page_ptr(p);
        for (u32 i = 0; i < PAGE_SIZE / 8; i++) {
            assert_eq(words[i], 0u);
        }
    }
    cpu_irq_off();
    struct phys_cache *c = this_cache();
    if (c == nullptr || c->zeroed_count == ZEROED_PAGES) {
        page_put(p);
    } else if (page_drop(p)) {
        kasan_poison(page_ptr(p), PAGE_SIZE, KASAN_PAGE_FREED);
        c->zeroed[c->zeroed_count++] = p;
    }
    cpu_irq_restore();
}

void phys_add_frames(u64 first, u64 end) {
    GUARD(phys, &phys);
    while (first < end) {
        u32 order = first == 0 ? PAGE_ORDER_MAX : (u32)__builtin_ctzll(first);
        order = MIN(order, PAGE_ORDER_MAX);
        while (first + ((u64)1 << order) > end) {
            order--;
        }
        free_block(&page_array[first], order);
        first += (u64)1 << order;
    }
}

void phys_set_limits(u64 total_pages) {
    phys.total_pages = total_pages;
    u64 share = total_pages / 32;
    phys.low_pages = MAX(MIN(share, 4096), 64);
    phys.reserve_pages =
        phys.low_pages / 2; // for the heap and page tables: file systems finish what they began
}

void phys_init_cpu(u32 cpu_idx) {
    assert_eq(cpu_idx, cpu_this()->idx);
    cpu_this()->phys_cache = &caches[cpu_idx]; // runs on the CPU it is for
}

void phys_add_reclaimer(struct reclaimer *r) {
    struct reclaimer *head = __c11_atomic_load(&phys.reclaimers, __ATOMIC_RELAXED);
    do {
        r->next = head;
    } while (!__c11_atomic_compare_exchange_weak(&phys.reclaimers, &head, r, __ATOMIC_RELEASE,
                                                 __ATOMIC_RELAXED));
}

void phys_stats(struct phys_stats *out) {
    u64 free = __c11_atomic_load(&phys.free_pages, __ATOMIC_RELAXED);
    for (u32 i = 0; i < CPU_MAX; i++) {
        free += __atomic_load_n(&caches[i].count, __ATOMIC_RELAXED); // other CPUs': a snapshot
        free += __atomic_load_n(&caches[i].zeroed_count, __ATOMIC_RELAXED);
    }
    *out = (struct phys_stats){
        .total_pages = phys.total_pages, .free_pages = free, .reserved_pages = 0};
}

err_t upcall_alloc_table(struct pa *out) {
    struct page *p;
    TRY(page_alloc(0, PAGE_ZERO | PAGE_ATOMIC, &p));
    *out = page_pa(p);
    return ERR_OK;
}

void upcall_free_table(struct pa table) {
    struct page *p = page_of_pa(table);
    if (!flag_test(p, PAGE_RESERVED)) { // a table of the loader's stays
        page_put_zeroed(p);
    }
}
