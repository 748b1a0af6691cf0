// SPDX-License-Identifier: MIT
// Writing dirty pages back, cutting objects, and the reverse map both need.
//
// Shared writable mappings of objects with a backing get their pages read-only until the first
// write, which marks the page dirty (fault.c). Write-back makes them read-only again *before* it
// copies the page out, so that a later write is noticed. While a page is in WRITEBACK it may be
// changed, but not be written back a second time, nor leave the object.
#include "vm_impl.h"
#include <lib/mem.h>

constexpr u32 RUN_PAGES = 32;
static struct waitq write_back_queue = WAITQ_INIT(write_back_queue);

// ---- reverse map -------------------------------------------------------------------------------
// The part of m that shows pages [first, last] of its object.
static bool mapped_part(const struct vm_mapping *m, u64 first, u64 last, u64 *start, u64 *end) {
    u64 m_last = m->object_page + ((m->end - m->start) >> PAGE_SHIFT) - 1;
    if (m_last < first || m->object_page > last) {
        return false;
    }
    u64 from = MAX(first, m->object_page), to = MIN(last, m_last);
    *start = m->start + ((from - m->object_page) << PAGE_SHIFT);
    *end = m->start + ((to - m->object_page + 1) << PAGE_SHIFT);
    return true;
}

void object_unmap_everywhere(struct vm_object *o, u64 first, u64 last, bool private_copies) {
    struct vm_mapping *m;
    list_for_each(m, &o->mappings, object_node) {
        u64 start, end;
        if (mapped_part(m, first, last, &start, &end)) {
            struct gather g;
            gather_init(&g, m->space);
            entries_unmap_object(&g, start, end, o, private_copies);
            gather_finish(&g);
        }
    }
}

static void write_protect_everywhere(struct vm_object *o, u64 first, u64 last)
    REQUIRES(lc_vm_object) {
    struct vm_mapping *m;
    list_for_each(m, &o->mappings, object_node) {
        u64 start, end;
        if ((m->flags & VM_SHARED) != 0 && mapped_part(m, first, last, &start, &end) &&
            entries_write_protect(m->space, start, end, o)) {
            mmu_flush(&m->space->mmu, start, (end - start) >> PAGE_SHIFT);
        }
    }
}

// ---- write-back --------------------------------------------------------------------------------
static void wait_write_backs(struct vm_object *o) {
    err_t err =
        WAIT_UNTIL(&write_back_queue, __c11_atomic_load(&o->write_backs, __ATOMIC_ACQUIRE) == 0,
                   WAIT_SOLID, DEADLINE_NEVER);
    assert_eq(err, ERR_OK);
}

// The lock is given up while waiting.
static void settle_locked(struct vm_object *o) REQUIRES(lc_vm_object) {
    while (__c11_atomic_load(&o->write_backs, __ATOMIC_ACQUIRE) != 0) {
        vm_object_unlock(o);
        wait_write_backs(o);
        vm_object_lock(o);
    }
}

static bool in_write_back(const struct page *p) {
    return (__c11_atomic_load(&p->flags, __ATOMIC_RELAXED) & PAGE_WRITEBACK) != 0;
}

// Takes the next run of dirty pages at or after *index into WRITEBACK, pinned. *busy: it met a page
// still in WRITEBACK.
static u32 take_run(struct vm_object *o, u64 *index, u64 last, struct page **run, bool *busy) {
    GUARD(vm_object, o);
    struct page *p = radix_next(o, index, last, true);
    u32 count = 0;
    *busy = p != nullptr && in_write_back(p);
    for (u64 at = *index; p != nullptr && at == *index + count && !in_write_back(p);) {
        run[count++] = p;
        if (count == RUN_PAGES || at == last) {
            break;
        }
        at++;
        p = radix_next(o, &at, last, true);
    }
    for (u32 i = 0; i < count; i++) {
        radix_clear_dirty(o, *index + i);
        __c11_atomic_fetch_or(&run[i]->flags, PAGE_WRITEBACK, __ATOMIC_RELAXED);
        __c11_atomic_fetch_and(&run[i]->flags, (u8)~PAGE_DIRTY, __ATOMIC_RELAXED);
        page_get(run[i]);
    }
    __c11_atomic_fetch_add(&o->write_backs, count, __ATOMIC_RELAXED);
    if (count != 0) {
        write_protect_everywhere(o, *index, *index + count - 1);
    }
    return count;
}

static void end_run(struct vm_object *o, struct page **run, u32 count, bool failed) {
    {
        GUARD(vm_object, o);
        for (u32 i = 0; i < count; i++) {
            __c11_atomic_fetch_and(&run[i]->flags, (u8)~PAGE_WRITEBACK, __ATOMIC_RELAXED);
            if (failed) {
                object_set_dirty_locked(o, run[i]);
            }
        }
        __c11_atomic_fetch_sub(&o->write_backs, count, __ATOMIC_RELEASE);
    }
    waitq_wake_all(&write_back_queue);
    page_put_many(run, count);
}

err_t vm_object_sync(struct vm_object *o, u64 first, u64 last) {
    if (!object_has_backing(o)) {
        return ERR_OK;
    }
    might_sleep();
    struct page *run[RUN_PAGES];
    u64 index = first;
    for (;;) {
        bool busy;
        u32 count = take_run(o, &index, last, run, &busy);
        if (busy) {
            wait_write_backs(o);
            continue;
        }
        if (count == 0) {
            break;
        }
        err_t err = o->ops->write_back(o, index, run, count);
        end_run(o, run, count, err != ERR_OK);
        TRY(err);
        if (index + count - 1 >= last) {
            break;
        }
        index += count;
    }
    wait_write_backs(o); // pages that somebody else had taken
    return ERR_OK;
}

// ---- cutting -----------------------------------------------------------------------------------
static void zero_tail_locked(struct vm_object *o, u64 bytes) REQUIRES(lc_vm_object) {
    struct page *p = radix_find(o, bytes >> PAGE_SHIFT);
    if ((bytes & PAGE_MASK) != 0 && p != nullptr) {
        memset((u8 *)page_ptr(p) + (bytes & PAGE_MASK), 0, PAGE_SIZE - (bytes & PAGE_MASK));
        object_set_dirty_locked(o, p);
    }
}

void vm_object_truncate(struct vm_object *o, u64 new_bytes) {
    GUARD(vm_object, o);
    u64 old_bytes = __c11_atomic_load(&o->size_bytes, __ATOMIC_RELAXED);
    __c11_atomic_store(&o->size_bytes, new_bytes, __ATOMIC_RELEASE);
    if (new_bytes >= old_bytes) {
        return;
    }
    settle_locked(o);
    u64 first = (new_bytes >> PAGE_SHIFT) + ((new_bytes & PAGE_MASK) != 0 ? 1 : 0);
    object_unmap_everywhere(o, first, ~(u64)0, true);
    object_free_pages(o, first, ~(u64)0);
    zero_tail_locked(o, new_bytes);
}

void vm_object_drop(struct vm_object *o, u64 first, u64 last) {
    GUARD(vm_object, o);
    settle_locked(o);
    object_unmap_everywhere(o, first, last, false);
    object_free_pages(o, first, last);
}
