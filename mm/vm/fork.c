// SPDX-License-Identifier: MIT
// fork: the child gets a copy of every mapping. Private pages become read-only in both spaces and
// are copied by whoever writes first; pages of shared mappings are left to faults, which find them
// in their object.
#include "vm_impl.h"

// Adds m behind all others.
static void append(struct vm_space *s, struct vm_mapping *m) REQUIRES(lc_vm_space) {
    struct tree_node *last = tree_last(&s->mappings);
    tree_insert(&s->mappings, &m->node, last, last == nullptr ? &s->mappings.root : &last->right);
    m->space = s;
    s->mapped_pages += (m->end - m->start) >> PAGE_SHIFT;
}

static err_t copy_pages(struct vm_space *parent, struct vm_space *child, struct vm_mapping *m,
                        struct vm_mapping *c, bool *flush) {
    if (m->object == nullptr) {
        return (m->flags & VM_WIPEONFORK) != 0 ? ERR_OK : entries_copy(parent, child, m, flush);
    }
    GUARD(vm_object, m->object);
    list_push_back(&m->object->mappings, &c->object_node);
    return (m->flags & VM_SHARED) != 0 ? ERR_OK : entries_copy(parent, child, m, flush);
}

// Both spaces' fields are reached through one class of lock; nobody else knows the child yet.
static err_t fork_locked(struct vm_space *parent, struct vm_space *child) REQUIRES(lc_vm_space) {
    child->brk_start = parent->brk_start;
    child->brk_end = parent->brk_end;
    child->stack_limit_bytes = parent->stack_limit_bytes;
    child->mmap_top = parent->mmap_top;
    child->gap_top = parent->gap_top;
    child->gap_bytes = parent->gap_bytes;
    child->arg_start = parent->arg_start;
    child->arg_end = parent->arg_end;
    child->env_start = parent->env_start;
    child->env_end = parent->env_end;
    child->auxv_start = parent->auxv_start;
    bool flush = false;
    err_t err = ERR_OK;
    for (struct vm_mapping *m = mapping_of(tree_first(&parent->mappings));
         m != nullptr && err == ERR_OK; m = mapping_next(m)) {
        if ((m->flags & VM_DONTFORK) != 0) {
            child->gap_top = ~(u64)0; // a gap the parent does not have
            continue;
        }
        struct vm_mapping *c;
        err = mapping_clone(m, &c);
        if (err == ERR_OK) {
            append(child, c);
            err = copy_pages(parent, child, m, c, &flush);
        }
    }
    if (flush) {
        mmu_flush(&parent->mmu, 0, USER_VA_END >> PAGE_SHIFT);
    }
    return err;
}

err_t vm_space_fork(struct vm_space *parent, struct vm_space **out) {
    struct vm_space *child;
    TRY(vm_space_create(&child));
    vm_space_lock(parent);
    err_t err = fork_locked(parent, child);
    vm_space_unlock(parent);
    if (err != ERR_OK) {
        vm_space_put(child);
        return err;
    }
    *out = child;
    return ERR_OK;
}
