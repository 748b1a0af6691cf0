// SPDX-License-Identifier: MIT
// Sleeping until something is so. The condition is the caller's; a wait queue only wakes.
//
//   WAIT_UNTIL(&queue, condition, WAIT_INTERRUPTIBLE, deadline_ns)  ->  err_t
//
// Evaluates the condition after it is on the queue, so that no wake is lost; holds no lock while it evaluates.
#pragma once
#include <kernel/sched/thread.h>

struct waitq {
    struct spinlock lock;
    struct list waiters;
};
enum wait_kind : u8 { WAIT_SOLID, WAIT_KILLABLE, WAIT_INTERRUPTIBLE };

struct waiter { // on the sleeper's stack; one thread may wait on many queues at once (poll)
    struct list node;
    struct thread *thread;
    struct waitq *queue;
    void (*fire)(struct waiter *w); // null: wake the thread. Runs with the queue's spinlock held.
    bool exclusive;                 // waitq_wake_one stops after one of these
};

void waitq_init(struct waitq *q);
#define WAITQ_INIT(name) ((struct waitq){.waiters = LIST_INIT((name).waiters)})
void waitq_wake_one(struct waitq *q); // any context
void waitq_wake_all(struct waitq *q); // any context
bool waitq_has_waiters(const struct waitq *q);

// The parts WAIT_UNTIL and poll are made of.
void waiter_add(struct waitq *q, struct waiter *w, bool exclusive);
void waiter_remove(struct waiter *w); // harmless if not queued
void wait_prepare(
    enum wait_kind kind); // from now on a wake makes the next wait_block return at once
err_t wait_block(
    u64 deadline_ns);   // ERR_OK woken, ERR_INTR interrupted/killed, ERR_TIMEDOUT; sleeps
void wait_finish(void); // back to running, after success or a satisfied condition

#define WAIT_UNTIL(queue, condition, kind, deadline_ns)                                            \
    ({                                                                                             \
        struct waiter waiter_ = {};                                                                \
        err_t wait_err_ = ERR_OK;                                                                  \
        if (!(condition)) {                                                                        \
            waiter_add((queue), &waiter_, false);                                                  \
            for (;;) {                                                                             \
                wait_prepare(kind);                                                                \
                if (condition) {                                                                   \
                    break;                                                                         \
                }                                                                                  \
                wait_err_ = wait_block(deadline_ns);                                               \
                if (wait_err_ != ERR_OK) {                                                         \
                    if (condition) {                                                               \
                        wait_err_ = ERR_OK;                                                        \
                    }                                                                              \
                    break;                                                                         \
                }                                                                                  \
            }                                                                                      \
            wait_finish();                                                                         \
            waiter_remove(&waiter_);                                                               \
        }                                                                                          \
        wait_err_;                                                                                 \
    })

// Sleeps until the deadline. ERR_OK when it passed, ERR_INTR.
err_t sleep_until(u64 deadline_ns, enum wait_kind kind);
