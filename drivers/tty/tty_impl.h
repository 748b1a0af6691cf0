// SPDX-License-Identifier: MIT
#pragma once
#include <drivers/tty/tty.h>
#include <kernel/base/log.h>
#include <lib/line/line.h>

constexpr u32 TTY_RAW_BYTES = 8192; // typed and not yet processed; a power of two
constexpr u32 TTY_ECHO_ROOM = 128;  // of the hardware's room, kept for echo
enum tty_signal {
    TTY_SIGHUP = 1,
    TTY_SIGINT = 2,
    TTY_SIGQUIT = 3,
    TTY_SIGCONT = 18,
    TTY_SIGTSTP = 20,
    TTY_SIGTTIN = 21,
    TTY_SIGTTOU = 22,
    TTY_SIGWINCH = 28
};

struct tty_state {          // struct tty.line
    struct line core;       // tty lock
    struct waitq readers;   // input, hang-up
    struct waitq writers;   // room, output restarted or drained, hang-up
    _Atomic u32 available;  // line_available, for conditions
    _Atomic bool stopped;   // mirrors core.stopped
    bool refused;           // tty_input lock: the hardware waits for room
    u32 raw_head, raw_tail; // tty_input lock
    u8 raw[TTY_RAW_BYTES];  // tty_input lock
    _Atomic u64 lost;       // bytes that found raw full
    struct tty *next;       // all terminals
};
DECLARE_SPIN_CLASS(tty_input, struct tty, input_lock)
static inline struct tty_state *tty_state(const struct tty *t) { return t->line; }

extern const struct file_ops tty_file_ops;
void tty_kick(void); // the terminal thread has work
void tty_publish(struct tty *t)
    REQUIRES(lc_tty); // after the line discipline changed: mirrors, wakes
size_t tty_room(struct tty *t) REQUIRES(lc_tty);

// tty_session.c
err_t tty_open(struct char_device *d, struct file *f);
err_t tty_open_current(struct char_device *d, struct file *f);
err_t tty_open_console(struct char_device *d, struct file *f);
// Stops or refuses processes in the background. signal: TTY_SIGTTIN, TTY_SIGTTOU. ERR_IO,
// ERR_RESTARTSYS (signal sent).
err_t tty_job_check(struct tty *t, int signal);
void tty_signal_foreground(struct tty *t, u32 line_signals);
err_t tty_session_ioctl(struct tty *t, u32 request, u64 arg, struct file *f);

err_t tty_read(struct file *f, struct vm_span span, u64 *pos, size_t *done);
err_t tty_write(struct file *f, struct vm_span span, u64 *pos, size_t *done);
u32 tty_poll(struct file *f, struct poll_table *table);
err_t tty_drain(struct tty *t); // waits until everything is sent. ERR_RESTARTSYS
err_t tty_ioctl(struct file *f, u32 request, u64 arg, i64 *result);

// console policy: what the kernel log may print once programs use the console
enum log_level tty_log_level(void);
extern _Atomic bool tty_in_use; // a program opened a terminal

void serial_init(void);
void serial_quiet(void); // programs own the console: the log keeps to warnings
void keyboard_init(struct tty *t);
void keyboard_work(void); // terminal thread: reboot key
void keyboard_app_cursor(bool on);
u64 fbcon_work(
    u64 now_ns); // terminal thread: paints; the time of the next paint, or DEADLINE_NEVER
void fbcon_quiet(void);
