// SPDX-License-Identifier: MIT
// Kernel threads: the schedulable part of everything. Preemptible, per-CPU run queues, priorities, load balancing.
// A user thread is a kernel thread whose function enters user mode; `process`, `space` and `user` belong to upper layers.
#pragma once
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/mmu.h>
#include <kernel/base/lock.h>
#include <lib/list.h>
#include <lib/tree.h>

constexpr u64 THREAD_STACK_BYTES = (CONFIG_DEBUG ? 32 : 16) * 1024; // plus a guard page below
constexpr u32 THREAD_PRIORITIES = 40;                               // 0 highest; 20 = nice 0
constexpr u64 DEADLINE_NEVER = ~(u64)0;

enum thread_state : u8 { THREAD_NEW, THREAD_READY, THREAD_RUNNING, THREAD_BLOCKED, THREAD_DEAD };
enum thread_user_work : u32 {
    USER_WORK_SIGNAL = 1,
    USER_WORK_RESCHED = 2,
    USER_WORK_TRACE = 4,
    USER_WORK_STOP = 8
};

// Legend: [I] immutable after start, [a] atomic, [s] scheduler's (run_queue lock of `cpu`), [o] own thread only
struct thread {
    struct cpu_context context;     // [s]
    char name[32];                  // [o]
    u64 id;                         // [I] unique, never reused in a boot
    enum thread_state state;        // [s]
    u8 priority;                    // [s] static priority
    u32 cpu;                        // [s] whose run queue
    u64 cpu_allowed;                // [s] bit per CPU
    struct tree_node run_node;      // [s] in the run queue's tree while runnable but not running
    bool on_queue;                  // [s] runnable: in the tree, or running
    u8 wait_kind;                   // [o] enum wait_kind of the sleep being prepared
    u64 virtual_ns;                 // [s] weighted run time: the smallest runs next
    u64 slice_end_ns;               // [s]
    _Atomic u64 user_ns, kernel_ns; // [a] time used
    u64 accounted_ns;               // [s] run time is booked up to here
    _Atomic u32 user_work;          // [a] enum thread_user_work: looked at on the way to user mode
    _Atomic bool interrupted;       // [a] wakes interruptible sleeps (signals)
    _Atomic bool killed;            // [a] wakes killable sleeps too
    void *stack;                    // [I] lowest usable address
    struct lock_held held;          // [o] debug
    void *fpu;                      // [I] save area of a user thread, or null
    u64 user_fs, user_gs;           // [s] valid while switched out
    struct mmu_space *mmu;          // [o] address space to run in; null: any (kernel thread)
    struct process *process;        // [I] owner of a user thread (proc), or null
    void *user;                     // [I] struct user_thread of proc, or null
    struct trap_frame
        *frame;             // [o] user registers of the entry in progress, null in a kernel thread
    struct list all_node;   // all threads
    _Atomic u32 references; // [a]
};

// Where stacks come from: plain pages until mm/vm sets these to guard-paged ranges (mm/vm/kmap.h).
extern err_t (*thread_stack_alloc)(size_t bytes, void **out);
extern void (*thread_stack_free)(void *stack, size_t bytes);

static inline struct thread *thread_current(void) { return cpu_current_thread(); }

void sched_init(void); // boot CPU: the running code becomes thread 0 (idle of CPU 0)
void sched_init_secondary(u32 cpu_idx);
void sched_start_services(void); // the reaper and the workers; once threads can be created
[[noreturn]] void sched_idle(void);

// Creates a thread in state NEW with one reference for the caller; a put before thread_start frees it. fn runs with interrupts on. Errors: ERR_NOMEM. Sleeps.
err_t thread_create(const char *name, void (*fn)(void *), void *arg, struct thread **out);
err_t thread_attach_fpu(struct thread *t); // user threads, before start. ERR_NOMEM
void thread_start(struct thread *t);
[[noreturn]] void thread_exit(void); // stack and struct go when the last reference is put
void thread_get(struct thread *t);
void thread_put(struct thread *t);
void thread_set_priority(struct thread *t, u8 priority);
void thread_set_affinity(struct thread *t,
                         u64 cpu_mask); // the current thread moves at once: no spinlock held
void thread_wake(struct thread *t);     // any context; harmless if t is not blocked
void thread_yield(void);
void thread_set_mmu(struct mmu_space *mmu); // the current thread moves to another address space

void preempt_off(void); // nesting
void preempt_on(void);  // may reschedule

// Wakes interruptible sleeps of t, or makes the next one return at once; kicks it out of user mode to look at user_work.
void thread_interrupt(struct thread *t, u32 user_work_bits);
void thread_kill(
    struct thread *t); // like interrupt, also wakes killable sleeps; `killed` stays set

// Walks all threads (ps, panic): callback with the list lock held (spin), false stops.
void thread_each(bool (*fn)(struct thread *t, void *arg), void *arg);
constexpr u32 SCHED_LOAD_SHIFT = 11; // fraction bits of load averages
// Sums since boot over all CPUs, for /proc/stat; any may be null.
struct sched_stats {
    u64 switches, user_ns, kernel_ns, idle_ns;
    u32 running, load_1, load_5, load_15;
    u64 threads_created;
}; // load: threads << SCHED_LOAD_SHIFT
void sched_stats(u32 cpu_idx_or_all, struct sched_stats *out); // CPU_MAX: all CPUs
