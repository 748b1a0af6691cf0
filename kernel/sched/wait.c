// SPDX-License-Identifier: MIT
// No wake is lost: a sleeper puts itself on the queue, declares BLOCKED, and only then looks at its
// condition; a waker changes the condition first, then takes the queue's lock and finds the
// sleeper. thread_wake on one that has not left the CPU yet just takes the declaration back.
#include "sched_impl.h"
#include <kernel/base/panic.h>
#include <kernel/sched/timer.h>
#include <kernel/sched/wait.h>

DECLARE_SPIN_CLASS(waitq, struct waitq, lock)

void waitq_init(struct waitq *q) { *q = WAITQ_INIT(*q); }

bool waitq_has_waiters(const struct waitq *q) {
    __c11_atomic_thread_fence(__ATOMIC_SEQ_CST); // the condition was written before
    return !list_empty(&q->waiters);
}

void waiter_add(struct waitq *q, struct waiter *w, bool exclusive) {
    w->thread = thread_current();
    w->queue = q;
    w->exclusive = exclusive;
    GUARD(waitq, q);
    list_push_back(&q->waiters, &w->node);
}

void waiter_remove(struct waiter *w) {
    if (w->queue == nullptr) {
        return;
    }
    GUARD(waitq, w->queue);
    list_remove(&w->node);
}

static void fire(struct waiter *w) {
    if (w->fire != nullptr) {
        w->fire(w);
    } else {
        thread_wake(w->thread);
    }
}

void waitq_wake_all(struct waitq *q) {
    if (!waitq_has_waiters(q)) {
        return;
    }
    GUARD(waitq, q);
    struct waiter *w, *next;
    list_for_each_safe(w, next, &q->waiters, node) { fire(w); }
}

void waitq_wake_one(struct waitq *q) {
    if (!waitq_has_waiters(q)) {
        return;
    }
    GUARD(waitq, q);
    struct waiter *w, *next;
    list_for_each_safe(w, next, &q->waiters, node) {
        fire(w);
        if (w->exclusive) {
            list_remove(&w->node); // to the back: the next wake is somebody else's
            list_push_back(&q->waiters, &w->node);
            return;
        }
    }
}

void wait_prepare(enum wait_kind kind) {
    struct thread *t = thread_current();
    t->wait_kind = kind;
    __c11_atomic_thread_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(&t->state, THREAD_BLOCKED, __ATOMIC_SEQ_CST);
}

void wait_finish(void) {
    struct thread *t = thread_current();
    __atomic_store_n(&t->state, THREAD_RUNNING, __ATOMIC_SEQ_CST);
    t->wait_kind = WAIT_SOLID;
}

struct wait_timer {
    struct timer timer;
    struct thread *thread;
    _Atomic bool fired;
};

static void wake_by_timer(struct timer *timer) {
    struct wait_timer *w = container_of(timer, struct wait_timer, timer);
    w->fired = true;
    thread_wake(w->thread);
}

static bool sleep_broken(const struct thread *t) {
    return (t->wait_kind == WAIT_INTERRUPTIBLE && t->interrupted) ||
           (t->wait_kind != WAIT_SOLID && t->killed);
}

err_t wait_block(u64 deadline_ns) {
    might_sleep();
    struct thread *t = thread_current();
    if (sleep_broken(t)) {
        wait_finish();
        return ERR_INTR;
    }
    if (deadline_ns == DEADLINE_NEVER) {
        sched_switch_away(true);
        return sleep_broken(t) ? ERR_INTR : ERR_OK;
    }
    struct wait_timer w = {.timer.fn = wake_by_timer, .thread = t};
    timer_start(&w.timer, deadline_ns);
    sched_switch_away(true);
    timer_cancel(&w.timer);
    if (sleep_broken(t)) {
        return ERR_INTR;
    }
    return w.fired ? ERR_TIMEDOUT : ERR_OK;
}

err_t sleep_until(u64 deadline_ns, enum wait_kind kind) {
    struct waitq nobody = WAITQ_INIT(nobody);
    err_t err = WAIT_UNTIL(&nobody, time_now_ns() >= deadline_ns, kind, deadline_ns);
    return err == ERR_TIMEDOUT ? ERR_OK : err;
}
