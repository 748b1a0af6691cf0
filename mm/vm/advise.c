// SPDX-License-Identifier: MIT
// madvise and msync: both walk the mappings of a range and report holes after having served the
// rest, as Linux does.
#include "vm_impl.h"

enum advice : int { // Linux's
    ADV_NORMAL = 0,
    ADV_RANDOM = 1,
    ADV_SEQUENTIAL = 2,
    ADV_WILLNEED = 3,
    ADV_DONTNEED = 4,
    ADV_FREE = 8,
    ADV_REMOVE = 9,
    ADV_DONTFORK = 10,
    ADV_DOFORK = 11,
    ADV_MERGEABLE = 12,
    ADV_UNMERGEABLE = 13,
    ADV_HUGEPAGE = 14,
    ADV_NOHUGEPAGE = 15,
    ADV_DONTDUMP = 16,
    ADV_DODUMP = 17,
    ADV_WIPEONFORK = 18,
    ADV_KEEPONFORK = 19,
    ADV_COLD = 20,
    ADV_PAGEOUT = 21,
    ADV_POPULATE_READ = 22,
    ADV_POPULATE_WRITE = 23,
};
enum sync_flags : int { SYNC_ASYNC = 1, SYNC_INVALIDATE = 2, SYNC_WAIT = 4 }; // Linux's MS_

static void drop_pages(struct vm_space *s, const struct vm_mapping *m, u64 start, u64 end)
    REQUIRES(lc_vm_space) {
    unused_arg(m);
    struct gather g;
    gather_init(&g, s);
    entries_unmap(&g, start, end);
    gather_finish(&g);
}

static err_t change_flags(struct vm_space *s, struct vm_mapping *m, u64 start, u64 end, u32 flags)
    REQUIRES(lc_vm_space) {
    if (m->flags == flags) {
        return ERR_OK;
    }
    struct vm_mapping *back;
    if (end < m->end) {
        TRY(mapping_split(s, m, end, &back));
    }
    if (start > m->start) {
        TRY(mapping_split(s, m, start, &m));
    }
    m->flags = flags;
    return ERR_OK;
}

static err_t advise_part(struct vm_space *s, struct vm_mapping *m, u64 start, u64 end,
                         enum advice advice) REQUIRES(lc_vm_space) {
    switch (advice) {
    case ADV_FREE:
        if (!mapping_is_plain(m)) {
            return ERR_INVAL;
        }
        drop_pages(s, m, start, end);
        return ERR_OK;
    case ADV_DONTNEED:
        drop_pages(s, m, start, end);
        return ERR_OK;
    case ADV_REMOVE:
        if ((m->flags & VM_SHARED) == 0 || object_has_backing(m->object)) {
            return (m->flags & VM_SHARED) == 0 ? ERR_INVAL : ERR_OPNOTSUPP;
        }
        vm_object_drop(m->object, m->object_page + ((start - m->start) >> PAGE_SHIFT),
                       m->object_page + ((end - m->start) >> PAGE_SHIFT) - 1);
        return ERR_OK;
    case ADV_DONTFORK:
        return change_flags(s, m, start, end, m->flags | VM_DONTFORK);
    case ADV_DOFORK:
        return change_flags(s, m, start, end, m->flags & ~(u32)VM_DONTFORK);
    case ADV_WIPEONFORK:
        return mapping_is_plain(m) ? change_flags(s, m, start, end, m->flags | VM_WIPEONFORK)
                                   : ERR_INVAL;
    case ADV_KEEPONFORK:
        return change_flags(s, m, start, end, m->flags & ~(u32)VM_WIPEONFORK);
    default:
        return ERR_OK; // a wish that changes nothing here
    }
}

static err_t advise_locked(struct vm_space *s, u64 start, u64 end, enum advice advice)
    REQUIRES(lc_vm_space) {
    bool holes = false;
    u64 at = start;
    while (at < end) {
        struct vm_mapping *m = space_find(s, at);
        if (m == nullptr || m->start >= end) {
            holes = true;
            break;
        }
        holes = holes || m->start > at;
        u64 from = MAX(m->start, at), to = MIN(m->end, end);
        TRY(advise_part(s, m, from, to, advice));
        at = to;
    }
    return holes ? ERR_NOMEM : ERR_OK;
}

err_t vm_advise(struct vm_space *s, u64 start, u64 bytes, int linux_advice) {
    bool known = (linux_advice >= ADV_NORMAL && linux_advice <= ADV_DONTNEED) ||
                 (linux_advice >= ADV_FREE && linux_advice <= ADV_POPULATE_WRITE);
    if ((start & PAGE_MASK) != 0 || !known || bytes > ALIGN_UP(bytes, PAGE_SIZE)) {
        return ERR_INVAL;
    }
    if (bytes == 0) {
        return ERR_OK;
    }
    if (!range_is_valid(start, bytes)) {
        return ERR_NOMEM;
    }
    u64 end = ALIGN_UP(start + bytes, PAGE_SIZE);
    if (linux_advice == ADV_POPULATE_READ || linux_advice == ADV_POPULATE_WRITE) {
        return fault_in_range(s, start, end, linux_advice == ADV_POPULATE_WRITE);
    }
    GUARD(vm_space, s);
    return advise_locked(s, start, end, (enum advice)linux_advice);
}

// ---- msync
struct sync_step { // one shared mapping, looked at with the space locked, written with it unlocked
    struct vm_object *object;
    u64 first, last;
    u64 next_va;
    bool hole;
};

static bool sync_next(struct vm_space *s, u64 at, u64 end, struct sync_step *step) {
    GUARD(vm_space, s);
    const struct vm_mapping *m = space_find(s, at);
    if (m == nullptr || m->start >= end) {
        step->hole = true;
        return false;
    }
    step->hole = step->hole || m->start > at;
    u64 from = MAX(m->start, at), to = MIN(m->end, end);
    step->next_va = to;
    step->object = nullptr;
    if ((m->flags & VM_SHARED) != 0) {
        step->object = m->object;
        vm_object_get(m->object);
        step->first = m->object_page + ((from - m->start) >> PAGE_SHIFT);
        step->last = m->object_page + ((to - m->start) >> PAGE_SHIFT) - 1;
    }
    return true;
}

err_t vm_sync(struct vm_space *s, u64 start, u64 bytes, int linux_flags) {
    if ((start & PAGE_MASK) != 0 ||
        (linux_flags & ~(SYNC_ASYNC | SYNC_INVALIDATE | SYNC_WAIT)) != 0 ||
        (linux_flags & (SYNC_ASYNC | SYNC_WAIT)) == (SYNC_ASYNC | SYNC_WAIT)) {
        return ERR_INVAL;
    }
    if (!range_is_valid(start, bytes)) {
        return ERR_NOMEM;
    }
    u64 end = ALIGN_UP(start + bytes, PAGE_SIZE);
    struct sync_step step = {};
    for (u64 at = start; at < end; at = step.next_va) {
        if (!sync_next(s, at, end, &step)) {
            break;
        }
        if (step.object != nullptr) {
            err_t err = (linux_flags & SYNC_WAIT) != 0
                            ? vm_object_sync(step.object, step.first, step.last)
                            : ERR_OK;
            vm_object_put(step.object);
            TRY(err);
        }
    }
    return step.hole ? ERR_NOMEM : ERR_OK;
}
