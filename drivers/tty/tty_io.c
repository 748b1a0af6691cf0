// SPDX-License-Identifier: MIT
// read, write, poll. Sleeping happens without the terminal's lock; a signal ends a sleep with what
// was done so far, or with ERR_RESTARTSYS. Raw reads follow POSIX.1-2017 11.1.7: MIN and TIME, each
// zero or not, give four cases.
#include "tty_impl.h"
#include <kernel/sched/timer.h>
#include <lib/mem.h>
#include <mm/vm/copy.h>

constexpr u64 TENTH_NS = NS_PER_SEC / 10;
constexpr size_t PART_BYTES = 256;

static err_t span_put(struct vm_span span, size_t at, const void *from, size_t n) {
    if (span.kernel != nullptr) {
        memcpy((u8 *)span.kernel + at, from, n);
        return ERR_OK;
    }
    return copy_out(uptr_add(span.user, at), from, n);
}

static err_t span_get(struct vm_span span, size_t at, void *to, size_t n) {
    if (span.kernel != nullptr) {
        memcpy(to, (const u8 *)span.kernel + at, n);
        return ERR_OK;
    }
    return copy_in(to, uptr_add(span.user, at), n);
}

// ---- read

// One piece of what is there. *over: the read is complete (end of line).
static err_t read_part(struct tty *t, struct vm_span span, size_t *done, bool *over) {
    struct tty_state *s = tty_state(t);
    u8 part[PART_BYTES];
    tty_lock(t);
    size_t n = line_read(&s->core, part, MIN(span.bytes - *done, sizeof part), over);
    tty_publish(t);
    tty_unlock(t);
    tty_input_lock(t);
    bool more = s->raw_head != s->raw_tail;
    tty_input_unlock(t);
    if (more) { // there may be room for it now
        tty_kick();
    }
    TRY(span_put(span, *done, part, n));
    *done += n;
    return ERR_OK;
}

struct read_rules {
    size_t enough; // stop when this much was read
    u64 first_ns;  // how long to wait for the first byte
    u64 next_ns;   // and for each one after it
};

static struct read_rules rules(const struct tty_termios *t) {
    struct read_rules r = {1, DEADLINE_NEVER, DEADLINE_NEVER};
    if ((t->lflag & TTY_ICANON) != 0) {
        return r; // a line is complete by its end
    }
    u64 time_ns = t->cc[TTY_VTIME] * TENTH_NS;
    if (t->cc[TTY_VMIN] == 0) {
        r.first_ns = time_ns;
    } else {
        r.enough = t->cc[TTY_VMIN];
        r.next_ns = time_ns != 0 ? time_ns : DEADLINE_NEVER;
    }
    return r;
}

static err_t wait_input(struct tty *t, u64 ns) {
    struct tty_state *s = tty_state(t);
    u64 deadline = ns == DEADLINE_NEVER ? DEADLINE_NEVER : deadline_in(time_now_ns(), ns);
    return WAIT_UNTIL(&s->readers, s->available > 0 || t->hung_up, WAIT_INTERRUPTIBLE, deadline);
}

err_t tty_read(struct file *f, struct vm_span span, u64 *pos, size_t *done) {
    unused_arg(pos);
    struct tty *t = f->data;
    size_t got = 0;
    bool over = false;
    err_t err = ERR_OK;
    while (got < span.bytes && !over) {
        struct read_rules r = rules(&t->termios);
        bool canonical = (t->termios.lflag & TTY_ICANON) != 0;
        err = tty_job_check(t, TTY_SIGTTIN);
        if (err != ERR_OK) {
            break;
        }
        if (tty_state(t)->available > 0) {
            err = read_part(t, span, &got, &over);
            if (err != ERR_OK) {
                break;
            }
            if (over || canonical || tty_state(t)->available > 0) {
                continue;
            }
        }
        u64 wait_ns = got == 0 ? r.first_ns : r.next_ns;
        if (t->hung_up || (!canonical && got >= r.enough) || wait_ns == 0) {
            break;
        }
        if ((f->flags & O_NONBLOCK) != 0) {
            err = ERR_AGAIN;
            break;
        }
        err = wait_input(t, wait_ns);
        if (err != ERR_OK) {
            break;
        }
    }
    *done = got;
    if (got > 0 || err == ERR_TIMEDOUT || over) {
        return ERR_OK;
    }
    return err == ERR_INTR ? ERR_RESTARTSYS : err;
}

// ---- write

static size_t write_room(struct tty *t) REQUIRES(lc_tty) {
    size_t room = tty_room(t);
    return room > TTY_ECHO_ROOM ? room - TTY_ECHO_ROOM : 0;
}

// As much as fits now; *used may be 0.
static err_t write_some(struct tty *t, const u8 *bytes, size_t n, size_t *used) {
    struct tty_state *s = tty_state(t);
    char cooked[2 * PART_BYTES];
    GUARD(tty, t);
    *used = 0;
    if (t->hung_up) {
        return ERR_IO;
    }
    if (!s->core.stopped) {
        size_t made =
            line_output(&s->core, bytes, n, cooked, MIN(write_room(t), sizeof cooked), used);
        if (made > 0) {
            t->hw->write(t, cooked, made);
        }
    }
    return ERR_OK;
}

static bool may_write(struct tty *t)
    NO_LOCK_ANALYSIS { // WHY: a hint for sleepers; write_some looks again under the lock
    return t->hung_up || (!tty_state(t)->stopped && write_room(t) >= LINE_EXPANSION_MAX);
}

static err_t write_part(struct tty *t, const u8 *bytes, size_t n, bool wait, size_t *done) {
    for (size_t at = 0; at < n;) {
        size_t used = 0;
        TRY(write_some(t, bytes + at, n - at, &used));
        at += used;
        *done += used;
        if (used > 0) {
            continue;
        }
        if (!wait) {
            return ERR_AGAIN;
        }
        TRY(WAIT_UNTIL(&tty_state(t)->writers, may_write(t), WAIT_INTERRUPTIBLE, DEADLINE_NEVER));
    }
    return ERR_OK;
}

err_t tty_write(struct file *f, struct vm_span span, u64 *pos, size_t *done) {
    unused_arg(pos);
    struct tty *t = f->data;
    size_t put = 0;
    err_t err = ERR_OK;
    if ((t->termios.lflag & TTY_TOSTOP) != 0) {
        TRY(tty_job_check(t, TTY_SIGTTOU));
    }
    while (put < span.bytes && err == ERR_OK) {
        u8 part[PART_BYTES];
        size_t n = MIN(span.bytes - put, sizeof part);
        err = span_get(span, put, part, n);
        if (err == ERR_OK) {
            err = write_part(t, part, n, (f->flags & O_NONBLOCK) == 0, &put);
        }
    }
    *done = put;
    if (put > 0) {
        return ERR_OK;
    }
    return err == ERR_INTR ? ERR_RESTARTSYS : err;
}

static bool is_drained(struct tty *t) { return t->hung_up || t->hw->pending(t) == 0; }

err_t tty_drain(struct tty *t) {
    if (t->hw->pending == nullptr) {
        return ERR_OK;
    }
    err_t err =
        WAIT_UNTIL(&tty_state(t)->writers, is_drained(t), WAIT_INTERRUPTIBLE, DEADLINE_NEVER);
    return err == ERR_INTR ? ERR_RESTARTSYS : err;
}

u32 tty_poll(struct file *f, struct poll_table *table) {
    struct tty *t = f->data;
    struct tty_state *s = tty_state(t);
    poll_watch(table, &s->readers);
    poll_watch(table, &s->writers);
    const struct tty_termios *tio = &t->termios;
    bool counts = (tio->lflag & TTY_ICANON) == 0 && tio->cc[TTY_VTIME] == 0;
    u32 enough = counts ? MAX(tio->cc[TTY_VMIN], (u8)1) : 1;
    u32 events = s->available >= enough ? POLL_IN : 0;
    if (may_write(t)) {
        events |= POLL_OUT;
    }
    return t->hung_up ? events | POLL_IN | POLL_HUP : events;
}
