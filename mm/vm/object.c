// SPDX-License-Identifier: MIT
// Objects: finding and filling pages, reading and writing through them. A page enters the tree
// filled, so whoever finds it may use it. User memory is copied with no lock held (the copy may
// fault into this very object); the page is pinned meanwhile. A page is marked dirty after it was
// changed, so a write-back that ran in between cannot leave it clean.
#include "vm_impl.h"
#include <lib/mem.h>
#include <mm/vm/copy.h>

static void anon_destroy(struct vm_object *o) { heap_free(&o); }
static const struct vm_object_ops anon_ops = {.destroy = anon_destroy};

void vm_object_init(struct vm_object *o, const struct vm_object_ops *ops, void *owner) {
    *o = (struct vm_object){.ops = ops, .owner = owner};
    ref_init(&o->refs);
    mutex_init(&o->lock);
    list_init(&o->mappings);
    list_init(&o->cache_node);
}

err_t vm_object_create_anon(struct vm_object **out) {
    struct vm_object *o;
    TRY(heap_new(&o));
    vm_object_init(o, &anon_ops, nullptr);
    __c11_atomic_store(&o->size_bytes, ~(u64)0, __ATOMIC_RELAXED);
    *out = o;
    return ERR_OK;
}

void vm_object_get(struct vm_object *o) { ref_get(&o->refs); }

void vm_object_put(struct vm_object *o) {
    if (ref_put(&o->refs)) {
        object_destroy(o);
    }
}

void object_destroy(struct vm_object *o) {
    assert(list_empty(&o->mappings));
    vm_object_drop(o, 0, ~(u64)0);
    if (o->ops != nullptr && o->ops->destroy != nullptr) {
        o->ops->destroy(o);
    }
}

// ---- pages -------------------------------------------------------------------------------------
static err_t insert_locked(struct vm_object *o, u64 index, struct page *p) REQUIRES(lc_vm_object) {
    p->owner = o;
    p->index = index;
    TRY(radix_insert(o, index, p));
    __c11_atomic_fetch_or(&p->flags, PAGE_UPTODATE, __ATOMIC_RELAXED);
    __c11_atomic_fetch_add(&cached_pages, 1, __ATOMIC_RELAXED);
    if (object_has_backing(o)) {
        lru_add(p);
    }
    return ERR_OK;
}

// Clean pages of this object that nobody uses: reclaim cannot have them, we hold the lock.
static void drop_own_pages(struct vm_object *o) REQUIRES(lc_vm_object) {
    constexpr u32 WANTED = 64;
    u32 dropped = 0;
    u64 index = 0;
    struct page *p;
    while (dropped < WANTED && (p = radix_next(o, &index, ~(u64)0, false)) != nullptr) {
        if (__c11_atomic_load(&p->references, __ATOMIC_ACQUIRE) == 1 &&
            (__c11_atomic_load(&p->flags, __ATOMIC_RELAXED) & (PAGE_DIRTY | PAGE_WRITEBACK)) == 0) {
            object_free_pages(o, index, index);
            dropped++;
        }
        index++;
    }
}

// Memory may be full of pages of this very object (one big file being read).
static err_t alloc_locked(struct vm_object *o, struct page **out) REQUIRES(lc_vm_object) {
    err_t err = page_alloc(0, PAGE_ZERO, out);
    if (err == ERR_NOMEM && object_has_backing(o)) {
        drop_own_pages(o);
        err = page_alloc(0, PAGE_ZERO, out);
    }
    return err;
}

err_t object_page_locked(struct vm_object *o, u64 index, struct page **out) {
    struct page *p = radix_find(o, index);
    if (likely(p != nullptr)) {
        lru_touch(p);
        *out = p;
        return ERR_OK;
    }
    TRY(alloc_locked(o, &p));
    err_t err = ERR_OK;
    if (o->ops != nullptr && o->ops->fill != nullptr) {
        p->owner = o;
        p->index = index;
        err = o->ops->fill(o, index, p);
    }
    if (err == ERR_OK) {
        err = insert_locked(o, index, p);
    }
    if (err != ERR_OK) {
        p->owner = nullptr;
        page_put(p);
        return err;
    }
    *out = p;
    return ERR_OK;
}

void object_free_pages(struct vm_object *o, u64 first, u64 last) {
    u64 index = first;
    struct page *p;
    while ((p = radix_next(o, &index, last, false)) != nullptr) {
        lru_remove(p);
        radix_remove(o, index);
        p->owner = nullptr;
        __c11_atomic_store(&p->flags, 0, __ATOMIC_RELAXED);
        __c11_atomic_fetch_sub(&cached_pages, 1, __ATOMIC_RELAXED);
        page_put(p);
    }
}

err_t vm_object_page(struct vm_object *o, u64 index, struct page **out) {
    GUARD(vm_object, o);
    struct page *p;
    TRY(object_page_locked(o, index, &p));
    page_get(p);
    *out = p;
    return ERR_OK;
}

err_t vm_object_find(struct vm_object *o, u64 index, struct page **out) {
    GUARD(vm_object, o);
    struct page *p = radix_find(o, index);
    if (p == nullptr) {
        return ERR_NOENT;
    }
    page_get(p);
    *out = p;
    return ERR_OK;
}

err_t vm_object_next(struct vm_object *o, u64 first, u64 *index) {
    GUARD(vm_object, o);
    if (radix_next(o, &first, ~(u64)0, false) == nullptr) {
        return ERR_NOENT;
    }
    *index = first;
    return ERR_OK;
}

void object_set_dirty_locked(struct vm_object *o, struct page *p) {
    if (!object_has_backing(o) || p->owner != o) {
        return; // nowhere to write it, or dropped meanwhile
    }
    if ((__c11_atomic_fetch_or(&p->flags, PAGE_DIRTY, __ATOMIC_RELAXED) & PAGE_DIRTY) != 0) {
        return;
    }
    bool first = o->dirty_count == 0;
    radix_set_dirty(o, p->index);
    if (first && o->ops->dirtied != nullptr) {
        o->ops->dirtied(o);
    }
}

void vm_object_set_dirty(struct vm_object *o, struct page *p) {
    GUARD(vm_object, o);
    object_set_dirty_locked(o, p);
}

// ---- read and write ----------------------------------------------------------------------------
// Moves n bytes between the span's front and kernel memory; returns how many and advances the span.
static size_t span_put(struct vm_span *span, const void *src, size_t n) {
    if (span->kernel != nullptr) {
        memcpy(span->kernel, src, n);
        span->kernel = (u8 *)span->kernel + n;
    } else {
        n = copy_out_partial(span->user, src, n);
        span->user = uptr_add(span->user, n);
    }
    span->bytes -= n;
    return n;
}

static size_t span_get(struct vm_span *span, void *dst, size_t n) {
    if (span->kernel != nullptr) {
        memcpy(dst, span->kernel, n);
        span->kernel = (u8 *)span->kernel + n;
    } else {
        n = copy_in_partial(dst, span->user, n);
        span->user = uptr_add(span->user, n);
    }
    span->bytes -= n;
    return n;
}

// The page for reading, pinned; holes of memory without backing read as the zero page.
static err_t page_for_read(struct vm_object *o, u64 index, struct page **out) {
    GUARD(vm_object, o);
    struct page *p = radix_find(o, index);
    if (p != nullptr) {
        lru_touch(p);
    } else if (o->ops != nullptr && o->ops->fill != nullptr) {
        TRY(object_page_locked(o, index, &p));
    } else {
        p = vm_zero_page;
    }
    page_get(p);
    *out = p;
    return ERR_OK;
}

err_t vm_object_read(struct vm_object *o, u64 offset, struct vm_span span, size_t *done) {
    *done = 0;
    u64 size = __c11_atomic_load(&o->size_bytes, __ATOMIC_RELAXED);
    if (offset >= size) {
        return ERR_OK;
    }
    size_t left = MIN(span.bytes, size - offset);
    while (left != 0) {
        u64 at = offset & PAGE_MASK;
        size_t n = MIN(left, PAGE_SIZE - at);
        struct page *p;
        err_t err = page_for_read(o, offset >> PAGE_SHIFT, &p);
        if (err != ERR_OK) {
            return *done != 0 ? ERR_OK : err;
        }
        size_t moved = span_put(&span, (const u8 *)page_ptr(p) + at, n);
        page_put(p);
        *done += moved;
        if (moved != n) {
            return *done != 0 ? ERR_OK : ERR_FAULT;
        }
        offset += n;
        left -= n;
    }
    return ERR_OK;
}

struct page_write { // a write that stays inside one page
    struct vm_object *o;
    u64 index, at;
    size_t bytes;
};

static void written_locked(const struct page_write *w, struct page *p, size_t moved)
    REQUIRES(lc_vm_object) {
    object_set_dirty_locked(w->o, p);
    u64 end = (w->index << PAGE_SHIFT) + w->at + moved;
    if (end > __c11_atomic_load(&w->o->size_bytes, __ATOMIC_RELAXED)) {
        __c11_atomic_store(&w->o->size_bytes, end, __ATOMIC_RELEASE);
    }
}

// The page is there, or its old contents matter.
static err_t write_existing(const struct page_write *w, struct vm_span *span, size_t *moved) {
    struct page *p;
    TRY(vm_object_page(w->o, w->index, &p));
    *moved = span_get(span, (u8 *)page_ptr(p) + w->at, w->bytes);
    if (*moved != 0) {
        GUARD(vm_object, w->o);
        written_locked(w, p, *moved);
    }
    page_put(p);
    return *moved == w->bytes ? ERR_OK : ERR_FAULT;
}

// Nothing is lost if the page is not read first: it is new, or all of it is written.
static err_t write_fresh(const struct page_write *w, struct vm_span *span, size_t *moved) {
    struct page *p;
    TRY(page_alloc(0, w->bytes == PAGE_SIZE ? 0 : PAGE_ZERO, &p));
    u8 *data = page_ptr(p);
    struct vm_span before = *span;
    *moved = span_get(span, data + w->at, w->bytes);
    if (*moved != w->bytes) { // user memory ends early: take the careful way
        page_put(p);
        *span = before;
        return write_existing(w, span, moved);
    }
    GUARD(vm_object, w->o);
    struct page *other = radix_find(w->o, w->index);
    if (other != nullptr) { // somebody was faster
        memcpy((u8 *)page_ptr(other) + w->at, data + w->at, w->bytes);
        page_put(p);
        p = other;
    } else {
        err_t err = insert_locked(w->o, w->index, p);
        if (err != ERR_OK) {
            p->owner = nullptr;
            page_put(p);
            *moved = 0;
            return err;
        }
    }
    written_locked(w, p, *moved);
    return ERR_OK;
}

static bool is_absent(struct vm_object *o, u64 index) {
    GUARD(vm_object, o);
    return radix_find(o, index) == nullptr;
}

err_t vm_object_write(struct vm_object *o, u64 offset, struct vm_span span, size_t *done) {
    *done = 0;
    while (span.bytes != 0) {
        struct page_write w = {.o = o, .index = offset >> PAGE_SHIFT, .at = offset & PAGE_MASK};
        w.bytes = MIN(span.bytes, PAGE_SIZE - w.at);
        u64 size = __c11_atomic_load(&o->size_bytes, __ATOMIC_RELAXED);
        bool fresh =
            (w.bytes == PAGE_SIZE || w.index << PAGE_SHIFT >= size) && is_absent(o, w.index);
        size_t moved = 0;
        err_t err = fresh ? write_fresh(&w, &span, &moved) : write_existing(&w, &span, &moved);
        *done += moved;
        offset += moved;
        if (err != ERR_OK) {
            return *done != 0 ? ERR_OK : err;
        }
    }
    return ERR_OK;
}
