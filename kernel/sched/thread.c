// SPDX-License-Identifier: MIT
// Life of threads. A thread holds one reference to itself until its last switch is over; then the
// reaper thread, which may sleep, drops it, and whoever drops the last one frees stack and
// structure.
#include "sched_impl.h"
#include <kernel/base/log.h>
#include <kernel/base/panic.h>
#include <kernel/sched/wait.h>
#include <lib/mem.h>
#include <mm/heap/heap.h>
#include <mm/phys/page.h>

struct thread_list {
    struct spinlock lock;
    struct list all GUARDED_BY(lc_thread_list);
    struct list dead GUARDED_BY(lc_thread_list);
};
DECLARE_SPIN_CLASS(thread_list, struct thread_list, lock)
static struct thread_list threads = {.all = LIST_INIT(threads.all),
                                     .dead = LIST_INIT(threads.dead)};
static struct waitq reaper_queue = WAITQ_INIT(reaper_queue);
static _Atomic u64 next_id = 1;
_Atomic u64 threads_created;

static err_t stack_from_pages(size_t bytes, void **out) {
    struct page *p;
    u32 order = 0;
    while ((PAGE_SIZE << order) < bytes) {
        order++;
    }
    TRY(page_alloc(order, PAGE_ZERO, &p));
    *out = page_ptr(p);
    return ERR_OK;
}

static void stack_to_pages(void *stack, size_t bytes) {
    unused_arg(bytes);
    page_put(page_of_pa(ptr_to_pa(stack)));
}

err_t (*thread_stack_alloc)(size_t bytes, void **out) = stack_from_pages;
void (*thread_stack_free)(void *stack, size_t bytes) = stack_to_pages;

struct start { // lives at the bottom of the new thread's stack until it runs
    void (*fn)(void *);
    void *arg;
};

static void first_run(void *arg) {
    struct start s = *(struct start *)arg;
    sched_arrive();
    s.fn(s.arg);
    thread_exit();
}

err_t thread_create(const char *name, void (*fn)(void *), void *arg, struct thread **out) {
    constexpr u64 pages_for_one = 32; // stack, page tables, and what a process has in the heap
    if (!phys_has_room(pages_for_one)) {
        return ERR_NOMEM;
    }
    struct thread *t;
    TRY(heap_new(&t));
    err_t err = thread_stack_alloc(THREAD_STACK_BYTES, &t->stack);
    if (err != ERR_OK) {
        heap_free(&t);
        return err;
    }
    text_copy(t->name, sizeof(t->name), name);
    t->id = next_id++;
    t->priority = THREAD_PRIORITIES / 2;
    t->cpu_allowed = ~(u64)0;
    t->references = 1; // the caller's
    struct start *s = t->stack;
    *s = (struct start){fn, arg};
    cpu_context_init(&t->context, (u8 *)t->stack + THREAD_STACK_BYTES, first_run, s);
    GUARD(thread_list, &threads);
    list_push_back(&threads.all, &t->all_node);
    threads_created++;
    *out = t;
    return ERR_OK;
}

err_t thread_attach_fpu(struct thread *t) {
    TRY(heap_alloc(fpu_area_bytes(), &t->fpu));
    fpu_area_init(t->fpu);
    return ERR_OK;
}

void thread_start(struct thread *t) {
    assert_eq(t->state, THREAD_NEW);
    thread_get(t); // its own, which the reaper puts
    sched_enqueue_new(t);
}

void thread_get(struct thread *t) { t->references++; }

void thread_put(struct thread *t) {
    u32 before = t->references--;
    assert_lt(0u, before);
    if (before != 1) {
        return;
    }
    thread_list_lock(&threads);
    list_remove(&t->all_node);
    thread_list_unlock(&threads);
    heap_free(&t->fpu);
    thread_stack_free(t->stack, THREAD_STACK_BYTES);
    heap_free(&t);
}

void thread_exit(void) {
    struct thread *t = thread_current();
    debug_assert(t->held.count == 0);
    t->state = THREAD_DEAD;
    sched_switch_away(true);
    panic("a dead thread ran");
}

void thread_reap_later(struct thread *t) {
    thread_list_lock(&threads);
    list_remove(&t->all_node); // the list of all is of living threads
    list_push_back(&threads.dead, &t->all_node);
    thread_list_unlock(&threads);
    waitq_wake_one(&reaper_queue);
}

static struct thread *next_dead(void) {
    GUARD(thread_list, &threads);
    struct list *n = list_pop_front(&threads.dead);
    return n == nullptr ? nullptr : list_entry(n, struct thread, all_node);
}

static void reaper(void *arg) {
    unused_arg(arg);
    for (;;) {
        struct thread *t = nullptr;
        err_t err =
            WAIT_UNTIL(&reaper_queue, (t = next_dead()) != nullptr, WAIT_SOLID, DEADLINE_NEVER);
        if (err == ERR_OK && t != nullptr) {
            thread_put(t);
        }
    }
}

void sched_init(void) { sched_init_secondary(0); }

void sched_start_services(void) {
    load_start();
    struct thread *t;
    if (thread_create("reaper", reaper, nullptr, &t) != ERR_OK) {
        panic("no memory for the reaper thread");
    }
    thread_start(t);
    thread_put(t);
}

void thread_set_mmu(struct mmu_space *mmu) {
    cpu_irq_off();
    thread_current()->mmu = mmu;
    mmu_switch(mmu);
    cpu_irq_restore();
}

void thread_interrupt(struct thread *t, u32 user_work_bits) {
    t->interrupted = true;
    t->user_work |= user_work_bits;
    if (t->wait_kind == WAIT_INTERRUPTIBLE || t->wait_kind == WAIT_KILLABLE) {
        thread_wake(t); // a killable sleeper looks again and goes on sleeping
    }
    u32 cpu = t->cpu;
    if (t != thread_current() && cpu_by_idx(cpu) != nullptr && cpu_by_idx(cpu)->current == t) {
        cpu_ipi_reschedule(cpu); // out of user mode, to look at user_work
    }
}

void thread_kill(struct thread *t) {
    t->killed = true;
    thread_interrupt(t, USER_WORK_SIGNAL);
}

void thread_each(bool (*fn)(struct thread *t, void *arg), void *arg) {
    GUARD(thread_list, &threads);
    struct thread *t;
    list_for_each(t, &threads.all, all_node) {
        if (!fn(t, arg)) {
            return;
        }
    }
}
