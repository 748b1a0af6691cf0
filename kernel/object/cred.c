// SPDX-License-Identifier: MIT
#include <kernel/object/object.h>
#include <lib/mem.h>
#include <mm/heap/heap.h>

struct cred cred_root = {.refs = {1}};

// WHY the casts: a shared cred is const to everybody but its reference count.
void cred_get(const struct cred *c) { ref_get((struct ref *)(uintptr_t)&c->refs); }

void cred_put(const struct cred *c) {
    if (ref_put((struct ref *)(uintptr_t)&c->refs)) {
        heap_free_raw((void *)(uintptr_t)c);
    }
}

err_t cred_clone(const struct cred *c, struct cred **out) {
    struct cred *copy;
    TRY(heap_new(&copy));
    memcpy(copy, c, sizeof(*copy));
    ref_init(&copy->refs);
    *out = copy;
    return ERR_OK;
}

bool cred_in_group(const struct cred *c, u32 gid) {
    if (c->fsgid == gid) {
        return true;
    }
    for (u32 i = 0; i < c->group_count; i++) {
        if (c->groups[i] == gid) {
            return true;
        }
    }
    return false;
}
