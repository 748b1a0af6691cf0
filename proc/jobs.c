// SPDX-License-Identifier: MIT
// Job control between terminals and processes: what drivers/tty asks for, and what happens when
// sessions and groups lose their head.
#include "proc_impl.h"
#include <drivers/tty/tty.h>

static void jobs_signal_group(u32 pgid, int signal) {
    signal_send_group(pgid, signal, LINUX_SI_KERNEL);
}

static bool jobs_current_ids(u32 *pid, u32 *pgid, u32 *sid, struct tty **controlling) {
    struct process *p = process_current();
    if (p == nullptr) {
        return false;
    }
    GUARD(proc_table, &proc_table);
    *pid = p->pid;
    *pgid = p->pgid;
    *sid = p->sid;
    *controlling = p->tty;
    return true;
}

static bool jobs_blocked_or_ignored(int signal) {
    struct user_thread *t = user_thread_current();
    if (t == nullptr) {
        return true;
    }
    GUARD(signals, t->process);
    return t->blocked & sig_bit(signal) ||
           t->process->handlers->actions[signal].handler == LINUX_SIG_IGN;
}

static bool jobs_group_orphaned(u32 pgid) {
    GUARD(proc_table, &proc_table);
    return process_group_orphaned_locked(pgid, nullptr);
}

static err_t jobs_set_controlling(struct tty *t) {
    struct process *p = process_current();
    if (p == nullptr) {
        return ERR_PERM;
    }
    GUARD(proc_table, &proc_table);
    if (p->sid != p->pid || (p->tty != nullptr && p->tty != t)) {
        return ERR_PERM;
    }
    p->tty = t;
    return ERR_OK;
}

static void jobs_clear_controlling(struct tty *t) {
    GUARD(proc_table, &proc_table);
    struct process *p;
    list_for_each(p, &proc_table.all, all_node) {
        if (p->tty == t) {
            p->tty = nullptr;
        }
    }
}

static err_t jobs_group_in_session(u32 pgid, u32 sid) {
    GUARD(proc_table, &proc_table);
    if (!process_group_exists_locked(pgid, 0)) {
        return ERR_SRCH;
    }
    return process_group_exists_locked(pgid, sid) ? ERR_OK : ERR_PERM;
}

static const struct tty_jobs jobs = {
    .signal_group = jobs_signal_group,
    .current_ids = jobs_current_ids,
    .signal_blocked_or_ignored = jobs_blocked_or_ignored,
    .group_orphaned = jobs_group_orphaned,
    .set_controlling = jobs_set_controlling,
    .clear_controlling = jobs_clear_controlling,
    .group_in_session = jobs_group_in_session,
};

// Ctrl-Alt-Del asks the first process, which shuts down in order.
static void jobs_reboot_key(void) { signal_send_group(1, LINUX_SIGINT, LINUX_SI_KERNEL); }

void jobs_init(void) {
    tty_jobs = &jobs;
    tty_reboot_key = jobs_reboot_key;
}

void jobs_session_ends(struct process *leader) {
    proc_table_lock(&proc_table);
    struct tty *t = leader->tty;
    proc_table_unlock(&proc_table);
    if (t == nullptr) {
        return;
    }
    mutex_lock(&t->lock, &lc_tty);
    u32 foreground = 0;
    if (t->session == leader->sid) {
        foreground = t->foreground;
        t->session = t->foreground = 0;
    }
    mutex_unlock(&t->lock, &lc_tty);
    jobs_clear_controlling(t);
    if (foreground != 0) {
        signal_send_group(foreground, LINUX_SIGHUP, LINUX_SI_KERNEL);
        signal_send_group(foreground, LINUX_SIGCONT, LINUX_SI_KERNEL);
    }
}

static bool group_has_stopped(u32 pgid) REQUIRES(lc_proc_table) {
    struct process *p;
    list_for_each(p, &proc_table.all, all_node) {
        if (p->pgid == pgid && p->stopped && !p->dead) {
            return true;
        }
    }
    return false;
}

static void wake_orphans(u32 pgid, const struct process *leaving) REQUIRES(lc_proc_table) {
    if (!process_group_orphaned_locked(pgid, leaving) || !group_has_stopped(pgid)) {
        return;
    }
    struct siginfo hup = {.signo = LINUX_SIGHUP, .code = LINUX_SI_KERNEL};
    struct siginfo cont = {.signo = LINUX_SIGCONT, .code = LINUX_SI_KERNEL};
    struct process *p;
    list_for_each(p, &proc_table.all, all_node) {
        if (p->pgid == pgid && p != leaving) {
            (void)signal_send_locked(p, &hup);
            (void)signal_send_locked(p, &cont);
        }
    }
}

// A process that leaves may orphan its own group, and those of its children (already given to their
// new parent).
void jobs_orphan_check_locked(struct process *leaving) {
    if (leaving->parent != nullptr && leaving->parent->pgid != leaving->pgid &&
        leaving->parent->sid == leaving->sid) {
        wake_orphans(leaving->pgid, leaving);
    }
    struct process *p;
    list_for_each(p, &proc_table.all, all_node) {
        if (p != leaving && p->sid == leaving->sid && p->pgid != leaving->pgid && p->stopped) {
            wake_orphans(p->pgid, leaving);
        }
    }
}
