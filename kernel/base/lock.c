// SPDX-License-Identifier: MIT
// Ticket spinlocks and the run-time half of the lock checker: each thread lists what it holds; a
// new lock must rank above all of it. The static half is the annotations in lock.h.
#include <arch/x86_64/cpu.h>
#include <kernel/base/lock.h>
#include <kernel/base/log.h>
#include <kernel/base/panic.h>
#include <kernel/base/percpu.h>

struct lock_class lc_top = {"top", 0, LOCK_MUTEX};
#define LOCK_CLASS(name, kind, rank, above)                                                        \
    struct lock_class lc_##name = {#name, rank, LOCK_##kind};
#include <kernel/base/locks.def>
#undef LOCK_CLASS

bool lock_check_off; // set by panic: from then on locks are best effort

static struct lock_held *held_now(void) {
    return (struct lock_held *)percpu_read(PERCPU_LOCKS_HELD); // null before the scheduler runs
}

void lock_check_note(void *lock, struct lock_class *c, u64 site) {
    struct lock_held *held = held_now();
    if (held == nullptr || lock_check_off) {
        return;
    }
    assert_lt(held->count, LOCK_HELD_MAX);
    cpu_irq_off(); // An interrupt's own locks use the same list.
    held->at[held->count].lock = lock;
    held->at[held->count].cls = c;
    held->at[held->count].site = site;
    held->count++;
    cpu_irq_restore();
}

void lock_check_acquire(void *lock, struct lock_class *c, u64 site, bool same_class_allowed) {
    struct lock_held *held = held_now();
    if (held == nullptr || lock_check_off) {
        return;
    }
    for (u32 i = 0; i < held->count; i++) {
        bool same = held->at[i].cls == c && same_class_allowed && held->at[i].lock != lock;
        if (held->at[i].cls->rank >= c->rank && !same) {
            panic("lock order: %s (rank %u) wanted while %s (rank %u) is held", c->name, c->rank,
                  held->at[i].cls->name, held->at[i].cls->rank);
        }
    }
    lock_check_note(lock, c, site);
}

void lock_check_release(void *lock, struct lock_class *c) {
    struct lock_held *held = held_now();
    if (held == nullptr || lock_check_off) {
        return;
    }
    cpu_irq_off();
    for (u32 i = held->count; i-- > 0;) {
        if (held->at[i].lock == lock) {
            for (u32 j = i; j + 1 < held->count; j++) {
                held->at[j] = held->at[j + 1];
            }
            held->count--;
            cpu_irq_restore();
            return;
        }
    }
    panic("lock %s released but not held by this thread", c->name);
}

void lock_check_may_sleep(u64 site) {
    struct lock_held *held = held_now();
    if (held == nullptr || lock_check_off) {
        return;
    }
    char where[64];
    for (u32 i = 0; i < held->count; i++) {
        if (held->at[i].cls->kind == LOCK_SPIN) {
            symbol_print(site, where, sizeof(where));
            panic("sleep at %s with spinlock %s held", where, held->at[i].cls->name);
        }
    }
    if (!cpu_irq_enabled()) {
        symbol_print(site, where, sizeof(where));
        panic("sleep at %s with interrupts off", where);
    }
}

void lock_print_held(void) {
    const struct lock_held *held = held_now();
    if (held == nullptr || held->count == 0) {
        log(CPU, ERROR, "locks held: none recorded");
        return;
    }
    for (u32 i = 0; i < held->count && i < LOCK_HELD_MAX; i++) {
        char where[64];
        symbol_print(held->at[i].site, where, sizeof(where));
        log(CPU, ERROR, "lock held: %s rank=%u taken at %s", held->at[i].cls->name,
            held->at[i].cls->rank, where);
    }
}

void spin_lock(struct spinlock *l, struct lock_class *c) {
    cpu_irq_off();
    if (CONFIG_DEBUG) {
        lock_check_acquire(l, c, (u64)__builtin_return_address(0), false);
    }
    u32 ticket = __c11_atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);
    while (__c11_atomic_load(&l->serving, __ATOMIC_ACQUIRE) != ticket) {
        if (unlikely(lock_check_off)) {
            break; // the owner was stopped by a panic
        }
        cpu_pause();
    }
    if (CONFIG_DEBUG) {
        l->acquire_site = (u64)__builtin_return_address(0);
    }
}

void spin_unlock(struct spinlock *l, struct lock_class *c) {
    if (CONFIG_DEBUG) {
        lock_check_release(l, c);
    }
    u32 serving = __c11_atomic_load(&l->serving, __ATOMIC_RELAXED);
    __c11_atomic_store(&l->serving, serving + 1, __ATOMIC_RELEASE);
    cpu_irq_restore();
}
