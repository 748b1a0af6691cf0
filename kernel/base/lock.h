// SPDX-License-Identifier: MIT
// Ranked locks. Each lock belongs to a class from locks.def. Statically, clang's thread-safety analysis checks guarded fields,
// missing unlocks and class order (one phantom global per class stands for every lock of it); at run time debug kernels check
// rank, owner, and sleeping with a spinlock held, and remember where each lock was taken.
//
//   struct foo { struct spinlock lock; u64 n GUARDED_BY(lc_foo); };
//   DECLARE_SPIN_CLASS(foo, struct foo, lock)          -> foo_lock, foo_unlock, GUARD(foo, f)
//
// Sleeping locks: kernel/sched/mutex.h (DECLARE_MUTEX_CLASS).
#pragma once
#include <lib/types.h>

#define TSA(x)           __attribute__((x))
#define GUARDED_BY(x)    TSA(guarded_by(x))
#define REQUIRES(...)    TSA(requires_capability(__VA_ARGS__))
#define ACQUIRES(...)    TSA(acquire_capability(__VA_ARGS__))
#define RELEASES(...)    TSA(release_capability(__VA_ARGS__))
#define EXCLUDES(...)    TSA(locks_excluded(__VA_ARGS__))
#define AFTER(x)         TSA(acquired_after(x))
#define NO_LOCK_ANALYSIS TSA(no_thread_safety_analysis) // WHY: give the reason where it is used

enum lock_kind : u8 { LOCK_MUTEX, LOCK_SPIN };
struct TSA(capability("lock class")) lock_class {
    const char *name;
    u16 rank;
    enum lock_kind kind;
};
extern struct lock_class lc_top;
#define LOCK_CLASS(name, kind, rank, above) extern struct lock_class lc_##name AFTER(lc_##above);
#include <kernel/base/locks.def>
#undef LOCK_CLASS

struct spinlock {
    _Atomic u32 next, serving; // ticket lock
    u64 acquire_site;          // return address, debug kernels
};

void spin_lock(struct spinlock *l, struct lock_class *c); // interrupts off (nesting), then the lock
void spin_unlock(struct spinlock *l, struct lock_class *c);

// Run-time checker, debug kernels: called by both kinds of lock. Holdings live in the thread.
void lock_check_acquire(void *lock, struct lock_class *c, u64 site, bool same_class_allowed);
void lock_check_note(void *lock, struct lock_class *c,
                     u64 site); // a lock that was only tried: rank does not matter
void lock_check_release(void *lock, struct lock_class *c);
void lock_check_may_sleep(
    u64 site); // panics if a spinlock is held, interrupts are off or preemption is off
#define might_sleep()                                                                              \
    do {                                                                                           \
        if (CONFIG_DEBUG) {                                                                        \
            lock_check_may_sleep((u64)__builtin_return_address(0));                                \
        }                                                                                          \
    } while (0)
extern bool lock_check_off; // set by panic: locks become best effort
void lock_print_held(void); // panic: this thread's locks with class, rank, acquire site

constexpr u32 LOCK_HELD_MAX = 16;
struct lock_held { // part of struct thread
    struct {
        void *lock;
        struct lock_class *cls;
        u64 site;
    } at[LOCK_HELD_MAX];
    u32 count;
};

#define DECLARE_SPIN_CLASS(cls, type, member)                                                      \
    typedef type cls##_guarded_t;                                                                  \
    [[maybe_unused]] static inline void cls##_lock(type *o) ACQUIRES(lc_##cls) NO_LOCK_ANALYSIS {  \
        spin_lock(&o->member, &lc_##cls);                                                          \
    }                                                                                              \
    [[maybe_unused]] static inline void cls##_unlock(type *o) RELEASES(lc_##cls)                   \
        NO_LOCK_ANALYSIS {                                                                         \
        spin_unlock(&o->member, &lc_##cls);                                                        \
    }                                                                                              \
    [[maybe_unused]] static inline void cls##_guard_end(type **o) RELEASES(lc_##cls)               \
        NO_LOCK_ANALYSIS {                                                                         \
        spin_unlock(&(*o)->member, &lc_##cls);                                                     \
    }
// Holds the lock until the end of the scope, on every way out.
#define GUARD(cls, o) GUARD_(cls, o, CAT(guard_, __COUNTER__))
#define GUARD_(cls, o, name)                                                                       \
    cls##_guarded_t *name TSA(cleanup(cls##_guard_end)) = (o);                                     \
    cls##_lock(name)
