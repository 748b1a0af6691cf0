// SPDX-License-Identifier: MIT
// Page faults. The space's lock is held throughout, so entries of private memory change under it
// alone; pages of objects are looked up and mapped under the object's lock, so that truncate and
// write-back, which hold it, meet a settled state.
//
// Kinds of pages an entry can hold: the zero page and private copies (owner null), pages of the
// mapping's object (owner = object). Private copies are written in place when theirs is the only
// reference, else copied. Object pages in private mappings are always read-only; in shared ones
// they become writable when they are already dirty or need no write-back.
#include "vm_impl.h"
#include <lib/mem.h>

constexpr u64 AROUND_BYTES = 64 * 1024; // cached file pages mapped along with the one asked for
constexpr u32 AROUND_PAGES = AROUND_BYTES / PAGE_SIZE;
constexpr u64 RADIX_LEAF_PAGES = 64;

struct page *vm_zero_page;

struct fault {
    struct vm_space *space;
    struct vm_mapping *mapping;
    struct mmu_entry *entry;
    u64 va; // of the page
    bool write;
};

void vm_init(void) {
    if (page_alloc(0, PAGE_ZERO, &vm_zero_page) != ERR_OK) {
        panic("no memory for the zero page");
    }
    reclaim_init();
}

static void count_resident(struct vm_space *s, u64 pages) {
    __c11_atomic_fetch_add(&s->resident_pages, pages, __ATOMIC_RELAXED);
}

static u64 entry_for(const struct fault *f, struct page *p, bool writable) {
    u32 flags = prot_to_mmu(f->mapping->prot) | (writable ? MMU_DIRTY : 0);
    return mmu_entry_make(page_pa(p), writable ? flags : flags & ~(u32)MMU_WRITE);
}

// ---- private memory ----------------------------------------------------------------------------
static enum vm_fault fault_anon(const struct fault *f) {
    struct page *p = vm_zero_page;
    if (f->write) {
        if (page_alloc(0, PAGE_ZERO, &p) != ERR_OK) {
            return VM_FAULT_OOM;
        }
    } else {
        page_get(p);
    }
    mmu_entry_set(f->entry, entry_for(f, p, f->write));
    count_resident(f->space, 1);
    return VM_FAULT_OK;
}

static err_t copy_page(struct page *from, struct page **out) {
    if (from == vm_zero_page) {
        return page_alloc(0, PAGE_ZERO, out);
    }
    TRY(page_alloc(0, 0, out));
    memcpy(page_ptr(*out), page_ptr(from), PAGE_SIZE);
    return ERR_OK;
}

// A write to a page that is mapped read-only in private memory. The caller shuts out the reverse
// map.
static enum vm_fault copy_on_write(const struct fault *f, u64 raw) {
    struct page *old = page_of_pa(mmu_entry_pa(raw));
    if (old->owner == nullptr && old != vm_zero_page &&
        __c11_atomic_load(&old->references, __ATOMIC_ACQUIRE) == 1) {
        mmu_entry_set(f->entry, entry_for(f, old, true));
        mmu_flush_local(f->va);
        return VM_FAULT_OK;
    }
    struct page *new;
    if (copy_page(old, &new) != ERR_OK) {
        return VM_FAULT_OOM;
    }
    u64 seen = mmu_entry_swap(f->entry, entry_for(f, new, true));
    debug_assert(mmu_entry_pa(seen).v == mmu_entry_pa(raw).v);
    unused_arg(seen);
    mmu_flush(&f->space->mmu, f->va, 1);
    page_put(old);
    return VM_FAULT_OK;
}

// ---- object memory -----------------------------------------------------------------------------
static bool may_write_at_once(const struct vm_object *o, const struct page *p) {
    return !object_has_backing(o) ||
           (__c11_atomic_load(&p->flags, __ATOMIC_RELAXED) & PAGE_DIRTY) != 0;
}

static bool wants_write(const struct vm_mapping *m) {
    return (m->flags & VM_SHARED) != 0 && (m->prot & VM_WRITE) != 0;
}

// Maps pages of the object near the one asked for, as far as they are cached.
static void map_around(const struct fault *f, struct vm_object *o, u64 index, u64 page_limit)
    REQUIRES(lc_vm_object) {
    const struct vm_mapping *m = f->mapping;
    u64 low_va = MAX(ALIGN_DOWN(f->va, AROUND_BYTES), m->start);
    u64 high_va = MIN(ALIGN_DOWN(f->va, AROUND_BYTES) + AROUND_BYTES, m->end);
    u64 leaf = ALIGN_DOWN(index, RADIX_LEAF_PAGES);
    u64 first = MAX(index - ((f->va - low_va) >> PAGE_SHIFT), leaf);
    u64 end = MIN(index + ((high_va - f->va) >> PAGE_SHIFT), leaf + RADIX_LEAF_PAGES);
    end = MIN(end, page_limit);
    struct page *pages[AROUND_PAGES];
    radix_run(o, first, (u32)(end - first), pages);
    struct mmu_entry *e = f->entry - (index - first);
    bool writable = wants_write(m);
    u64 mapped = 0;
    for (u64 i = 0; i < end - first; i++, e++) {
        struct page *p = pages[i];
        if (p != nullptr && mmu_entry_get(e) == 0) {
            page_get(p);
            u32 flags = prot_to_mmu(m->prot);
            bool at_once = writable && may_write_at_once(o, p);
            mmu_entry_set(e, mmu_entry_make(page_pa(p), at_once ? flags : flags & ~(u32)MMU_WRITE));
            mapped++;
        }
    }
    count_resident(f->space, mapped);
}

static u64 page_limit_of(const struct vm_object *o) {
    u64 size = __c11_atomic_load(&o->size_bytes, __ATOMIC_ACQUIRE);
    return (size >> PAGE_SHIFT) + ((size & PAGE_MASK) != 0 ? 1 : 0);
}

static enum vm_fault fault_object(const struct fault *f) {
    const struct vm_mapping *m = f->mapping;
    struct vm_object *o = m->object;
    u64 index = m->object_page + ((f->va - m->start) >> PAGE_SHIFT);
    GUARD(vm_object, o);
    u64 limit = page_limit_of(o);
    if (index >= limit) {
        return VM_FAULT_BUS;
    }
    struct page *p;
    err_t err = object_page_locked(o, index, &p);
    if (err != ERR_OK) {
        return err == ERR_NOMEM ? VM_FAULT_OOM : VM_FAULT_BUS;
    }
    if (f->write && (m->flags & VM_PRIVATE) != 0) {
        struct page *copy;
        if (copy_page(p, &copy) != ERR_OK) {
            return VM_FAULT_OOM;
        }
        mmu_entry_set(f->entry, entry_for(f, copy, true));
        count_resident(f->space, 1);
        return VM_FAULT_OK;
    }
    if (f->write) {
        object_set_dirty_locked(o, p);
        page_get(p);
        mmu_entry_set(f->entry, entry_for(f, p, true));
        count_resident(f->space, 1);
    } else {
        map_around(f, o, index, limit);
    }
    return VM_FAULT_OK;
}

// The entry already holds a page.
static enum vm_fault fault_object_present(const struct fault *f) {
    struct vm_object *o = f->mapping->object;
    GUARD(vm_object, o);
    u64 raw = mmu_entry_get(f->entry);
    if (raw == 0 || (raw & MMU_ENTRY_WRITE) != 0) {
        return VM_FAULT_OK; // changed meanwhile: the access is tried again
    }
    if ((f->mapping->flags & VM_PRIVATE) != 0) {
        return copy_on_write(f, raw);
    }
    struct page *p = page_of_pa(mmu_entry_pa(raw));
    object_set_dirty_locked(o, p);
    mmu_entry_set(f->entry, entry_for(f, p, true));
    mmu_flush_local(f->va);
    return VM_FAULT_OK;
}

static enum vm_fault fault_present(const struct fault *f, u64 raw) {
    if ((raw & MMU_ENTRY_PRESENT) == 0 || !f->write || (raw & MMU_ENTRY_WRITE) != 0) {
        mmu_flush_local(f->va); // another CPU was faster, or this one used an old translation
        return VM_FAULT_OK;
    }
    return f->mapping->object != nullptr ? fault_object_present(f) : copy_on_write(f, raw);
}

// ---- entry -------------------------------------------------------------------------------------
// va lies below `next` in a hole: a stack grows down to it.
static bool grow_stack(struct vm_space *s, struct vm_mapping *next, u64 va) REQUIRES(lc_vm_space) {
    if ((next->flags & VM_GROWSDOWN) == 0 || next->end - va > s->stack_limit_bytes) {
        return false;
    }
    const struct vm_mapping *below = mapping_prev(next);
    if (below != nullptr && below->prot != 0 && va - below->end < STACK_GUARD_BYTES) {
        return false;
    }
    s->mapped_pages += (next->start - va) >> PAGE_SHIFT;
    mapping_set_range(next, va, next->end);
    return true;
}

enum vm_fault vm_fault(struct vm_space *s, u64 va, u64 page_fault_bits) {
    might_sleep();
    if (va >= USER_VA_END) {
        return VM_FAULT_MAPERR;
    }
    s->fault_count++;
    struct fault f = {
        .space = s, .va = ALIGN_DOWN(va, PAGE_SIZE), .write = (page_fault_bits & PF_WRITE) != 0};
    GUARD(vm_space, s);
    struct vm_mapping *m = space_find(s, va);
    if (m == nullptr || (m->start > va && !grow_stack(s, m, f.va))) {
        return VM_FAULT_MAPERR;
    }
    u32 needed = f.write                             ? VM_WRITE
                 : (page_fault_bits & PF_FETCH) != 0 ? VM_EXEC
                                                     : VM_READ | VM_WRITE | VM_EXEC;
    if ((m->prot & needed) == 0) {
        return VM_FAULT_ACCERR;
    }
    f.mapping = m;
    f.entry = mmu_entry_at(&s->mmu, f.va, true);
    if (f.entry == nullptr) {
        return VM_FAULT_OOM;
    }
    u64 raw = mmu_entry_get(f.entry);
    if (raw != 0) {
        return fault_present(&f, raw);
    }
    return m->object == nullptr ? fault_anon(&f) : fault_object(&f);
}

bool vm_handle_page_fault(struct trap_frame *frame, u64 va, enum vm_fault *why) {
    *why = VM_FAULT_MAPERR;
    bool in_usercopy =
        frame->rip >= (u64)usercopy_text_start && frame->rip < (u64)usercopy_text_end;
    if (va >= USER_VA_END || (!trap_from_user(frame) && !in_usercopy)) {
        return false;
    }
    struct vm_space *s = vm_current();
    if (s == nullptr || (frame->error & PF_RESERVED) != 0 || (frame->rflags & RFLAGS_IF) == 0) {
        return false;
    }
    *why = vm_fault(s, va, frame->error);
    return *why == VM_FAULT_OK;
}
