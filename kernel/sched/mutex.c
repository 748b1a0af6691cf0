// SPDX-License-Identifier: MIT
// A mutex is its owner's address. The fast paths are one atomic each; a waiter queues exclusively,
// so a release wakes one.
#include <kernel/base/panic.h>
#include <kernel/sched/mutex.h>

void mutex_init(struct mutex *m) {
    m->owner = nullptr;
    waitq_init(&m->queue);
}

static bool take(struct mutex *m) {
    struct thread *nobody = nullptr;
    return __c11_atomic_compare_exchange_strong(&m->owner, &nobody, thread_current(),
                                                __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static void lock_slow(struct mutex *m) {
    struct waiter w = {};
    waiter_add(&m->queue, &w, true);
    for (;;) {
        wait_prepare(WAIT_SOLID);
        if (take(m)) {
            break;
        }
        err_t err = wait_block(DEADLINE_NEVER);
        assert_eq(err, ERR_OK);
    }
    wait_finish();
    waiter_remove(&w);
}

static void lock_from(struct mutex *m, struct lock_class *c, u64 site, bool nested) {
    if (CONFIG_DEBUG) {
        lock_check_may_sleep(site);
        lock_check_acquire(m, c, site, nested);
    }
    if (!take(m)) {
        assert(m->owner != thread_current());
        lock_slow(m);
    }
    m->acquire_site = site;
}

void mutex_lock(struct mutex *m, struct lock_class *c) {
    lock_from(m, c, (u64)__builtin_return_address(0), false);
}

void mutex_lock_nested(struct mutex *m, struct lock_class *c) {
    lock_from(m, c, (u64)__builtin_return_address(0), true);
}

bool mutex_try_lock(struct mutex *m, struct lock_class *c) {
    if (!take(m)) {
        return false;
    }
    m->acquire_site = (u64)__builtin_return_address(0);
    if (CONFIG_DEBUG) {
        lock_check_note(m, c, m->acquire_site);
    }
    return true;
}

void mutex_unlock(struct mutex *m, struct lock_class *c) {
    assert(m->owner == thread_current());
    if (CONFIG_DEBUG) {
        lock_check_release(m, c);
    }
    __c11_atomic_store(&m->owner, nullptr, __ATOMIC_SEQ_CST);
    waitq_wake_one(&m->queue);
}
