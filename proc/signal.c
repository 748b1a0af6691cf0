// SPDX-License-Identifier: MIT
// Sending signals: queues, who is woken, stop and continue, permission, notices to parents.
//
// All of it is spinlocked, because timers and terminals send from interrupts. SIGKILL is never
// queued: it marks the process as exiting and wakes every thread, so no mask and no full queue can
// hold it up.
#include "proc_impl.h"
#include <stdatomic.h>

constexpr u32 QUEUE_MAX = 4096; // queued infos of one process or thread

void sig_pending_init(struct sig_pending *p) {
    p->set = 0;
    list_init(&p->queue);
}

void sig_pending_free(struct sig_pending *p) {
    while (!list_empty(&p->queue)) {
        struct sig_queued *q = list_entry(list_pop_front(&p->queue), struct sig_queued, node);
        heap_free(&q);
    }
    p->set = 0;
}

void signal_flush(struct sig_pending *p) { sig_pending_free(p); }

static void forget(struct sig_pending *p, sigset64 set) {
    if ((p->set & set) == 0) {
        return;
    }
    p->set &= ~set;
    struct sig_queued *q, *tmp;
    list_for_each_safe(q, tmp, &p->queue, node) {
        if (sig_bit(q->info.signo) & set) {
            list_remove(&q->node);
            heap_free_raw(q);
        }
    }
}

static err_t enqueue(struct sig_pending *p, const struct siginfo *info) {
    sigset64 bit = sig_bit(info->signo);
    bool real_time = info->signo >= LINUX_SIGRTMIN;
    if (!real_time && p->set & bit) {
        return ERR_OK;
    }
    u32 queued = 0;
    struct list *n;
    for (n = p->queue.next; real_time && n != &p->queue; n = n->next) {
        queued++;
    }
    struct sig_queued *q = nullptr;
    if (queued < QUEUE_MAX && heap_new(&q) == ERR_OK) {
        q->info = *info;
        list_push_back(&p->queue, &q->node);
    } else if (real_time && info->code < 0) {
        return ERR_AGAIN;
    }
    p->set |= bit;
    return ERR_OK;
}

// Takes signal `sig` out: with its info, or a plain one if there was no memory for it.
static void dequeue_one(struct sig_pending *p, int sig, struct siginfo *info) {
    *info = (struct siginfo){.signo = sig, .code = LINUX_SI_USER};
    bool found = false, more = false;
    struct sig_queued *q, *tmp;
    list_for_each_safe(q, tmp, &p->queue, node) {
        if (q->info.signo != sig) {
            continue;
        }
        if (found) {
            more = true;
            break;
        }
        found = true;
        *info = q->info;
        list_remove(&q->node);
        heap_free_raw(q);
    }
    if (!more) {
        p->set &= ~sig_bit(sig);
    }
}

// Lowest number first, faults before all others, the thread's own before the process's.
bool signal_dequeue(struct user_thread *t, sigset64 mask, struct siginfo *info) {
    struct sig_pending *from = &t->pending;
    sigset64 ready = from->set & mask;
    if (ready == 0) {
        from = &t->process->pending;
        ready = from->set & mask;
    }
    if (ready == 0) {
        return false;
    }
    sigset64 first = ready & SIGSET_FAULTS ? ready & SIGSET_FAULTS : ready;
    dequeue_one(from, __builtin_ctzll(first) + 1, info);
    return true;
}

bool signal_is_ignored(const struct process *p, int sig) {
    u64 handler = p->handlers->actions[sig].handler;
    if (handler == LINUX_SIG_DFL) {
        return (sig_bit(sig) & SIGSET_IGNORED) != 0 || p->pid == 1;
    }
    return handler == LINUX_SIG_IGN;
}

void signal_recalc(struct user_thread *t) {
    struct process *p = t->process;
    sigset64 ready = (t->pending.set | p->pending.set) & ~(t->blocked & ~t->waited);
    if (ready != 0 || p->exiting || p->stopped || p->exec_thread != nullptr) {
        atomic_fetch_or(&t->thread->user_work, USER_WORK_SIGNAL);
        t->thread->interrupted = true;
    } else {
        atomic_fetch_and(&t->thread->user_work, ~(u32)USER_WORK_SIGNAL);
        t->thread->interrupted = false;
    }
}

void signal_kill_threads(struct process *p, struct user_thread *except) {
    p->stopped = false;
    waitq_wake_all(&p->stop_wait);
    struct user_thread *t;
    list_for_each(t, &p->threads, process_node) {
        if (t != except) {
            atomic_fetch_or(&t->thread->user_work, USER_WORK_SIGNAL);
            thread_kill(t->thread);
        }
    }
}

// A thread that may take the signal: the first that does not block it.
static void wake_for(struct process *p, int sig) REQUIRES(lc_signals) {
    struct user_thread *t;
    list_for_each(t, &p->threads, process_node) {
        if (!t->exiting && !(t->blocked & ~t->waited & sig_bit(sig))) {
            thread_interrupt(t->thread, USER_WORK_SIGNAL);
            return;
        }
    }
}

// What stop and continue signals do at the moment they are sent. True: the parent is to hear of a
// continue.
static bool prepare(struct process *p, int sig) REQUIRES(lc_signals) {
    sigset64 bit = sig_bit(sig);
    if (!(bit & SIGSET_STOP) && sig != LINUX_SIGCONT) {
        return false;
    }
    sigset64 opposite = sig == LINUX_SIGCONT ? SIGSET_STOP : sig_bit(LINUX_SIGCONT);
    struct user_thread *t;
    forget(&p->pending, opposite);
    list_for_each(t, &p->threads, process_node) { forget(&t->pending, opposite); }
    if (sig != LINUX_SIGCONT) {
        return false;
    }
    p->continue_count++;
    if (!p->stopped) {
        return false;
    }
    p->stopped = false;
    p->continued = true;
    waitq_wake_all(&p->stop_wait);
    return true;
}

// t null: for the whole process.
static err_t send(struct process *p, struct user_thread *t, const struct siginfo *info)
    REQUIRES(lc_proc_table) {
    int sig = info->signo;
    assert(sig >= 1 && sig <= SIG_COUNT);
    if (p->dead) {
        return ERR_OK;
    }
    err_t err = ERR_OK;
    signals_lock(p);
    bool continued = prepare(p, sig);
    struct user_thread *looker = t;
    if (looker == nullptr && !list_empty(&p->threads)) {
        looker = list_first(&p->threads, struct user_thread, process_node);
    }
    bool blocked = looker != nullptr && looker->blocked & sig_bit(sig);
    if (p->exiting || p->handlers == nullptr) {
        err = ERR_OK;
    } else if (sig == LINUX_SIGKILL) {
        if (p->pid != 1) {
            p->exiting = true;
            p->exit_status = LINUX_SIGKILL;
            signal_kill_threads(p, nullptr);
        }
    } else if (blocked || !signal_is_ignored(p, sig)) {
        err = enqueue(t != nullptr ? &t->pending : &p->pending, info);
        if (err == ERR_OK && t == nullptr) {
            wake_for(p, sig);
        } else if (err == ERR_OK && !(t->blocked & ~t->waited & sig_bit(sig))) {
            thread_interrupt(t->thread, USER_WORK_SIGNAL);
        }
    }
    signals_unlock(p);
    if (continued) {
        signal_notify_parent_locked(p, LINUX_CLD_CONTINUED, 0);
    }
    return err;
}

err_t signal_send_locked(struct process *p, const struct siginfo *info) {
    return send(p, nullptr, info);
}
err_t signal_send_thread_locked(struct user_thread *t, const struct siginfo *info) {
    return send(t->process, t, info);
}

void signal_send(struct process *p, const struct siginfo *info) {
    GUARD(proc_table, &proc_table);
    (void)send(p, nullptr, info);
}

void signal_send_group(u32 pgid, int sig, int code) {
    struct siginfo info = {.signo = sig, .code = code};
    GUARD(proc_table, &proc_table);
    struct process *p;
    list_for_each(p, &proc_table.all, all_node) {
        if (p->pgid == pgid) {
            (void)send(p, nullptr, &info);
        }
    }
}

// SIGCHLD to the parent, and its wait calls look again. status: wait4 encoding for
// CLD_EXITED/KILLED, the signal for CLD_STOPPED.
void signal_notify_parent_locked(struct process *p, int code, int status) {
    struct process *parent = p->parent;
    if (parent == nullptr || parent->dead) {
        return;
    }
    int sig = p->exit_signal;
    bool job = code == LINUX_CLD_STOPPED || code == LINUX_CLD_CONTINUED;
    if (job) {
        sig = LINUX_SIGCHLD;
        signals_lock(parent);
        if (parent->handlers->actions[LINUX_SIGCHLD].flags & LINUX_SA_NOCLDSTOP) {
            sig = 0;
        }
        signals_unlock(parent);
    }
    if (sig != 0) {
        u64 user_ns, kernel_ns;
        process_times(p, &user_ns, &kernel_ns);
        struct siginfo info = {.signo = sig,
                               .code = code,
                               .pid = p->pid,
                               .uid = p->cred->uid,
                               .utime = (i64)(user_ns / (10 * NS_PER_MS)),
                               .stime = (i64)(kernel_ns / (10 * NS_PER_MS))};
        if (code == LINUX_CLD_EXITED) {
            info.status = status >> 8 & 0xff;
        } else if (code == LINUX_CLD_CONTINUED) {
            info.status = LINUX_SIGCONT;
        } else {
            info.status = status & 0x7f;
        }
        (void)send(parent, nullptr, &info);
    }
    waitq_wake_all(&parent->child_wait);
}

bool signal_may_send(const struct cred *from, u32 from_sid, struct process *to, int sig) {
    if (from->euid == 0) {
        return true;
    }
    if (sig == LINUX_SIGCONT && from_sid == to->sid) {
        return true;
    }
    GUARD(signals, to);
    const struct cred *c = to->cred;
    return from->euid == c->uid || from->euid == c->suid || from->uid == c->uid ||
           from->uid == c->suid;
}
