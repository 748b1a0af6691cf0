// SPDX-License-Identifier: MIT
// Terminal ioctls with Linux's numbers. Source: ioctl_tty(2).
#include "tty_impl.h"
#include <lib/mem.h>
#include <mm/vm/copy.h>

enum tty_request : u32 {
    TCGETS = 0x5401,
    TCSETS,
    TCSETSW,
    TCSETSF,
    TCSBRK = 0x5409,
    TCXONC,
    TCFLSH,
    TIOCEXCL,
    TIOCNXCL,
    TIOCSCTTY,
    TIOCGPGRP,
    TIOCSPGRP,
    TIOCOUTQ,
    TIOCSTI,
    TIOCGWINSZ,
    TIOCSWINSZ,
    FIONREAD = 0x541b,
    TIOCNOTTY = 0x5422,
    TIOCSETD = 0x5423,
    TIOCGETD = 0x5424,
    TCSBRKP = 0x5425,
    TIOCGSID = 0x5429,
    TCGETS2 = 0x802c542a,
    TCSETS2 = 0x402c542b,
    TCSETSW2 = 0x402c542c,
    TCSETSF2 = 0x402c542d,
    VT_OPENQRY = 0x5600,
};
struct termios2 { // Linux: termios with the speeds as numbers
    struct tty_termios t;
    u32 ispeed, ospeed;
};
static_assert(sizeof(struct termios2) == 44);

static u32 speed_of(u32 cflag) {
    static const u32 low[16] = {0,   50,   75,   110,  134,  150,  200,   300,
                                600, 1200, 1800, 2400, 4800, 9600, 19200, 38400};
    static const u32 high[] = {0, 57600, 115200, 230400, 460800, 500000, 576000, 921600, 1000000};
    u32 n = cflag & 0xf;
    return (cflag & 0x1000) == 0 ? low[n] : n < countof(high) ? high[n] : 0;
}

static err_t settings_out(struct tty *t, u64 arg, bool second) {
    struct termios2 all = {};
    tty_lock(t);
    all.t = t->termios;
    tty_unlock(t);
    all.ispeed = all.ospeed = speed_of(all.t.cflag);
    return copy_out((struct uptr){arg}, &all, second ? sizeof all : sizeof all.t);
}

static err_t settings_in(struct tty *t, u64 arg, bool drain, bool flush) {
    struct tty_termios wanted = {};
    TRY(tty_job_check(t, TTY_SIGTTOU));
    TRY(copy_in(&wanted, (struct uptr){arg}, sizeof wanted));
    if (drain) {
        TRY(tty_drain(t));
    }
    struct tty_state *s = tty_state(t);
    GUARD(tty, t);
    if (flush) {
        line_flush_input(&s->core);
    }
    line_set(&s->core, &wanted);
    if (t->hw->set_termios != nullptr) {
        t->hw->set_termios(t, &wanted);
    }
    tty_publish(t);
    waitq_wake_all(&s->readers); // MIN, TIME or the mode may have changed
    waitq_wake_all(&s->writers);
    return ERR_OK;
}

static void flush_input(struct tty *t) {
    struct tty_state *s = tty_state(t);
    tty_lock(t);
    line_flush_input(&s->core);
    tty_publish(t);
    tty_unlock(t);
    tty_input_lock(t); // what was typed but not looked at goes too
    s->raw_tail = s->raw_head;
    tty_input_unlock(t);
    tty_kick(); // the hardware may wait for room
}

static err_t flush(struct tty *t, u64 which) {
    TRY(tty_job_check(t, TTY_SIGTTOU));
    if (which > 2) {
        return ERR_INVAL;
    }
    if (which != 1) {
        flush_input(t);
    }
    if (which != 0 && t->hw->flush != nullptr) {
        tty_lock(t);
        t->hw->flush(t);
        tty_unlock(t);
        tty_output_ready(t);
    }
    return ERR_OK;
}

static err_t flow(struct tty *t, u64 which) {
    TRY(tty_job_check(t, TTY_SIGTTOU));
    GUARD(tty, t);
    struct tty_state *s = tty_state(t);
    char c = 0;
    switch (which) {
    case 0:
        s->core.stopped = true;
        break;
    case 1:
        s->core.stopped = false;
        break;
    case 2:
        c = (char)t->termios.cc[TTY_VSTOP];
        break;
    case 3:
        c = (char)t->termios.cc[TTY_VSTART];
        break;
    default:
        return ERR_INVAL;
    }
    if (c != 0 && tty_room(t) >= 1) {
        t->hw->write(t, &c, 1);
    }
    tty_publish(t);
    return ERR_OK;
}

static err_t size_out(struct tty *t, u64 arg) {
    tty_lock(t);
    struct tty_winsize size = t->size;
    tty_unlock(t);
    return copy_out((struct uptr){arg}, &size, sizeof size);
}

static err_t size_in(struct tty *t, u64 arg) {
    struct tty_winsize size = {};
    TRY(copy_in(&size, (struct uptr){arg}, sizeof size));
    tty_resize(t, &size);
    return ERR_OK;
}

static err_t int_out(u64 arg, u32 value) {
    return copy_out((struct uptr){arg}, &value, sizeof value);
}

static u32 queued(struct tty *t) {
    GUARD(tty, t);
    return line_queued(&tty_state(t)->core);
}

static err_t settings_request(struct tty *t, u32 request, u64 arg) {
    switch (request) {
    case TCGETS:
        return settings_out(t, arg, false);
    case TCGETS2:
        return settings_out(t, arg, true);
    case TCSETS:
    case TCSETS2:
        return settings_in(t, arg, false, false);
    case TCSETSW:
    case TCSETSW2:
        return settings_in(t, arg, true, false);
    case TCSETSF:
    case TCSETSF2:
        return settings_in(t, arg, true, true);
    default:
        return ERR_NOTTY;
    }
}

err_t tty_ioctl(struct file *f, u32 request, u64 arg, i64 *result) {
    struct tty *t = f->data;
    *result = 0;
    if (t->hung_up) {
        return ERR_IO;
    }
    switch (request) {
    case TCXONC:
        return flow(t, arg);
    case TCFLSH:
        return flush(t, arg);
    case TCSBRK:
    case TCSBRKP:
        TRY(tty_job_check(t, TTY_SIGTTOU));
        return tty_drain(t); // no break is sent
    case TIOCEXCL:
    case TIOCNXCL:
        return ERR_OK;
    case TIOCSCTTY:
    case TIOCGPGRP:
    case TIOCSPGRP:
    case TIOCNOTTY:
    case TIOCGSID:
        return tty_session_ioctl(t, request, arg, f);
    case TIOCOUTQ:
        return int_out(arg, t->hw->pending != nullptr ? (u32)t->hw->pending(t) : 0);
    case FIONREAD:
        return int_out(arg, queued(t));
    case TIOCSTI:
        return ERR_IO; // typing for others is not offered
    case TIOCGWINSZ:
        return size_out(t, arg);
    case TIOCSWINSZ:
        return size_in(t, arg);
    case TIOCGETD:
        return int_out(arg, 0);
    case TIOCSETD:
        return ERR_INVAL;
    case VT_OPENQRY:
        return t->dev.number == dev_make(4, 1) ? int_out(arg, 1) : ERR_NOTTY;
    default:
        return settings_request(t, request, arg);
    }
}
