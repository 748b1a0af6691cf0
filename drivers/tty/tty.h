// SPDX-License-Identifier: MIT
// Terminals: line discipline (canonical and raw, ISIG, echo, OPOST) between a hardware end and programs, with job control.
// Source: POSIX.1-2017 ch. 11, Linux termios(3) for numbers.
#pragma once
#include <fs/devfs/devfs.h>
#include <vfs/file.h>

constexpr u32 TTY_NCCS = 19;
struct tty_termios { u32 iflag, oflag, cflag, lflag; u8 line; u8 cc[TTY_NCCS]; }; // Linux kernel's struct termios
struct tty_winsize { u16 rows, cols, xpixel, ypixel; };
struct tty;
struct tty_hw { void (*write)(struct tty *t, const char *bytes, size_t n); // may be called with interrupts on; does not sleep for long
                void (*set_termios)(struct tty *t, const struct tty_termios *tio); }; // may be null

// Job control needs processes, which are above: proc fills these in at start.
struct tty_jobs {
    void (*signal_group)(u32 pgid, int signal);
    // The current process's relation to t; fills pgid, sid; false: kernel thread.
    bool (*current_ids)(u32 *pid, u32 *pgid, u32 *sid, struct tty **controlling);
    bool (*signal_blocked_or_ignored)(int signal); // of the current process
    bool (*group_orphaned)(u32 pgid);
    err_t (*set_controlling)(struct tty *t);       // TIOCSCTTY of the current session leader
    void (*clear_controlling)(struct tty *t);
    err_t (*group_in_session)(u32 pgid, u32 sid);
};
extern const struct tty_jobs *tty_jobs;

struct tty {
    struct char_device dev;
    struct mutex lock;             // tty class
    struct spinlock input_lock;    // tty_input class
    struct tty_termios termios;
    struct tty_winsize size;
    u32 session, foreground;       // ids, 0: none; under lock
    const struct tty_hw *hw;
    void *driver;
    void *line;                    // line discipline state
    bool hung_up;
};
err_t tty_create(const char *name, u32 major, u32 minor, const struct tty_hw *hw, void *driver, struct tty **out); // registers /dev/NAME
void tty_input(struct tty *t, const char *bytes, size_t n); // from interrupts
void tty_init(void);            // /dev/tty, /dev/console; then serial, keyboard+screen
void tty_set_console(struct tty *t);
struct tty *tty_of_file(struct file *f); // null: not a terminal
