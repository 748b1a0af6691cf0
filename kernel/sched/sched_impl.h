// SPDX-License-Identifier: MIT
// Shared by the files of kernel/sched only.
#pragma once
#include <kernel/sched/thread.h>

constexpr u32 WEIGHT_NICE_0 = 1024;

struct run_queue { // one per CPU
    struct spinlock lock;
    struct tree waiting GUARDED_BY(lc_run_queue); // runnable, not running, by virtual_ns
    _Atomic u32 runnable; // in the tree, plus the running one unless it is the idle thread
    u64 virtual_min_ns GUARDED_BY(lc_run_queue); // never falls
    struct thread *current;                      // changes under the lock
    struct thread *idle;                         // [I]
    struct thread *previous;                     // during a switch: who was switched out
    u64 switches, user_ns, kernel_ns, idle_ns;   // owner CPU
    u32 cpu;
    bool online;
};
DECLARE_SPIN_CLASS(run_queue, struct run_queue, lock)

extern struct run_queue run_queues[CPU_MAX];

// queue.c
void sched_switch_away(
    bool blocking); // gives up the CPU; blocking: only if still BLOCKED. Interrupts on or off
void sched_enqueue_new(struct thread *t); // NEW -> READY
void sched_account(struct run_queue *rq, bool from_user) REQUIRES(lc_run_queue);
void sched_arrive(void);
void sched_tick(bool from_user);
u64 sched_next_tick(void);
// thread.c
void thread_reap_later(struct thread *t); // a dead thread's last switch is over
extern _Atomic u64 threads_created;
// load.c
void load_start(void);
extern _Atomic u32 loads[3]; // over 1, 5, 15 minutes
// timer.c
void timer_program(void); // sets this CPU's hardware timer; interrupts off
