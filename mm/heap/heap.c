// SPDX-License-Identifier: MIT
// Slab heap. A class serves one object size from slabs of 1 or 2 pages; the slab's state lives in
// its first struct page: owner = class, index = first free object, map_count_hint = objects in use;
// further pages of a slab have a null owner and their distance to the first in map_count_hint. Free
// objects are linked through their first word. Each CPU keeps a short stack of free objects per
// class, used with interrupts off, so that most requests take no lock. Larger requests are whole
// blocks of pages.
//
// Debug kernels: the last word of an object says whether it is live (with the size asked for) or
// free, the gap behind the bytes asked for is a red zone, and freed memory is filled with a pattern
// that the next allocation checks.
#include <arch/x86_64/cpu.h>
#include <kernel/base/kasan.h>
#include <kernel/base/lock.h>
#include <kernel/base/panic.h>
#include <lib/mem.h>
#include <mm/heap/heap.h>
#include <mm/phys/page.h>

constexpr u32 CLASSES = 15;
constexpr u32 SLAB_BYTES_MAX = 2048;
constexpr u32 MAGAZINE_MAX = 32;
constexpr u32 QUARANTINE = 256;                   // per CPU, KASAN kernels
constexpr u32 TAIL_BYTES = CONFIG_DEBUG ? 16 : 0; // smallest red zone and the state word
constexpr u64 STATE_LIVE = 0x6c69766500000000, STATE_FREE = 0x6672656500000000;
constexpr u8 FILL_RED = 0xbb, FILL_FREE = 0x6b;

static const u16 class_bytes[CLASSES] = {16,  32,  48,  64,  128,  192,  256, 320,
                                         384, 512, 640, 768, 1024, 1344, 2048};
static u8 class_of[SLAB_BYTES_MAX / 16 + 1]; // by (bytes + 15) / 16

struct heap_class {
    struct spinlock lock;
    struct list partial GUARDED_BY(lc_heap); // slabs with free objects
    u64 slabs GUARDED_BY(lc_heap);
    u32 bytes, order, capacity; // [I]
};
DECLARE_SPIN_CLASS(heap, struct heap_class, lock)
static struct heap_class classes[CLASSES];

struct magazine { // [o] interrupts off
    void *first;
    u32 count;
};
struct heap_cpu { // [o] interrupts off
    struct magazine magazines[CLASSES];
    u64 allocations;
    i64 used_bytes; // may be negative: freed here, allocated elsewhere
    void *quarantine[CONFIG_KASAN ? QUARANTINE : 1];
    u32 quarantine_at;
};
static struct heap_cpu cpus[CPU_MAX];
static _Atomic u64 large_pages;
static _Atomic u64 fail_countdown; // 0: off

// ---- objects -----------------------------------------------------------------------------------
NO_KASAN static void *link_get(void *object) { return *(void **)object; }
NO_KASAN static void link_set(void *object, void *next) { *(void **)object = next; }
NO_KASAN static u64 state_get(const void *object, u32 bytes) {
    return *(const u64 *)((const u8 *)object + bytes - 8);
}
NO_KASAN static void state_set(void *object, u32 bytes, u64 state) {
    *(u64 *)((u8 *)object + bytes - 8) = state;
}

NO_KASAN static bool filled_with(const u8 *from, const u8 *end, u8 fill) {
    for (; from < end; from++) {
        if (*from != fill) {
            return false;
        }
    }
    return true;
}

static void debug_mark_free(void *object, u32 bytes) {
    if (CONFIG_DEBUG) {
        memset(object, FILL_FREE, bytes - 8);
        state_set(object, bytes, STATE_FREE);
    }
}

static void debug_on_alloc(void *object, u32 class_size, size_t asked) {
    if (!CONFIG_DEBUG) {
        return;
    }
    const u8 *b = object;
    if (state_get(object, class_size) != STATE_FREE ||
        !filled_with(b + 8, b + class_size - 8, FILL_FREE)) {
        panic("heap: freed object of class %u was written to at %p", class_size, object);
    }
    memset((u8 *)object + asked, FILL_RED, class_size - 8 - asked);
    state_set(object, class_size, STATE_LIVE | asked);
}

// Returns the bytes asked for at allocation.
static size_t debug_on_free(void *object, u32 class_size) {
    if (!CONFIG_DEBUG) {
        return class_size;
    }
    u64 state = state_get(object, class_size);
    if (state == STATE_FREE) {
        panic("heap: double free of class %u object %p", class_size, object);
    }
    u64 asked = state ^ STATE_LIVE;
    const u8 *b = object;
    if (asked > class_size - TAIL_BYTES || !filled_with(b + asked, b + class_size - 8, FILL_RED)) {
        panic("heap: write behind the end of class %u object %p", class_size, object);
    }
    return asked;
}

// ---- slabs -------------------------------------------------------------------------------------
static struct page *slab_of(void *object) {
    struct page *p = page_of_pa(ptr_to_pa(object));
    return p->owner == nullptr ? p - p->map_count_hint : p;
}

static err_t slab_create(struct heap_class *c, struct page **out) REQUIRES(lc_heap) {
    struct page *p;
    TRY(page_alloc(c->order, PAGE_ATOMIC, &p));
    for (u32 i = 0; i < 1u << c->order; i++) {
        __c11_atomic_store(&p[i].flags, PAGE_SLAB, __ATOMIC_RELAXED);
        p[i].owner = i == 0 ? c : nullptr;
        p[i].map_count_hint = (u16)i;
    }
    u8 *base = page_ptr(p);
    void *next = nullptr;
    for (u32 i = c->capacity; i-- > 0;) {
        debug_mark_free(base + (size_t)i * c->bytes, c->bytes);
        link_set(base + (size_t)i * c->bytes, next);
        next = base + (size_t)i * c->bytes;
    }
    kasan_poison(base, PAGE_SIZE << c->order, KASAN_RED_ZONE);
    p->index = (u64)next;
    list_push_back(&c->partial, &p->node);
    c->slabs++;
    *out = p;
    return ERR_OK;
}

static void slab_destroy(struct heap_class *c, struct page *p) REQUIRES(lc_heap) {
    list_remove(&p->node);
    c->slabs--;
    for (u32 i = 1u << c->order; i-- > 0;) {
        __c11_atomic_store(&p[i].flags, 0, __ATOMIC_RELAXED);
        p[i].owner = nullptr;
        p[i].map_count_hint = 0;
    }
    page_put(p);
}

// Moves up to `wanted` free objects from slabs to the magazine. ERR_NOMEM if it got none.
static err_t magazine_fill(struct heap_class *c, struct magazine *m, u32 wanted) {
    GUARD(heap, c);
    while (m->count < wanted) {
        struct page *p = nullptr;
        if (list_empty(&c->partial)) {
            if (m->count != 0) {
                break;
            }
            TRY(slab_create(c, &p));
        } else {
            p = list_first(&c->partial, struct page, node);
        }
        while (p->index != 0 && m->count < wanted) {
            void *object = (void *)p->index;
            p->index = (u64)link_get(object);
            p->map_count_hint++;
            link_set(object, m->first);
            m->first = object;
            m->count++;
        }
        if (p->index == 0) {
            list_remove(&p->node);
        }
    }
    return ERR_OK;
}

static void magazine_drain(struct heap_class *c, struct magazine *m, u32 keep) {
    GUARD(heap, c);
    while (m->count > keep) {
        void *object = m->first;
        m->first = link_get(object);
        m->count--;
        struct page *p = slab_of(object);
        if (p->index == 0) {
            list_push_front(&c->partial, &p->node);
        }
        link_set(object, (void *)p->index);
        p->index = (u64)object;
        p->map_count_hint--;
        if (p->map_count_hint == 0 && c->partial.next != c->partial.prev) {
            slab_destroy(c, p); // one empty slab may stay: the class is in use
        }
    }
}

static inline u32 magazine_limit(u32 bytes) { return bytes >= 1024 ? 8 : MAGAZINE_MAX; }

static err_t small_alloc(size_t asked, void **out) {
    u32 idx = class_of[(asked + TAIL_BYTES + 15) / 16];
    struct heap_class *c = &classes[idx];
    cpu_irq_off();
    struct heap_cpu *cpu = &cpus[cpu_this()->idx];
    struct magazine *m = &cpu->magazines[idx];
    if (unlikely(m->count == 0)) {
        err_t e = magazine_fill(c, m, magazine_limit(c->bytes) / 2);
        if (e != ERR_OK) {
            cpu_irq_restore();
            return e;
        }
    }
    void *object = m->first;
    m->first = link_get(object);
    m->count--;
    cpu->allocations++;
    cpu->used_bytes += c->bytes;
    cpu_irq_restore();
    debug_on_alloc(object, c->bytes, asked);
    kasan_poison(object, c->bytes, KASAN_RED_ZONE);
    kasan_unpoison(object, asked);
    memset(object, 0, CONFIG_DEBUG ? asked : ALIGN_UP(asked, 8)); // whole words are faster
    *out = object;
    return ERR_OK;
}

static void small_release(u32 idx, void *object) { // interrupts off
    struct heap_class *c = &classes[idx];
    struct heap_cpu *cpu = &cpus[cpu_this()->idx];
    struct magazine *m = &cpu->magazines[idx];
    if (unlikely(m->count >= magazine_limit(c->bytes))) {
        magazine_drain(c, m, m->count / 2);
    }
    link_set(object, m->first);
    m->first = object;
    m->count++;
    cpu->used_bytes -= c->bytes;
}

static void small_free(struct page *slab, void *object) {
    struct heap_class *c = slab->owner;
    u32 idx = (u32)(c - classes);
    debug_assert(((u64)object - (u64)page_ptr(slab)) % c->bytes == 0);
    (void)debug_on_free(object, c->bytes);
    debug_mark_free(object, c->bytes);
    kasan_poison(object, c->bytes, KASAN_FREED);
    cpu_irq_off();
    if (CONFIG_KASAN) { // keep it poisoned for a while: late users are caught
        struct heap_cpu *cpu = &cpus[cpu_this()->idx];
        u32 at = cpu->quarantine_at++ % countof(cpu->quarantine);
        void *oldest = cpu->quarantine[at];
        cpu->quarantine[at] = object;
        if (oldest != nullptr) {
            struct heap_class *oldest_class = slab_of(oldest)->owner;
            small_release((u32)(oldest_class - classes), oldest);
        }
    } else {
        small_release(idx, object);
    }
    cpu_irq_restore();
}

// ---- whole pages -------------------------------------------------------------------------------
static err_t large_alloc(size_t bytes, void **out) {
    u64 pages = bytes_to_pages(bytes);
    if (pages > (u64)1 << PAGE_ORDER_MAX) {
        return ERR_NOMEM;
    }
    u32 order = pages == 1 ? 0 : 64 - (u32)__builtin_clzll(pages - 1);
    struct page *p;
    TRY(page_alloc(order, PAGE_ZERO | PAGE_ATOMIC, &p));
    p->owner = classes; // marks a live block: double frees are seen
    p->index = bytes;
    __c11_atomic_fetch_add(&large_pages, (u64)1 << order, __ATOMIC_RELAXED);
    if (CONFIG_DEBUG) {
        memset((u8 *)page_ptr(p) + bytes, FILL_RED, MIN((PAGE_SIZE << order) - bytes, 64));
    }
    *out = page_ptr(p);
    kasan_poison((u8 *)*out + ALIGN_UP(bytes, 8), (PAGE_SIZE << order) - ALIGN_UP(bytes, 8),
                 KASAN_RED_ZONE);
    return ERR_OK;
}

static void large_free(struct page *p, void *ptr) {
    assert(p->owner == classes && ptr == page_ptr(p));
    if (CONFIG_DEBUG) {
        const u8 *end = (const u8 *)ptr + p->index;
        u64 red = MIN((PAGE_SIZE << p->order) - p->index, 64);
        if (!filled_with(end, end + red, FILL_RED)) {
            panic("heap: write behind the end of %llu-byte block %p", (unsigned long long)p->index,
                  ptr);
        }
    }
    p->owner = nullptr;
    __c11_atomic_fetch_sub(&large_pages, (u64)1 << p->order, __ATOMIC_RELAXED);
    kasan_unpoison(ptr, PAGE_SIZE << p->order);
    page_put(p);
}

// ---- interface ---------------------------------------------------------------------------------
void heap_init(void) {
    u32 idx = 0;
    for (u32 i = 0; i < countof(class_of); i++) {
        if (i * 16 > class_bytes[idx]) {
            idx++;
        }
        class_of[i] = (u8)idx;
    }
    for (u32 i = 0; i < CLASSES; i++) {
        struct heap_class *c = &classes[i];
        c->bytes = class_bytes[i];
        c->order = c->bytes == SLAB_BYTES_MAX ? 1 : 0;
        c->capacity = (u32)(PAGE_SIZE << c->order) / c->bytes;
        GUARD(heap, c);
        list_init(&c->partial);
    }
}

static bool should_fail(void) {
    u64 left = __c11_atomic_load(&fail_countdown, __ATOMIC_RELAXED);
    if (likely(left == 0)) {
        return false;
    }
    return __c11_atomic_fetch_sub(&fail_countdown, 1, __ATOMIC_RELAXED) == 1;
}

err_t heap_alloc(size_t bytes, void **out) {
    if (CONFIG_DEBUG && should_fail()) {
        return ERR_NOMEM;
    }
    if (likely(bytes <= SLAB_BYTES_MAX - TAIL_BYTES)) {
        return small_alloc(bytes, out);
    }
    return large_alloc(bytes, out);
}

err_t heap_alloc_array(size_t count, size_t bytes, void **out) {
    size_t total;
    if (__builtin_mul_overflow(count, bytes, &total)) {
        return ERR_NOMEM;
    }
    return heap_alloc(total, out);
}

void heap_free_raw(void *ptr) {
    if (ptr == nullptr) {
        return;
    }
    struct page *p = page_of_pa(ptr_to_pa(ptr));
    if ((__c11_atomic_load(&p->flags, __ATOMIC_RELAXED) & PAGE_SLAB) != 0) {
        small_free(slab_of(ptr), ptr);
    } else {
        large_free(p, ptr);
    }
}

void heap_stats(struct heap_stats *out) {
    *out = (struct heap_stats){.large_pages = __c11_atomic_load(&large_pages, __ATOMIC_RELAXED)};
    i64 used = 0;
    for (u32 i = 0; i < CPU_MAX; i++) { // other CPUs' counters: a snapshot
        used += __atomic_load_n(&cpus[i].used_bytes, __ATOMIC_RELAXED);
        out->allocations += __atomic_load_n(&cpus[i].allocations, __ATOMIC_RELAXED);
    }
    for (u32 i = 0; i < CLASSES; i++) {
        GUARD(heap, &classes[i]);
        out->slab_pages += classes[i].slabs << classes[i].order;
    }
    out->used_bytes = (u64)MAX(used, 0) + (out->large_pages << PAGE_SHIFT);
}

void heap_fail_after(u64 n) { __c11_atomic_store(&fail_countdown, n, __ATOMIC_RELAXED); }
