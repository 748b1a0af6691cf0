// SPDX-License-Identifier: MIT
// The process table: numbers, look-up, families, groups, sessions.
//
// One number space serves processes, threads, groups and sessions. A slot tells who has the number;
// `uses` counts the processes whose group or session carries it, so that a number is not given out
// again while such a group lives.
#include "proc_impl.h"
#include <kernel/sched/timer.h>

constexpr u32 SLOTS_PER_CHUNK = 512;
struct pid_slot {
    struct process *process;
    struct user_thread *thread;
    u32 uses;
};
static struct pid_slot *chunks[PROC_PID_MAX / SLOTS_PER_CHUNK];
struct proc_table proc_table = {.all = LIST_INIT(proc_table.all)};
const struct exec_layer *proc_linux_layer;
void (*proc_power_off)(void);
void (*proc_restart)(void);
void (*proc_halt)(void);
void (*proc_first_failed)(const char *why);

void proc_init(void) { jobs_init(); }

struct process *process_current(void) { return thread_current()->process; }
struct user_thread *user_thread_current(void) {
    return (struct user_thread *)thread_current()->user;
}

void process_trap(struct trap_frame *frame, u64 va, enum vm_fault why) {
    process_current()->layer->trap(frame, va, why);
}

static struct pid_slot *slot_find(u32 pid) {
    if (pid >= PROC_PID_MAX || chunks[pid / SLOTS_PER_CHUNK] == nullptr) {
        return nullptr;
    }
    return &chunks[pid / SLOTS_PER_CHUNK][pid % SLOTS_PER_CHUNK];
}

static err_t slot_make(u32 pid, struct pid_slot **out) {
    struct pid_slot **chunk = &chunks[pid / SLOTS_PER_CHUNK];
    if (*chunk == nullptr) {
        TRY(heap_new_array(chunk, SLOTS_PER_CHUNK));
    }
    *out = &(*chunk)[pid % SLOTS_PER_CHUNK];
    return ERR_OK;
}

err_t pid_alloc_locked(u32 *out) {
    u32 pid = proc_table.last_pid;
    for (u32 i = 0; i < PROC_PID_MAX; i++) {
        pid = pid + 1 >= PROC_PID_MAX ? (proc_table.last_pid > 300 ? 300 : 2) : pid + 1;
        struct pid_slot *slot;
        TRY(slot_make(pid, &slot));
        if (slot->process == nullptr && slot->thread == nullptr && slot->uses == 0) {
            proc_table.last_pid = pid;
            *out = pid;
            return ERR_OK;
        }
    }
    return ERR_AGAIN;
}

void pid_set_process_locked(u32 pid, struct process *p) { slot_find(pid)->process = p; }
void pid_set_thread_locked(u32 tid, struct user_thread *t) { slot_find(tid)->thread = t; }
void pid_hold_locked(u32 id) {
    struct pid_slot *slot = slot_find(id);
    if (slot != nullptr) {
        slot->uses++;
    }
}
void pid_drop_locked(u32 id) {
    struct pid_slot *slot = slot_find(id);
    if (slot != nullptr) {
        assert(slot->uses > 0);
        slot->uses--;
    }
}

void process_table_add_locked(struct process *p) {
    pid_set_process_locked(p->pid, p);
    pid_hold_locked(p->pgid);
    pid_hold_locked(p->sid);
    list_push_back(&proc_table.all, &p->all_node);
    proc_table.count++;
}

void process_table_remove_locked(struct process *p) {
    pid_drop_locked(p->pgid);
    pid_drop_locked(p->sid);
    pid_set_process_locked(p->pid, nullptr);
    list_remove(&p->all_node);
    list_remove(&p->sibling_node);
    proc_table.count--;
}

void process_get(struct process *p) { ref_get(&p->refs); }
void process_put(struct process *p) {
    if (!ref_put(&p->refs)) {
        return;
    }
    sig_pending_free(&p->pending);
    if (p->handlers != nullptr && ref_put(&p->handlers->refs)) {
        heap_free(&p->handlers);
    }
    cred_put(p->cred);
    trace_drop(p);
    heap_free(&p);
}

struct process *process_find_locked(u32 pid) {
    struct pid_slot *slot = slot_find(pid);
    return slot == nullptr ? nullptr : slot->process;
}
struct user_thread *thread_find_locked(u32 tid) {
    struct pid_slot *slot = slot_find(tid);
    return slot == nullptr ? nullptr : slot->thread;
}

struct process *process_find(u32 pid) {
    GUARD(proc_table, &proc_table);
    struct process *p = process_find_locked(pid);
    if (p != nullptr) {
        process_get(p);
    }
    return p;
}

struct process *process_next(u32 pid) {
    GUARD(proc_table, &proc_table);
    for (; pid < PROC_PID_MAX; pid++) {
        struct pid_slot *slot = slot_find(pid);
        if (slot == nullptr) {
            pid = ALIGN_UP(pid + 1, SLOTS_PER_CHUNK) - 1;
        } else if (slot->process != nullptr) {
            process_get(slot->process);
            return slot->process;
        }
    }
    return nullptr;
}

u32 thread_next(struct process *p, u32 tid) {
    GUARD(signals, p);
    u32 best = 0;
    struct user_thread *t;
    list_for_each(t, &p->threads, process_node) {
        if (t->tid >= tid && (best == 0 || t->tid < best)) {
            best = t->tid;
        }
    }
    return best;
}

void process_each(bool (*fn)(struct process *p, void *arg), void *arg) {
    struct process *p, *tmp;
    list_for_each_safe(p, tmp, &proc_table.all, all_node) {
        if (!fn(p, arg)) {
            return;
        }
    }
}

bool process_group_exists_locked(u32 pgid, u32 sid_or_0) {
    struct process *p;
    list_for_each(p, &proc_table.all, all_node) {
        if (p->pgid == pgid && (sid_or_0 == 0 || p->sid == sid_or_0)) {
            return true;
        }
    }
    return false;
}

// POSIX: a group is orphaned if no member has its parent in another group of the same session.
bool process_group_orphaned_locked(u32 pgid, const struct process *except) {
    struct process *p;
    list_for_each(p, &proc_table.all, all_node) {
        if (p->pgid != pgid || p == except || p->dead || p->parent == nullptr ||
            p->parent->pid == 1) {
            continue;
        }
        if (p->parent->pgid != pgid && p->parent->sid == p->sid) {
            return false;
        }
    }
    return true;
}

err_t process_set_group(u32 pid, u32 pgid) {
    struct process *self = process_current();
    if ((i32)pgid < 0) {
        return ERR_INVAL;
    }
    GUARD(proc_table, &proc_table);
    struct process *p = pid == 0 ? self : process_find_locked(pid);
    if (p == nullptr || p->dead || (p != self && p->parent != self)) {
        return ERR_SRCH;
    }
    pgid = pgid == 0 ? p->pid : pgid;
    if (p->sid != self->sid || p->sid == p->pid) {
        return ERR_PERM;
    }
    if (p != self && p->execed) {
        return ERR_ACCES;
    }
    if (pgid != p->pid && !process_group_exists_locked(pgid, p->sid)) {
        return ERR_PERM;
    }
    pid_hold_locked(pgid);
    pid_drop_locked(p->pgid);
    p->pgid = pgid;
    return ERR_OK;
}

err_t process_new_session(u32 *sid) {
    struct process *p = process_current();
    GUARD(proc_table, &proc_table);
    if (process_group_exists_locked(p->pid, 0)) {
        return ERR_PERM;
    }
    pid_drop_locked(p->pgid);
    pid_drop_locked(p->sid);
    p->pgid = p->sid = p->pid;
    pid_hold_locked(p->pgid);
    pid_hold_locked(p->sid);
    p->tty = nullptr;
    *sid = p->sid;
    return ERR_OK;
}

const struct cred *process_cred_get(struct process *p) {
    GUARD(signals, p);
    cred_get(p->cred);
    return p->cred;
}

void process_set_cred(const struct cred *c) {
    struct user_thread *t = user_thread_current();
    struct process *p = t->process;
    const struct cred *old = t->cred, *old_seen;
    t->cred = c;
    cred_get(c);
    signals_lock(p);
    old_seen = p->cred;
    p->cred = c;
    signals_unlock(p);
    cred_put(old);
    cred_put(old_seen);
}

void process_times(struct process *p, u64 *user_ns, u64 *kernel_ns) {
    GUARD(signals, p);
    *user_ns = p->user_ns;
    *kernel_ns = p->kernel_ns;
    struct user_thread *t;
    list_for_each(t, &p->threads, process_node) {
        *user_ns += t->thread->user_ns;
        *kernel_ns += t->thread->kernel_ns;
    }
}

u64 process_rlimit(struct process *p, u32 kind) {
    assert(kind < PROC_RLIMITS);
    return p->rlimits[kind][0];
}

bool process_is_ptraceable(struct process *p, const struct cred *c) {
    if (cred_is_root(c) || p == process_current()) {
        return true;
    }
    GUARD(signals, p);
    const struct cred *o = p->cred;
    return p->dumpable == 1 && o->uid == c->fsuid && o->euid == c->fsuid && o->suid == c->fsuid &&
           o->gid == c->fsgid && o->egid == c->fsgid && o->sgid == c->fsgid;
}

void proc_print(const struct process *p, struct text *t) {
    text_printf(t, "pid=%u group=%u session=%u parent=%u threads=%u %s%s%s comm=%s", p->pid,
                p->pgid, p->sid, p->parent == nullptr ? 0 : p->parent->pid, p->thread_count,
                p->dead ? "dead " : "", p->stopped ? "stopped " : "", p->exiting ? "exiting" : "",
                p->comm);
}
