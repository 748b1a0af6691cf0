// SPDX-License-Identifier: MIT
// Signals as the current thread meets them: mask, actions, taking the next one, stopping, dying.
#include "proc_impl.h"
#include <stdatomic.h>

// What signal_next found in one look, decided under the lock and acted on outside it.
enum verdict : u8 { NOTHING, HANDLER, SKIP, STOP, PARK, DIE, LEAVE };

static enum verdict judge(struct user_thread *t, const struct siginfo *info,
                          struct sig_action *action) REQUIRES(lc_signals) {
    struct process *p = t->process;
    int sig = info->signo;
    struct sig_action *a = &p->handlers->actions[sig];
    if (a->handler == LINUX_SIG_IGN) {
        return SKIP;
    }
    if (a->handler != LINUX_SIG_DFL) {
        *action = *a;
        if (a->flags & LINUX_SA_RESETHAND) {
            a->handler = LINUX_SIG_DFL;
        }
        return HANDLER;
    }
    sigset64 bit = sig_bit(sig);
    bool fault = bit & SIGSET_FAULTS && info->code > 0;
    if (bit & SIGSET_IGNORED || (p->pid == 1 && !fault)) {
        return SKIP;
    }
    return bit & SIGSET_STOP ? STOP : DIE;
}

static enum verdict look(struct user_thread *t, struct siginfo *info, struct sig_action *action,
                         u32 *continue_count) {
    struct process *p = t->process;
    GUARD(signals, p);
    *continue_count = p->continue_count;
    if (p->exiting || (p->exec_thread != nullptr && p->exec_thread != t)) {
        return LEAVE;
    }
    if (p->stopped) {
        return PARK;
    }
    if (!signal_dequeue(t, ~t->blocked, info)) {
        signal_recalc(t);
        return NOTHING;
    }
    enum verdict v = judge(t, info, action);
    signal_recalc(t);
    return v;
}

static void stop_process(struct user_thread *t, int sig, u32 continue_count) {
    struct process *p = t->process;
    GUARD(proc_table, &proc_table);
    if (sig != LINUX_SIGSTOP && process_group_orphaned_locked(p->pgid, nullptr)) {
        return;
    }
    signals_lock(p);
    bool stop = !p->exiting && !p->stopped && p->continue_count == continue_count;
    if (stop) {
        p->stopped = true;
        p->stop_signal = sig;
        p->stop_reported = p->continued = false;
        struct user_thread *other;
        list_for_each(other, &p->threads, process_node) {
            if (other != t) {
                thread_interrupt(other->thread, USER_WORK_SIGNAL);
            }
        }
    }
    signals_unlock(p);
    if (stop) {
        signal_notify_parent_locked(p, LINUX_CLD_STOPPED, sig);
    }
}

bool signal_next(struct siginfo *info, struct sig_action *action) {
    struct user_thread *t = user_thread_current();
    struct process *p = t->process;
    for (;;) {
        u32 continue_count;
        switch (look(t, info, action, &continue_count)) {
        case NOTHING:
            return false;
        case HANDLER:
            return true;
        case SKIP:
            break;
        case STOP:
            stop_process(t, info->signo, continue_count);
            break;
        case PARK: {
            err_t err = WAIT_UNTIL(&p->stop_wait, !p->stopped, WAIT_KILLABLE, DEADLINE_NEVER);
            unused_arg(err); // killed: seen by the next look
            break;
        }
        case DIE:
            process_exit_group(info->signo);
        case LEAVE:
            process_exit_thread(p->exiting ? p->exit_status : 0);
        }
    }
}

bool signal_take(sigset64 wanted, struct siginfo *info) {
    struct user_thread *t = user_thread_current();
    GUARD(signals, t->process);
    bool got = signal_dequeue(t, wanted & ~SIGSET_UNMASKABLE, info);
    t->waited = got ? 0 : wanted & ~SIGSET_UNMASKABLE;
    signal_recalc(t);
    return got;
}

bool signal_pending_current(void) {
    struct user_thread *t = user_thread_current();
    struct process *p = t->process;
    GUARD(signals, p);
    return ((t->pending.set | p->pending.set) & ~t->blocked) != 0 || p->exiting || p->stopped;
}

sigset64 signal_pending_set(void) {
    struct user_thread *t = user_thread_current();
    GUARD(signals, t->process);
    return (t->pending.set | t->process->pending.set) & t->blocked;
}

void signal_set_blocked(sigset64 set) {
    struct user_thread *t = user_thread_current();
    struct process *p = t->process;
    set &= ~SIGSET_UNMASKABLE;
    if (set == t->blocked) {
        return;
    }
    GUARD(signals, p);
    sigset64 newly = set & ~t->blocked & p->pending.set;
    t->blocked = set;
    // Somebody else may have to take what this thread was woken for.
    struct user_thread *other;
    if (newly != 0 && p->thread_count > 1) {
        list_for_each(other, &p->threads, process_node) {
            if (other != t && !other->exiting && newly & ~other->blocked) {
                thread_interrupt(other->thread, USER_WORK_SIGNAL);
            }
        }
    }
    signal_recalc(t);
}

static void drop_pending(struct process *p, int sig) REQUIRES(lc_signals) {
    struct siginfo gone;
    struct user_thread *t;
    list_for_each(t, &p->threads, process_node) {
        while ((t->pending.set | p->pending.set) & sig_bit(sig)) {
            (void)signal_dequeue(t, sig_bit(sig), &gone);
        }
    }
}

void signal_set_action(int sig, const struct sig_action *new_or_null,
                       struct sig_action *old_or_null) {
    struct process *p = process_current();
    GUARD(signals, p);
    struct sig_action *a = &p->handlers->actions[sig];
    if (old_or_null != nullptr) {
        *old_or_null = *a;
    }
    if (new_or_null != nullptr) {
        *a = *new_or_null;
        a->mask &= ~SIGSET_UNMASKABLE;
        bool ignored = a->handler == LINUX_SIG_IGN ||
                       (a->handler == LINUX_SIG_DFL && sig_bit(sig) & SIGSET_IGNORED);
        if (ignored) {
            drop_pending(p, sig);
        }
    }
}

void signal_force(const struct siginfo *info) {
    struct user_thread *t = user_thread_current();
    struct process *p = t->process;
    GUARD(signals, p);
    sigset64 bit = sig_bit(info->signo);
    struct sig_action *a = &p->handlers->actions[info->signo];
    if (t->blocked & bit || a->handler == LINUX_SIG_IGN) {
        a->handler = LINUX_SIG_DFL;
        t->blocked &= ~bit;
    }
    struct sig_queued *q;
    if (!(t->pending.set & bit) && heap_new(&q) == ERR_OK) {
        q->info = *info;
        list_push_back(&t->pending.queue, &q->node);
    }
    t->pending.set |= bit;
    signal_recalc(t);
}

// exec: handled signals go back to their default, ignored ones stay ignored.
void signals_reset_for_exec(struct process *p) {
    struct user_thread *t = user_thread_current();
    GUARD(signals, p);
    for (int sig = 1; sig <= SIG_COUNT; sig++) {
        struct sig_action *a = &p->handlers->actions[sig];
        u64 handler = a->handler == LINUX_SIG_IGN ? LINUX_SIG_IGN : LINUX_SIG_DFL;
        *a = (struct sig_action){.handler = handler};
    }
    t->alt_stack = t->alt_stack_bytes = 0;
    t->alt_stack_flags = LINUX_SS_DISABLE;
    t->restore_blocked = false;
    signal_recalc(t);
}
