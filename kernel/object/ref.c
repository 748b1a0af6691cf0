// SPDX-License-Identifier: MIT
#include <kernel/base/panic.h>
#include <kernel/object/object.h>

void ref_init(struct ref *r) { r->count = 1; }

void ref_get(struct ref *r) {
    u32 before = r->count++;
    assert(before != 0 && before != ~(u32)0);
}

bool ref_put(struct ref *r) {
    u32 before = r->count--;
    assert(before != 0);
    return before == 1;
}

bool ref_get_if_live(struct ref *r) {
    u32 seen = r->count;
    do {
        if (seen == 0) {
            return false;
        }
    } while (!__c11_atomic_compare_exchange_weak(&r->count, &seen, seen + 1, __ATOMIC_SEQ_CST,
                                                 __ATOMIC_RELAXED));
    return true;
}
