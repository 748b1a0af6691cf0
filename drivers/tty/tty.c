// SPDX-License-Identifier: MIT
// Theory: interrupts put raw bytes into a ring (tty_input, a spinlock) and wake the terminal
// thread; that thread runs the line discipline under the terminal's mutex, so that echo and editing
// never happen in interrupts, and sends the signals that were typed after it let the mutex go.
// Readers and writers sleep on two queues; what their conditions look at is mirrored in atomics.
// Bytes the line discipline cannot take yet (its reader is slow) stay in the ring; reading kicks
// the thread again.
#include "tty_impl.h"
#include <kernel/base/cmdline.h>
#include <kernel/sched/timer.h>
#include <lib/mem.h>
#include <mm/heap/heap.h>

const struct tty_jobs *tty_jobs;
void (*tty_reboot_key)(void);
_Atomic bool tty_in_use;

static struct waitq wakeups = WAITQ_INIT(wakeups);
static _Atomic bool kicked;
static _Atomic(struct tty *) all; // [a] grows at the front, never shrinks

void tty_kick(void) {
    if (!kicked) {
        kicked = true;
        waitq_wake_all(&wakeups);
    }
}

void tty_publish(struct tty *t) {
    struct tty_state *s = tty_state(t);
    bool was_stopped = s->stopped;
    t->termios = s->core.termios;
    s->available = line_available(&s->core);
    s->stopped = s->core.stopped;
    if (s->available > 0) {
        waitq_wake_all(&s->readers);
    }
    if (was_stopped && !s->stopped) {
        waitq_wake_all(&s->writers);
    }
}

size_t tty_room(struct tty *t) { return t->hw->room != nullptr ? t->hw->room(t) : ~(size_t)0; }

static void echo(void *arg, const char *bytes,
                 size_t n) NO_LOCK_ANALYSIS { // WHY: called by lib/line under the tty lock
    struct tty *t = arg;
    if (tty_room(t) >= n) {
        t->hw->write(t, bytes, n);
    }
}

void tty_input(struct tty *t, const char *bytes, size_t n) {
    struct tty_state *s = tty_state(t);
    tty_input_lock(t);
    for (size_t i = 0; i < n; i++) {
        if (s->raw_head - s->raw_tail == TTY_RAW_BYTES) {
            s->lost += n - i;
            break;
        }
        s->raw[s->raw_head++ % TTY_RAW_BYTES] = (u8)bytes[i];
    }
    tty_input_unlock(t);
    tty_kick();
}

size_t tty_input_room(struct tty *t) {
    struct tty_state *s = tty_state(t);
    GUARD(tty_input, t);
    size_t room = TTY_RAW_BYTES - (s->raw_head - s->raw_tail);
    s->refused = s->refused || room == 0;
    return room;
}

static void resume_input(struct tty *t) {
    struct tty_state *s = tty_state(t);
    tty_input_lock(t);
    bool resume = s->refused && s->raw_head - s->raw_tail <= TTY_RAW_BYTES / 2;
    s->refused = s->refused && !resume;
    tty_input_unlock(t);
    if (resume && t->hw->resume != nullptr) {
        t->hw->resume(t);
    }
}

void tty_output_ready(struct tty *t) { waitq_wake_all(&tty_state(t)->writers); }

// Moves raw bytes through the line discipline; returns the signals typed.
static u32 process(struct tty *t) {
    struct tty_state *s = tty_state(t);
    u8 part[128];
    u32 signals = 0;
    for (;;) {
        size_t n = 0;
        tty_input_lock(t);
        u32 start = s->raw_tail;
        while (n < sizeof part && s->raw_tail + n != s->raw_head) {
            part[n] = s->raw[(s->raw_tail + n) % TTY_RAW_BYTES];
            n++;
        }
        tty_input_unlock(t);
        if (n == 0) {
            return signals;
        }
        tty_lock(t);
        size_t used = line_input(&s->core, part, n);
        u32 typed = line_take_signals(&s->core);
        if (typed != 0 && t->hw->flush != nullptr && (t->termios.lflag & TTY_NOFLSH) == 0) {
            t->hw->flush(t);
        }
        tty_publish(t);
        tty_unlock(t);
        if (typed != 0) {
            tty_output_ready(t); // flushed or restarted
        }
        signals |= typed;
        tty_input_lock(t);
        s->raw_tail += s->raw_tail == start ? (u32)used : 0; // else it was flushed meanwhile
        tty_input_unlock(t);
        if (used < n) {
            return signals;
        }
    }
}

static void terminal_thread(void *unused) {
    unused_arg(unused);
    u64 deadline = DEADLINE_NEVER;
    for (;;) {
        err_t err = WAIT_UNTIL(&wakeups, kicked, WAIT_SOLID, deadline);
        unused_arg(err); // a time-out means: time to paint
        kicked = false;
        for (struct tty *t = all; t != nullptr; t = tty_state(t)->next) {
            u32 signals = process(t);
            resume_input(t);
            if (signals != 0) {
                tty_signal_foreground(t, signals);
            }
        }
        keyboard_work();
        deadline = fbcon_work(time_now_ns());
    }
}

err_t tty_create(const char *name, u32 major, u32 minor, const struct tty_hw *hw, void *driver,
                 struct tty **out) {
    struct tty *t = nullptr;
    struct tty_state *s = nullptr;
    TRY(heap_new(&t));
    err_t err = heap_new(&s);
    if (err != ERR_OK) {
        heap_free(&t);
        return err;
    }
    mutex_init(&t->lock);
    waitq_init(&s->readers);
    waitq_init(&s->writers);
    line_init(&s->core, echo, t);
    t->termios = s->core.termios;
    t->line = s;
    t->hw = hw;
    t->driver = driver;
    text_copy(t->dev.name, sizeof t->dev.name, name);
    t->dev.number = (u32)dev_make(major, minor);
    t->dev.mode = 0620;
    t->dev.open = tty_open;
    t->dev.ops = &tty_file_ops;
    t->dev.driver = t;
    s->next = all;
    all = t;
    char_device_register(&t->dev);
    *out = t;
    return ERR_OK;
}

void tty_hangup(struct tty *t) {
    tty_lock(t);
    t->hung_up = true;
    u32 foreground = t->foreground;
    line_flush_input(&tty_state(t)->core);
    tty_publish(t);
    tty_unlock(t);
    waitq_wake_all(&tty_state(t)->readers);
    waitq_wake_all(&tty_state(t)->writers);
    if (foreground != 0 && tty_jobs != nullptr) {
        tty_jobs->signal_group(foreground, TTY_SIGHUP);
        tty_jobs->signal_group(foreground, TTY_SIGCONT);
    }
}

void tty_resize(struct tty *t, const struct tty_winsize *size) {
    tty_lock(t);
    bool changed = memcmp(&t->size, size, sizeof *size) != 0;
    u32 foreground = t->foreground;
    t->size = *size;
    tty_unlock(t);
    if (changed && foreground != 0 && tty_jobs != nullptr) {
        tty_jobs->signal_group(foreground, TTY_SIGWINCH);
    }
}

const struct file_ops tty_file_ops = {
    .read = tty_read, .write = tty_write, .poll = tty_poll, .ioctl = tty_ioctl};

struct tty *tty_of_file(struct file *f) { return f->ops == &tty_file_ops ? f->data : nullptr; }

// Everything before programs come and with hornet.exec=1; warnings after that, unless loglevel=
// asks for more.
enum log_level tty_log_level(void) {
    if (!tty_in_use || cmdline_has("hornet.exec") || cmdline_has("loglevel")) {
        return LOG_DEBUG; // the log's own levels decide
    }
    return LOG_WARN;
}

void tty_init(void) {
    static struct char_device current = {
        .name = "tty", .mode = 0666, .open = tty_open_current, .ops = &tty_file_ops};
    static struct char_device console = {
        .name = "console", .mode = 0600, .open = tty_open_console, .ops = &tty_file_ops};
    current.number = (u32)dev_make(5, 0);
    console.number = (u32)dev_make(5, 1);
    char_device_register(&current);
    char_device_register(&console);
    struct thread *t = nullptr;
    if (thread_create("terminals", terminal_thread, nullptr, &t) != ERR_OK) {
        log(TTY, ERROR, "no memory for the terminal thread: no input");
        return;
    }
    thread_set_priority(t, 5); // typing is answered before computing
    thread_start(t);
    thread_put(t);
    serial_init();
}
