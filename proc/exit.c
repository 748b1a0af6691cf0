// SPDX-License-Identifier: MIT
// The end of threads and processes.
//
// A thread leaves in this order: what needs its memory (robust list, clear_child_tid), the address
// space, the thread list. The last one takes the process apart (timers, memory, files, terminal),
// gives its children to the nearest subreaper or PID 1, and leaves a zombie or, if the parent does
// not care, nothing.
#include "proc_impl.h"

static bool parent_does_not_wait(struct process *parent) {
    GUARD(signals, parent);
    const struct sig_action *a = &parent->handlers->actions[LINUX_SIGCHLD];
    return a->handler == LINUX_SIG_IGN || (a->flags & LINUX_SA_NOCLDWAIT) != 0;
}

static struct process *new_parent(struct process *p) REQUIRES(lc_proc_table) {
    for (struct process *a = p->parent; a != nullptr; a = a->parent) {
        if (a->subreaper && !a->dead && !a->exiting) {
            return a;
        }
    }
    return proc_table.init;
}

// A dead process leaves the table. Returns it for process_put after the lock.
static void bury_locked(struct process *p, struct list *buried) REQUIRES(lc_proc_table) {
    process_table_remove_locked(p);
    list_push_back(buried, &p->all_node);
}

static void announce_death_locked(struct process *p, struct list *buried) REQUIRES(lc_proc_table) {
    struct process *parent = p->parent;
    int status = p->exit_status;
    signal_notify_parent_locked(p, status & 0x7f ? LINUX_CLD_KILLED : LINUX_CLD_EXITED, status);
    if (p->exit_signal == LINUX_SIGCHLD && parent_does_not_wait(parent)) {
        bury_locked(p, buried);
    }
}

static void give_children_away_locked(struct process *p, struct list *buried)
    REQUIRES(lc_proc_table) {
    struct process *heir = new_parent(p), *c, *tmp;
    list_for_each_safe(c, tmp, &p->children, sibling_node) {
        list_remove(&c->sibling_node);
        c->parent = heir;
        c->exit_signal = LINUX_SIGCHLD;
        list_push_back(&heir->children, &c->sibling_node);
        if (c->death_signal != 0 && !c->dead) {
            struct siginfo info = {.signo = c->death_signal, .code = LINUX_SI_USER, .pid = p->pid};
            (void)signal_send_locked(c, &info);
        }
        if (c->dead) {
            announce_death_locked(c, buried);
        }
    }
}

static void take_apart(struct process *p) {
    proc_timers_drop(p, false);
    signals_lock(p);
    struct vm_space *space = p->space;
    struct fd_table *fds = p->fds;
    struct fs_context *fs = p->fs;
    p->space = nullptr;
    p->fds = nullptr;
    p->fs = nullptr;
    signals_unlock(p);
    if (space != nullptr) {
        p->max_rss_pages = MAX(p->max_rss_pages, space->resident_pages);
        p->faults += space->fault_count;
        vm_space_put(space);
    }
    fd_table_put(fds);
    fs_context_put(fs);
    if (p->sid == p->pid) {
        jobs_session_ends(p);
    }
}

static void process_end(struct process *p, int status) {
    if (p->pid ==
        1) { // a damaged program or disk can bring this about: not a broken invariant of ours
        char why[64];
        text_format(why, sizeof(why),
                    status & 0x7f ? "it was ended by signal %d" : "it exited with status %d",
                    status & 0x7f ? status & 0x7f : status >> 8);
        proc_first_failed(why);
    }
    take_apart(p);
    struct list buried = LIST_INIT(buried);
    proc_table_lock(&proc_table);
    give_children_away_locked(p, &buried);
    jobs_orphan_check_locked(p);
    signals_lock(p);
    p->exit_status = p->exiting ? p->exit_status : status;
    p->stopped = p->continued = false;
    p->dead = true;
    signal_flush(&p->pending);
    signals_unlock(p);
    announce_death_locked(p, &buried);
    proc_table_unlock(&proc_table);
    while (!list_empty(&buried)) {
        struct process *b = list_entry(list_pop_front(&buried), struct process, all_node);
        process_put(b);
    }
}

// Unlinks the current thread. True: it was the last.
static bool thread_unlink(struct user_thread *t) {
    struct process *p = t->process;
    GUARD(proc_table, &proc_table);
    GUARD(signals, p);
    p->user_ns += t->thread->user_ns;
    p->kernel_ns += t->thread->kernel_ns;
    t->exiting = true;
    list_remove(&t->process_node);
    p->thread_count--;
    proc_table.thread_count--;
    pid_set_thread_locked(t->tid, nullptr);
    waitq_wake_all(&p->thread_wait);
    return p->thread_count == 0;
}

void process_exit_thread(int wait_status) {
    struct user_thread *t = user_thread_current();
    struct process *p = t->process;
    struct thread *k = t->thread;
    if (p->space != nullptr && p->layer != nullptr && p->layer->thread_ending != nullptr) {
        p->layer->thread_ending(t);
    }
    vfork_release(t);
    thread_set_mmu(nullptr);
    if (thread_unlink(t)) {
        process_end(p, wait_status);
    }
    k->user = nullptr;
    k->process = nullptr;
    user_thread_free(t);
    process_put(p);
    thread_put(k);
    thread_exit();
}

void process_exit_group(int wait_status) {
    struct user_thread *t = user_thread_current();
    struct process *p = t->process;
    signals_lock(p);
    if (!p->exiting) {
        p->exiting = true;
        p->exit_status = wait_status;
        signal_kill_threads(p, t);
    }
    wait_status = p->exit_status;
    signals_unlock(p);
    process_exit_thread(wait_status);
}
