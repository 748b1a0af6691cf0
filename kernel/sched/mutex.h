// SPDX-License-Identifier: MIT
// Sleeping locks with an owner. Same ranks and guards as kernel/base/lock.h.
#pragma once
#include <kernel/sched/wait.h>

struct mutex {
    _Atomic(struct thread *) owner; // [a]
    struct waitq queue;
    u64 acquire_site; // debug
};

void mutex_init(struct mutex *m);
#define MUTEX_INIT(name) ((struct mutex){.queue = WAITQ_INIT((name).queue)})
void mutex_lock(struct mutex *m, struct lock_class *c);
void mutex_lock_nested(
    struct mutex *m,
    struct lock_class *c); // second lock of one class; the caller orders by address
bool mutex_try_lock(struct mutex *m, struct lock_class *c);
void mutex_unlock(struct mutex *m, struct lock_class *c);

#define DECLARE_MUTEX_CLASS(cls, type, member)                                                     \
    typedef type cls##_guarded_t;                                                                  \
    [[maybe_unused]] static inline void cls##_lock(type *o) ACQUIRES(lc_##cls) NO_LOCK_ANALYSIS {  \
        mutex_lock(&o->member, &lc_##cls);                                                         \
    }                                                                                              \
    [[maybe_unused]] static inline void cls##_unlock(type *o) RELEASES(lc_##cls)                   \
        NO_LOCK_ANALYSIS {                                                                         \
        mutex_unlock(&o->member, &lc_##cls);                                                       \
    }                                                                                              \
    [[maybe_unused]] static inline void cls##_guard_end(type **o) RELEASES(lc_##cls)               \
        NO_LOCK_ANALYSIS {                                                                         \
        mutex_unlock(&(*o)->member, &lc_##cls);                                                    \
    }                                                                                              \
    /* Both, ordered by address; a == b locks once. */                                             \
    [[maybe_unused]] static inline void cls##_lock_two(type *a, type *b) ACQUIRES(lc_##cls)        \
        NO_LOCK_ANALYSIS {                                                                         \
        mutex_lock(&(a < b ? a : b)->member, &lc_##cls);                                           \
        if (a != b) {                                                                              \
            mutex_lock_nested(&(a < b ? b : a)->member, &lc_##cls);                                \
        }                                                                                          \
    }                                                                                              \
    [[maybe_unused]] static inline void cls##_unlock_two(type *a, type *b) RELEASES(lc_##cls)      \
        NO_LOCK_ANALYSIS {                                                                         \
        mutex_unlock(&a->member, &lc_##cls);                                                       \
        if (a != b) {                                                                              \
            mutex_unlock(&b->member, &lc_##cls);                                                   \
        }                                                                                          \
    }
