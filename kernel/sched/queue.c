// SPDX-License-Identifier: MIT
// The scheduler. Each CPU has a run queue ordered by virtual run time (run time scaled by the
// thread's weight); the smallest runs next, so every thread gets its share and nobody starves. A
// woken thread is placed near the queue's minimum: it runs soon, without a claim on the time it
// slept. CPUs without work pull from the longest queue, and wakes prefer idle CPUs.
//
// A switch happens with the queue's lock held: taken by the thread that leaves, released by the one
// that arrives. So whoever holds the lock sees a thread either running or completely switched out.
//
// A preempted thread stays `on_queue` even when its state already says BLOCKED (it was about to
// sleep); only sched_switch_away(blocking) takes it off, and only if no wake came in between.
#include "sched_impl.h"
#include <arch/x86_64/upcalls.h>
#include <kernel/base/panic.h>
#include <kernel/base/percpu.h>
#include <kernel/sched/timer.h>
#include <lib/text.h>

constexpr u64 SLICE_NS = 4 * NS_PER_MS;       // when others wait
constexpr u64 TICK_NS = 10 * NS_PER_MS;       // accounting, when alone
constexpr u64 WAKE_CREDIT_NS = 3 * NS_PER_MS; // how far before the minimum a woken thread may stand
constexpr u64 WAKE_GRANULARITY_NS = NS_PER_MS; // a woken thread preempts if it is that much behind

struct run_queue run_queues[CPU_MAX];

// Weight of each priority: a step of one is 25 % more or less CPU time (nice levels as POSIX
// programs expect them).
static const u32 weights[THREAD_PRIORITIES] = {
    88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904,
    3906,  3121,  2501,  1991,  1586,  1277,  1024,  820,   655,   526,   423,  335,  272,  215,
    172,   137,   110,   87,    70,    56,    45,    36,    29,    23,    18,   15};

static struct run_queue *this_queue(void) { return &run_queues[cpu_this()->idx]; }

static bool runs_before(const struct thread *a, const struct thread *b) {
    return (i64)(a->virtual_ns - b->virtual_ns) < 0;
}

static void tree_add(struct run_queue *rq, struct thread *t) REQUIRES(lc_run_queue) {
    struct tree_node *parent = nullptr;
    struct tree_node **slot = &rq->waiting.root;
    while (*slot != nullptr) {
        parent = *slot;
        struct thread *other = container_of(parent, struct thread, run_node);
        slot = runs_before(t, other) ? &parent->left : &parent->right;
    }
    tree_insert(&rq->waiting, &t->run_node, parent, slot);
}

void sched_account(struct run_queue *rq, bool from_user) {
    struct thread *t = rq->current;
    u64 now = cpu_time_ns();
    u64 ran = now - t->accounted_ns;
    t->accounted_ns = now;
    if (t == rq->idle) {
        rq->idle_ns += ran;
        return;
    }
    t->virtual_ns += ran * WEIGHT_NICE_0 / weights[t->priority];
    if (from_user) {
        rq->user_ns += ran;
        t->user_ns += ran;
    } else {
        rq->kernel_ns += ran;
        t->kernel_ns += ran;
    }
    struct tree_node *first = tree_first(&rq->waiting);
    u64 least = t->virtual_ns;
    if (first != nullptr) {
        struct thread *waiting = container_of(first, struct thread, run_node);
        least = runs_before(waiting, t) ? waiting->virtual_ns : least;
    }
    if ((i64)(least - rq->virtual_min_ns) > 0) {
        rq->virtual_min_ns = least;
    }
}

static void place(struct run_queue *rq, struct thread *t, u64 credit_ns) REQUIRES(lc_run_queue) {
    u64 floor = rq->virtual_min_ns - credit_ns;
    if ((i64)(t->virtual_ns - floor) < 0 ||
        (i64)(t->virtual_ns - rq->virtual_min_ns) > (i64)NS_PER_SEC) {
        t->virtual_ns = floor;
    }
}

// Locks the queue that t belongs to; t may move between CPUs until the lock is held.
static struct run_queue *lock_queue_of(struct thread *t) ACQUIRES(lc_run_queue) NO_LOCK_ANALYSIS {
    for (;;) {
        struct run_queue *rq = &run_queues[__atomic_load_n(&t->cpu, __ATOMIC_RELAXED)];
        run_queue_lock(rq);
        if (rq->cpu == __atomic_load_n(&t->cpu, __ATOMIC_RELAXED)) {
            return rq;
        }
        run_queue_unlock(rq);
    }
}

static bool queue_idle(const struct run_queue *rq) { return rq->online && rq->runnable == 0; }

// Where a thread that becomes runnable should run: its last CPU if that is idle or short, else any
// idle one.
static u32 choose_cpu(const struct thread *t) {
    u32 last = t->cpu;
    bool last_allowed = (t->cpu_allowed >> last & 1) && run_queues[last].online;
    if (last_allowed && run_queues[last].runnable <= (last == cpu_this()->idx ? 1 : 0)) {
        return last;
    }
    for (u32 i = 0; i < cpu_count; i++) {
        if ((t->cpu_allowed >> i & 1) && queue_idle(&run_queues[i])) {
            return i;
        }
    }
    if (last_allowed) {
        return last;
    }
    for (u32 i = 0; i < CPU_MAX; i++) {
        if ((t->cpu_allowed >> i & 1) && run_queues[i].online) {
            return i;
        }
    }
    return 0;
}

static void request_reschedule(u32 cpu) {
    struct cpu_local *target = cpu_by_idx(cpu);
    if (target == nullptr) {
        return;
    }
    target->need_resched = true;
    if (target != cpu_this()) {
        cpu_ipi_reschedule(cpu);
    }
}

// rq's lock is held; t is runnable, off queue, t->cpu == rq->cpu.
static void add_runnable(struct run_queue *rq, struct thread *t, u64 credit_ns)
    REQUIRES(lc_run_queue) {
    t->on_queue = true;
    place(rq, t, credit_ns);
    tree_add(rq, t);
    rq->runnable++;
    struct thread *running = rq->current;
    if (running == rq->idle ||
        (i64)(running->virtual_ns - t->virtual_ns) > (i64)WAKE_GRANULARITY_NS) {
        request_reschedule(rq->cpu);
    } else if (rq->cpu == cpu_this()->idx) {
        timer_program(); // the running thread now has company: its slice ends earlier
    }
}

// WHY: the lock is of whichever queue the thread ends on, which the analysis cannot follow.
static void make_runnable(struct thread *t, u64 credit_ns) NO_LOCK_ANALYSIS {
    u32 cpu = choose_cpu(t);
    struct run_queue *rq = &run_queues[cpu];
    run_queue_lock(rq);
    t->cpu = cpu;
    add_runnable(rq, t, credit_ns);
    run_queue_unlock(rq);
}

// WHY: releases one queue's lock and takes another's.
void thread_wake(struct thread *t) NO_LOCK_ANALYSIS {
    struct run_queue *rq = lock_queue_of(t);
    if (t->state != THREAD_BLOCKED) {
        run_queue_unlock(rq);
        return;
    }
    bool running = rq->current == t;
    t->state = running ? THREAD_RUNNING : THREAD_READY;
    if (t->on_queue) { // it had not left yet
        run_queue_unlock(rq);
        return;
    }
    u32 cpu = choose_cpu(t);
    if (cpu == rq->cpu) {
        add_runnable(rq, t, WAKE_CREDIT_NS);
        run_queue_unlock(rq);
        return;
    }
    t->cpu = cpu; // off queue and READY: nobody else touches it
    t->virtual_ns = t->virtual_ns - rq->virtual_min_ns;
    run_queue_unlock(rq);
    rq = &run_queues[cpu];
    run_queue_lock(rq);
    t->virtual_ns += rq->virtual_min_ns;
    add_runnable(rq, t, WAKE_CREDIT_NS);
    run_queue_unlock(rq);
}

void sched_enqueue_new(struct thread *t) {
    t->state = THREAD_READY;
    t->cpu = cpu_this()->idx;
    make_runnable(t, 0);
}

// First code of a thread after each switch to it, new threads included; maybe on another CPU than
// before. The queue's lock was taken by the thread that was switched out; this one releases it.
// WHY: see the theory above: the lock crosses the switch.
void sched_arrive(void) NO_LOCK_ANALYSIS {
    struct run_queue *rq = this_queue();
    struct thread *previous = rq->previous;
    // Preempted on its way to the last switch, a dead thread still waits for a CPU to finish that.
    bool dead = previous->state == THREAD_DEAD && !previous->on_queue;
    // Only READY: a BLOCKED one may be woken, and so queued, by somebody else meanwhile.
    bool move = previous->state == THREAD_READY && previous->on_queue && previous != rq->idle &&
                !(previous->cpu_allowed >> rq->cpu & 1);
    if (move) {
        tree_remove(&rq->waiting, &previous->run_node);
        rq->runnable--;
        previous->on_queue = false;
    }
    run_queue_unlock(rq);
    if (move) {
        make_runnable(previous, 0);
    }
    if (dead) {
        thread_reap_later(previous);
    }
}

static void switch_user_state(struct thread *from, struct thread *to) {
    if (from->fpu != nullptr) {
        fpu_save(from->fpu);
        from->user_fs = cpu_user_fs();
        from->user_gs = cpu_user_gs();
    }
    if (to->fpu != nullptr) {
        fpu_restore(to->fpu);
        cpu_set_user_fs(to->user_fs);
        cpu_set_user_gs(to->user_gs);
    }
    if (to->mmu != nullptr) {
        mmu_switch(to->mmu);
    }
}

// WHY: the lock taken here is released by finish_switch, in another thread or later in this one.
static void switch_to(struct run_queue *rq, struct thread *next) NO_LOCK_ANALYSIS {
    struct cpu_local *cpu = cpu_this();
    struct thread *previous = rq->current;
    assert_eq(cpu->irq_off_depth, 1);
    rq->previous = previous;
    rq->current = next;
    rq->switches++;
    u64 now = cpu_time_ns();
    next->accounted_ns = now;
    next->slice_end_ns = now + SLICE_NS;
    if (next->state == THREAD_READY) {
        next->state = THREAD_RUNNING;
    }
    switch_user_state(previous, next);
    if (CONFIG_DEBUG) {
        lock_check_release(&rq->lock, &lc_run_queue);
    }
    cpu->current = next;
    cpu->words[PERCPU_LOCKS_HELD] = (u64)&next->held;
    if (CONFIG_DEBUG) { // the lock changes hands here
        lock_check_acquire(&rq->lock, &lc_run_queue, (u64)__builtin_return_address(0), false);
    }
    cpu_set_kernel_stack((u64)next->stack + THREAD_STACK_BYTES);
    timer_program();
    cpu_context_switch(&previous->context, &next->context);
    sched_arrive();
}

static struct thread *pick_next(struct run_queue *rq) REQUIRES(lc_run_queue) {
    struct tree_node *first = tree_first(&rq->waiting);
    if (first == nullptr) {
        return rq->idle;
    }
    tree_remove(&rq->waiting, first);
    return container_of(first, struct thread, run_node);
}

// WHY: the lock crosses the switch.
void sched_switch_away(bool blocking) NO_LOCK_ANALYSIS {
    cpu_irq_off(); // stay on this CPU between finding the queue and locking it
    struct run_queue *rq = this_queue();
    run_queue_lock(rq);
    cpu_irq_restore(); // depth back to the lock's own
    struct thread *t = rq->current;
    if (blocking && t->state != THREAD_BLOCKED && t->state != THREAD_DEAD) {
        run_queue_unlock(rq); // a wake came first
        return;
    }
    cpu_this()->need_resched = false;
    sched_account(rq, false);
    struct thread *next;
    if (blocking) {
        t->on_queue = false;
        rq->runnable--;
        next = pick_next(rq);
    } else if (t == rq->idle) {
        next = pick_next(rq);
    } else {
        if (t->state == THREAD_RUNNING) {
            t->state = THREAD_READY;
        }
        bool may_stay = (t->cpu_allowed >> rq->cpu & 1) != 0;
        next = may_stay ? nullptr : pick_next(rq); // before t is in the tree: not t
        tree_add(rq, t);
        next = may_stay ? pick_next(rq) : next;
    }
    if (next == t) {
        if (t->state == THREAD_READY) {
            t->state = THREAD_RUNNING;
        }
        t->slice_end_ns = cpu_time_ns() + SLICE_NS;
        timer_program();
        run_queue_unlock(rq);
        return;
    }
    switch_to(rq, next);
}

void thread_yield(void) {
    struct run_queue *rq = this_queue();
    if (rq->runnable > 1) {
        struct thread *t = thread_current();
        run_queue_lock(rq);
        t->virtual_ns = MAX(t->virtual_ns, rq->virtual_min_ns) + WAKE_GRANULARITY_NS / 4;
        run_queue_unlock(rq);
        sched_switch_away(false);
    }
}

// ---- idle and load balancing

// Takes one waiting thread from the longest queue. WHY: two queues, one after the other.
static bool steal_work(struct run_queue *mine) NO_LOCK_ANALYSIS {
    struct run_queue *longest = nullptr;
    for (u32 i = 0; i < cpu_count; i++) {
        struct run_queue *rq = &run_queues[i];
        if (rq != mine && rq->online && rq->runnable >= 2 &&
            (longest == nullptr || rq->runnable > longest->runnable)) {
            longest = rq;
        }
    }
    if (longest == nullptr) {
        return false;
    }
    struct thread *taken = nullptr;
    run_queue_lock(longest);
    for (struct tree_node *n = tree_last(&longest->waiting); n != nullptr; n = tree_prev(n)) {
        struct thread *t = container_of(n, struct thread, run_node);
        if (t->cpu_allowed >> mine->cpu & 1) {
            taken = t;
            break;
        }
    }
    if (taken != nullptr) {
        tree_remove(&longest->waiting, &taken->run_node);
        longest->runnable--;
        taken->on_queue = false;
        taken->cpu = mine->cpu;
        taken->virtual_ns -= longest->virtual_min_ns;
    }
    run_queue_unlock(longest);
    if (taken == nullptr) {
        return false;
    }
    run_queue_lock(mine);
    taken->virtual_ns += mine->virtual_min_ns;
    add_runnable(mine, taken, 0);
    run_queue_unlock(mine);
    return true;
}

void sched_idle(void) {
    struct run_queue *rq = this_queue();
    for (;;) {
        if (rq->runnable != 0 || steal_work(rq)) {
            sched_switch_away(false);
            continue;
        }
        cpu_irq_off();
        if (rq->runnable == 0 && !cpu_this()->need_resched) {
            run_queue_lock(rq);
            sched_account(rq, false);
            run_queue_unlock(rq);
            timer_program();
            cpu_idle_wait();
        }
        cpu_this()->need_resched = false;
        cpu_irq_restore();
    }
}

static void wake_idle_cpu(void) {
    for (u32 i = 0; i < cpu_count; i++) {
        if (queue_idle(&run_queues[i])) {
            request_reschedule(i); // its idle loop steals
            return;
        }
    }
}

// ---- preemption

void sched_tick(bool from_user) {
    struct run_queue *rq = this_queue();
    run_queue_lock(rq);
    sched_account(rq, from_user);
    bool expired = rq->current != rq->idle && cpu_time_ns() >= rq->current->slice_end_ns;
    if (expired && rq->runnable > 1) {
        cpu_this()->need_resched = true;
    }
    run_queue_unlock(rq);
    if (expired && rq->runnable > 1) {
        wake_idle_cpu();
    }
}

// When this CPU's scheduler wants its next interrupt.
u64 sched_next_tick(void) {
    struct run_queue *rq = this_queue();
    if (rq->current == nullptr || rq->current == rq->idle) {
        return DEADLINE_NEVER;
    }
    return rq->runnable > 1 ? rq->current->slice_end_ns : rq->current->accounted_ns + TICK_NS;
}

bool upcall_user_work_pending(void) {
    const struct thread *t = thread_current();
    return t != nullptr && t->user_work != 0;
}

void upcall_reschedule(void) { cpu_this()->need_resched = true; }

void upcall_irq_exit(struct trap_frame *frame) {
    struct cpu_local *cpu = cpu_this();
    if (!cpu->need_resched || cpu->preempt_off_depth != 0 || cpu->irq_off_depth != 0 ||
        (frame->rflags & RFLAGS_IF) == 0 || cpu->current == nullptr) {
        return;
    }
    if (run_queues[cpu->idx].idle == cpu->current) {
        return; // the idle loop looks itself
    }
    struct run_queue *rq = &run_queues[cpu->idx];
    if (trap_from_user(frame)) {
        run_queue_lock(rq);
        sched_account(rq, true);
        run_queue_unlock(rq);
    }
    sched_switch_away(false);
}

void preempt_off(void) {
    cpu_irq_off(); // WHY: find and change the counter of one CPU
    cpu_this()->preempt_off_depth++;
    cpu_irq_restore();
}

void preempt_on(void) {
    cpu_irq_off();
    struct cpu_local *cpu = cpu_this();
    cpu->preempt_off_depth--;
    bool now = cpu->preempt_off_depth == 0 && cpu->need_resched && cpu->irq_off_depth == 1 &&
               cpu->irq_were_on;
    cpu_irq_restore();
    if (now) {
        sched_switch_away(false);
    }
}

// ---- set-up and statistics

static void adopt_idle(u32 cpu_idx, struct thread *idle) {
    struct run_queue *rq = &run_queues[cpu_idx];
    rq->cpu = cpu_idx;
    rq->idle = idle;
    rq->current = idle;
    idle->cpu = cpu_idx;
    idle->cpu_allowed = (u64)1 << cpu_idx;
    idle->state = THREAD_RUNNING;
    idle->accounted_ns = cpu_time_ns();
    struct cpu_local *cpu = cpu_this();
    cpu->current = idle;
    cpu->sched = rq;
    cpu->words[PERCPU_LOCKS_HELD] = (u64)&idle->held;
    rq->online = true;
}

static struct thread idle_threads[CPU_MAX];

void sched_init_secondary(u32 cpu_idx) {
    struct thread *idle = &idle_threads[cpu_idx];
    text_format(idle->name, sizeof(idle->name), "idle/%u", cpu_idx);
    idle->priority = THREAD_PRIORITIES - 1;
    idle->references = 1;
    list_init(&idle->all_node);
    adopt_idle(cpu_idx, idle);
}

void thread_set_priority(struct thread *t, u8 priority) {
    struct run_queue *rq = lock_queue_of(t);
    t->priority = MIN(priority, (u8)(THREAD_PRIORITIES - 1));
    run_queue_unlock(rq);
}

void thread_set_affinity(struct thread *t, u64 cpu_mask) {
    might_sleep();
    struct run_queue *rq = lock_queue_of(t);
    t->cpu_allowed = cpu_mask;
    bool move = !(cpu_mask >> rq->cpu & 1);
    bool running = rq->current == t;
    run_queue_unlock(rq);
    if (move && running) {
        if (t == thread_current()) {
            sched_switch_away(false);
        } else {
            request_reschedule(rq->cpu);
        }
    } // a waiting one moves when it is next switched out or stolen
}

void sched_stats(u32 cpu_idx, struct sched_stats *out) {
    *out = (struct sched_stats){.threads_created = threads_created,
                                .load_1 = loads[0],
                                .load_5 = loads[1],
                                .load_15 = loads[2]};
    for (u32 i = 0; i < cpu_count; i++) {
        if (cpu_idx != CPU_MAX && cpu_idx != i) {
            continue;
        }
        struct run_queue *rq = &run_queues[i];
        run_queue_lock(rq);
        out->switches += rq->switches;
        out->user_ns += rq->user_ns;
        out->kernel_ns += rq->kernel_ns;
        u64 open_idle = rq->current == rq->idle ? cpu_time_ns() - rq->idle->accounted_ns : 0;
        out->idle_ns += rq->idle_ns + open_idle;
        out->running += rq->runnable;
        run_queue_unlock(rq);
    }
}
