// SPDX-License-Identifier: MIT
// One tree of timers per CPU, ordered by deadline. The hardware timer stands at the earlier of the
// first timer and the running thread's next tick; an idle CPU without timers gets no interrupt at
// all.
#include "sched_impl.h"
#include <arch/x86_64/upcalls.h>
#include <kernel/sched/timer.h>

struct timer_queue {
    struct spinlock lock;
    struct tree tree GUARDED_BY(lc_timers);
    struct timer *_Atomic running; // its function runs now
    _Atomic u64 first_ns; // deadline of the first timer, or DEADLINE_NEVER; written under the lock
};
DECLARE_SPIN_CLASS(timers, struct timer_queue, lock)
static struct timer_queue queues[CPU_MAX] = {[0 ... CPU_MAX - 1].first_ns = DEADLINE_NEVER};
static _Atomic u64 wall_offset_ns;

u64 time_now_ns(void) { return cpu_time_ns(); }
u64 time_wall_ns(void) { return cpu_time_ns() + wall_offset_ns; }
void time_set_wall(u64 wall_ns) { wall_offset_ns = wall_ns - cpu_time_ns(); }

void timer_program(void) {
    u64 first = queues[cpu_this()->idx].first_ns;
    cpu_timer_set(MIN(first, sched_next_tick()));
}

static void note_first(struct timer_queue *q) REQUIRES(lc_timers) {
    struct tree_node *n = tree_first(&q->tree);
    q->first_ns = n == nullptr ? DEADLINE_NEVER : container_of(n, struct timer, node)->deadline_ns;
}

static void link_timer(struct timer_queue *q, struct timer *t) REQUIRES(lc_timers) {
    struct tree_node *parent = nullptr;
    struct tree_node **slot = &q->tree.root;
    while (*slot != nullptr) {
        parent = *slot;
        struct timer *other = container_of(parent, struct timer, node);
        slot = t->deadline_ns < other->deadline_ns ? &parent->left : &parent->right;
    }
    tree_insert(&q->tree, &t->node, parent, slot);
    t->active = true;
    note_first(q);
}

static void unlink_timer(struct timer_queue *q, struct timer *t) REQUIRES(lc_timers) {
    tree_remove(&q->tree, &t->node);
    t->active = false;
    note_first(q);
}

// Takes t off whichever queue holds it. One caller at a time and timer, as for any timer operation.
static bool detach(struct timer *t) {
    struct timer_queue *q = &queues[t->cpu];
    GUARD(timers, q);
    if (!t->active) {
        return false;
    }
    unlink_timer(q, t);
    return true;
}

void timer_start(struct timer *t, u64 deadline_ns) {
    (void)detach(t);
    cpu_irq_off(); // stay on this CPU
    u32 cpu = cpu_this()->idx;
    struct timer_queue *q = &queues[cpu];
    timers_lock(q);
    t->cpu = cpu;
    t->deadline_ns = deadline_ns;
    link_timer(q, t);
    bool earliest = q->first_ns == deadline_ns;
    timers_unlock(q);
    if (earliest) {
        timer_program();
    }
    cpu_irq_restore();
}

bool timer_cancel(struct timer *t) {
    bool was_active = detach(t);
    struct timer_queue *q = &queues[t->cpu];
    while (q->running == t && q != &queues[cpu_this()->idx]) {
        cpu_pause();
    }
    return was_active;
}

static struct timer *take_due(struct timer_queue *q, u64 now) {
    GUARD(timers, q);
    struct tree_node *n = tree_first(&q->tree);
    struct timer *t = n == nullptr ? nullptr : container_of(n, struct timer, node);
    if (t == nullptr || t->deadline_ns > now) {
        return nullptr;
    }
    q->running = t;
    unlink_timer(q, t);
    return t;
}

void upcall_timer(struct trap_frame *frame) {
    struct timer_queue *q = &queues[cpu_this()->idx];
    struct timer *t;
    while ((t = take_due(q, cpu_time_ns())) != nullptr) {
        t->fn(t); // may free or restart t: not touched afterwards
        q->running = nullptr;
    }
    if (thread_current() != nullptr) {
        sched_tick(trap_from_user(frame));
        timer_program();
    }
}
