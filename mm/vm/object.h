// SPDX-License-Identifier: MIT
// VM objects: pages by index with a way to fill them. A file's object IS its page cache: read, write and mmap use the same pages.
#pragma once
#include <kernel/object/object.h>
#include <kernel/sched/mutex.h>
#include <mm/phys/page.h>

struct vm_object;
// op         | object lock | may sleep | meaning
// fill       | held        | yes       | read page `index` into p (already zeroed); the op may drop nothing
// write_back | not held    | yes       | store `count` consecutive dirty pages starting at index; they are marked WRITEBACK and pinned;
//            |             |           | must not take a lock held by callers of truncate or drop (those wait for it to end)
// destroy    | not held    | yes       | last reference gone, pages already freed
struct vm_object_ops {
    err_t (*fill)(struct vm_object *o, u64 index, struct page *p);
    err_t (*write_back)(struct vm_object *o, u64 index, struct page **pages, u32 count);
    void (*destroy)(struct vm_object *o);
    void (*dirtied)(struct vm_object *o); // first page became dirty (may be null); object lock held
};
struct vm_object {
    struct ref refs;
    struct mutex lock;
    const struct vm_object_ops *ops;           // [I] null fill: anonymous (zero) memory
    void *pages_root GUARDED_BY(lc_vm_object); // radix tree index -> struct page *
    u64 page_count GUARDED_BY(lc_vm_object);
    u64 dirty_count GUARDED_BY(lc_vm_object);
    _Atomic u32 write_backs; // [a] pages in WRITEBACK
    _Atomic u64 size_bytes; // [a] file size: faults past its last page are SIGBUS; ~0 for anonymous
    struct list mappings;   // vm_mapping.object_node, under the object lock
    struct list cache_node; // list of objects that wait for their last vm_object_put
    void *owner;            // [I] vnode
};
DECLARE_MUTEX_CLASS(vm_object, struct vm_object, lock)

void vm_object_init(struct vm_object *o, const struct vm_object_ops *ops,
                    void *owner);                    // embedded; one reference
err_t vm_object_create_anon(struct vm_object **out); // heap; shared anonymous memory, tmpfs files
void vm_object_get(struct vm_object *o);
void vm_object_put(struct vm_object *o);
// The page at index with one reference for the caller, filled if it was absent. Errors: ERR_NOMEM, of fill. Sleeps.
err_t vm_object_page(struct vm_object *o, u64 index, struct page **out);
// Same, but absent stays absent: ERR_NOENT.
err_t vm_object_find(struct vm_object *o, u64 index, struct page **out);
// The first page present at or after first (SEEK_DATA of files that live in memory). Errors: ERR_NOENT.
err_t vm_object_next(struct vm_object *o, u64 first, u64 *index);
void vm_object_set_dirty(struct vm_object *o, struct page *p); // p belongs to o
// Kernel side of read(2)/write(2): copies through the cache; user memory via uptr or kernel memory via ptr.
struct vm_span {
    struct uptr user;
    void *kernel;
    size_t bytes;
}; // kernel null: user memory
err_t vm_object_read(struct vm_object *o, u64 offset, struct vm_span span,
                     size_t *done); // stops at size_bytes
err_t vm_object_write(struct vm_object *o, u64 offset, struct vm_span span,
                      size_t *done); // grows size_bytes; *done valid on error too
// Writes dirty pages of [first, last] back through ops (last may be ~0). Also collects dirty bits of mappings. Sleeps.
err_t vm_object_sync(struct vm_object *o, u64 first, u64 last);
// Drops pages past the new size (zeroing the tail of the last one) and unmaps them everywhere; sets size_bytes.
void vm_object_truncate(struct vm_object *o, u64 new_bytes);
// Drops (discarding dirty data) pages of [first, last].
void vm_object_drop(struct vm_object *o, u64 first, u64 last);
u64 vm_object_reclaim(u64 wanted_pages); // clean, unmapped pages of all cached objects
u64 vm_cached_pages(void);
