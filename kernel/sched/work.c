// SPDX-License-Identifier: MIT
#include <kernel/base/panic.h>
#include <kernel/sched/wait.h>
#include <kernel/sched/work.h>

struct work_list {
    struct spinlock lock;
    struct list items GUARDED_BY(lc_work);
};
DECLARE_SPIN_CLASS(work, struct work_list, lock)
static struct work_list pending = {.items = LIST_INIT(pending.items)};
static struct waitq worker_queue = WAITQ_INIT(worker_queue);

void work_queue(struct work *w) {
    if (w->queued) {
        return;
    }
    w->queued = true;
    work_lock(&pending);
    list_push_back(&pending.items, &w->node);
    work_unlock(&pending);
    waitq_wake_one(&worker_queue);
}

static struct work *next_work(void) {
    GUARD(work, &pending);
    struct list *n = list_pop_front(&pending.items);
    return n == nullptr ? nullptr : list_entry(n, struct work, node);
}

static void worker(void *arg) {
    unused_arg(arg);
    for (;;) {
        struct work *w = nullptr;
        err_t err =
            WAIT_UNTIL(&worker_queue, (w = next_work()) != nullptr, WAIT_SOLID, DEADLINE_NEVER);
        if (err == ERR_OK && w != nullptr) {
            w->queued = false; // from here on it may be queued again
            w->fn(w);
        }
    }
}

void work_init(void) {
    struct thread *t;
    if (thread_create("worker", worker, nullptr, &t) != ERR_OK) {
        panic("no memory for the worker thread");
    }
    thread_start(t);
    thread_put(t);
}
