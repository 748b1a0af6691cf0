// SPDX-License-Identifier: MIT
// Out of memory: one process is ended so that the others can go on. It is the one with the most
// memory, where memory of a user counts more than root's, so that root's shell outlives what users
// do; of equal ones the youngest, as in a fork bomb. Never the first process. While an earlier
// victim is on its way out, nobody else is chosen.
#include "proc_impl.h"
#include <abi/linux/types.h>
#include <kernel/base/log.h>
#include <kernel/sched/wait.h>

constexpr u64 PROCESS_PAGES = 16;   // what a process costs besides its own pages
constexpr u64 DESCRIPTOR_PAGES = 4; // guessed: between an open file and a full pipe
constexpr u64 USER_WEIGHT = 8;
constexpr u64 PATIENCE_NS = 2000000000; // for one victim
constexpr u64 PAUSE_NS = 5000000;

static struct oom {
    u32 victim GUARDED_BY(lc_proc_table); // pid, 0: none yet
    u64 chosen_ns GUARDED_BY(lc_proc_table);
} oom;

// WHY: an older value does as well, and the table's lock may sleep.
static u64 descriptor_pages(const struct fd_table *fds) NO_LOCK_ANALYSIS {
    return fds == nullptr ? 0 : fds->capacity * DESCRIPTOR_PAGES;
}

static u64 weight_of(struct process *p) {
    GUARD(signals, p);
    if (p->space == nullptr || p->exiting) {
        return 0; // going already
    }
    u64 pages = __c11_atomic_load(&p->space->resident_pages, __ATOMIC_RELAXED) + PROCESS_PAGES +
                descriptor_pages(p->fds);
    return pages * (p->cred->uid != 0 ? USER_WEIGHT : 1);
}

static bool victim_is_leaving(void) REQUIRES(lc_proc_table) {
    struct process *p = oom.victim == 0 ? nullptr : process_find_locked(oom.victim);
    return p != nullptr && !p->dead && cpu_time_ns() - oom.chosen_ns < PATIENCE_NS;
}

// Null: nobody can be ended.
static struct process *choose(void) REQUIRES(lc_proc_table) {
    struct process *best = nullptr, *p;
    u64 most = 0;
    list_for_each(p, &proc_table.all, all_node) {
        u64 weight = p == proc_table.init ? 0 : weight_of(p);
        if (weight != 0 && (weight > most || (weight == most && p->start_ns > best->start_ns))) {
            most = weight;
            best = p;
        }
    }
    return best;
}

static void end_one(void) {
    GUARD(proc_table, &proc_table);
    if (victim_is_leaving()) {
        return;
    }
    struct process *p = choose();
    if (p == nullptr) {
        oom.victim = proc_table.init->pid; // so that this is said once in a while only
        log(PROC, ERROR, "out of memory: nobody is left to be ended");
    } else {
        oom.victim = p->pid;
    }
    oom.chosen_ns = cpu_time_ns();
    if (p != nullptr) {
        struct siginfo info = {.signo = LINUX_SIGKILL, .code = LINUX_SI_KERNEL};
        err_t err = signal_send_locked(p, &info);
        log(PROC, ERROR, "out of memory: ends pid=%u comm=%s uid=%u error=%d", p->pid, p->comm,
            p->cred->uid, err);
    }
}

void process_out_of_memory(void) {
    end_one();
    // A killed thread does not wait; it ends on its way back to user mode.
    err_t err = sleep_until(cpu_time_ns() + PAUSE_NS, WAIT_KILLABLE);
    unused_arg(err);
}
