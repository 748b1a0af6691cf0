// SPDX-License-Identifier: MIT
// Theory: a terminal belongs to at most one session; one of its process groups is in the
// foreground. Opening a terminal as a session leader without one makes it the controlling terminal
// (not /dev/console). Processes of other groups are stopped when they read (SIGTTIN), or write or
// change settings (SIGTTOU). Processes themselves are above this layer: tty_jobs is asked, never
// with a terminal's lock held.
#include "tty_impl.h"
#include <kernel/base/cmdline.h>
#include <lib/mem.h>
#include <mm/vm/copy.h>

static struct tty *console; // [I] after start

struct ids {
    u32 pid, pgid, sid;
    struct tty *controlling;
};

static bool current_ids(struct ids *i) {
    *i = (struct ids){};
    return tty_jobs != nullptr &&
           tty_jobs->current_ids(&i->pid, &i->pgid, &i->sid, &i->controlling);
}

void tty_set_console(struct tty *t) {
    char wanted[24] = {};
    bool named = cmdline_get("console", wanted, sizeof wanted);
    if (console == nullptr || (named && text_equal_n(wanted, t->dev.name, strlen(t->dev.name)))) {
        console = t;
    }
}

static void session_take(struct tty *t, const struct ids *i) {
    if (tty_jobs->set_controlling(t) != ERR_OK) {
        return;
    }
    tty_lock(t);
    if (t->session == 0) {
        t->session = i->sid;
        t->foreground = i->pgid;
    }
    tty_unlock(t);
}

static err_t open_terminal(struct tty *t, struct file *f, bool may_control) {
    struct ids i;
    bool user = current_ids(&i);
    tty_lock(t);
    t->hung_up = false;
    bool vacant = t->session == 0;
    tty_unlock(t);
    f->ops = &tty_file_ops;
    f->data = t;
    if (user) {
        if (!tty_in_use) {
            tty_in_use = true;
            serial_quiet();
            fbcon_quiet();
        }
        bool leader = i.pid == i.sid && i.controlling == nullptr;
        if (may_control && leader && vacant && (f->flags & O_NOCTTY) == 0) {
            session_take(t, &i);
        }
    }
    return ERR_OK;
}

err_t tty_open(struct char_device *d, struct file *f) { return open_terminal(d->driver, f, true); }

err_t tty_open_current(struct char_device *d, struct file *f) {
    unused_arg(d);
    struct ids i;
    if (!current_ids(&i) || i.controlling == nullptr) {
        return ERR_NXIO;
    }
    return open_terminal(i.controlling, f, false);
}

err_t tty_open_console(struct char_device *d, struct file *f) {
    unused_arg(d);
    return console != nullptr ? open_terminal(console, f, false) : ERR_NXIO;
}

err_t tty_job_check(struct tty *t, int signal) {
    struct ids i;
    if (!current_ids(&i) || i.controlling != t) {
        return ERR_OK;
    }
    tty_lock(t);
    u32 foreground = t->foreground;
    tty_unlock(t);
    if (foreground == 0 || foreground == i.pgid) {
        return ERR_OK;
    }
    if (tty_jobs->signal_blocked_or_ignored(signal)) {
        return signal == TTY_SIGTTIN ? ERR_IO : ERR_OK;
    }
    if (tty_jobs->group_orphaned(i.pgid)) {
        return ERR_IO;
    }
    tty_jobs->signal_group(i.pgid, signal);
    return ERR_RESTARTSYS;
}

void tty_signal_foreground(struct tty *t, u32 line_signals) {
    static const struct {
        u32 typed;
        int signal;
    } table[] = {{LINE_INTR, TTY_SIGINT}, {LINE_QUIT, TTY_SIGQUIT}, {LINE_SUSP, TTY_SIGTSTP}};
    tty_lock(t);
    u32 foreground = t->foreground;
    tty_unlock(t);
    for (u32 i = 0; i < countof(table) && foreground != 0 && tty_jobs != nullptr; i++) {
        if ((line_signals & table[i].typed) != 0) {
            tty_jobs->signal_group(foreground, table[i].signal);
        }
    }
}

// ---- ioctls about sessions

enum session_request : u32 {
    TIOCSCTTY = 0x540e,
    TIOCGPGRP = 0x540f,
    TIOCSPGRP = 0x5410,
    TIOCNOTTY = 0x5422,
    TIOCGSID = 0x5429
};

static err_t take_session(struct tty *t, u64 force, const struct file *f, const struct ids *i) {
    if (i->controlling == t && t->session == i->sid) {
        return ERR_OK;
    }
    if (i->pid != i->sid || i->controlling != nullptr) {
        return ERR_PERM;
    }
    tty_lock(t);
    bool taken = t->session != 0;
    bool steal = taken && force == 1 && f->cred != nullptr && cred_is_root(f->cred);
    tty_unlock(t);
    if (taken && !steal) {
        return ERR_PERM;
    }
    if (steal) {
        tty_jobs->clear_controlling(t);
    }
    TRY(tty_jobs->set_controlling(t));
    tty_lock(t);
    t->session = i->sid;
    t->foreground = i->pgid;
    tty_unlock(t);
    return ERR_OK;
}

// Only a leader's session can be taken off whole; another process keeps its terminal.
static err_t leave_session(struct tty *t, const struct ids *i) {
    if (i->controlling != t) {
        return ERR_NOTTY;
    }
    if (i->pid != i->sid) {
        return ERR_OK;
    }
    tty_lock(t);
    u32 foreground = t->foreground;
    t->session = t->foreground = 0;
    tty_unlock(t);
    tty_jobs->clear_controlling(t);
    if (foreground != 0) {
        tty_jobs->signal_group(foreground, TTY_SIGHUP);
        tty_jobs->signal_group(foreground, TTY_SIGCONT);
    }
    return ERR_OK;
}

static err_t set_foreground(struct tty *t, u64 arg, const struct ids *i) {
    u32 pgid = 0;
    TRY(tty_job_check(t, TTY_SIGTTOU));
    TRY(copy_in(&pgid, (struct uptr){arg}, sizeof pgid));
    if (i->controlling != t || t->session != i->sid) {
        return ERR_NOTTY;
    }
    if ((i32)pgid <= 0) {
        return ERR_INVAL;
    }
    TRY(tty_jobs->group_in_session(pgid, i->sid));
    tty_lock(t);
    t->foreground = pgid;
    tty_unlock(t);
    return ERR_OK;
}

err_t tty_session_ioctl(struct tty *t, u32 request, u64 arg, struct file *f) {
    struct ids i;
    if (!current_ids(&i)) {
        return ERR_NOTTY;
    }
    switch (request) {
    case TIOCSCTTY:
        return take_session(t, arg, f, &i);
    case TIOCNOTTY:
        return leave_session(t, &i);
    case TIOCSPGRP:
        return set_foreground(t, arg, &i);
    case TIOCGPGRP:
        return i.controlling != t
                   ? ERR_NOTTY
                   : copy_out((struct uptr){arg}, &t->foreground, sizeof t->foreground);
    case TIOCGSID:
        return i.controlling != t ? ERR_NOTTY
                                  : copy_out((struct uptr){arg}, &t->session, sizeof t->session);
    default:
        return ERR_NOTTY;
    }
}
