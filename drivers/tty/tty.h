// SPDX-License-Identifier: MIT
// Terminals: line discipline (canonical and raw, ISIG, echo, OPOST) between a hardware end and
// programs, with job control. Source: POSIX.1-2017 ch. 11, Linux termios(3) for numbers.
#pragma once
#include <fs/devfs/devfs.h>
#include <kernel/sched/mutex.h>
#include <lib/line/termios.h>
#include <vfs/file.h>

struct tty_winsize {
    u16 rows, cols, xpixel, ypixel;
};
struct tty;
// op          | tty lock | context            | meaning
// write       | held     | thread             | takes all n bytes (n <= room); must not sleep
// room        | held     | thread             | bytes write takes now; null: always enough
// pending     | not held | thread             | bytes not sent yet; null: 0
// flush       | held     | thread             | throw pending output away; may be null
// set_termios | held     | thread             | may be null
// resume      | not held | thread             | tty_input_room said 0 before; now there is room.
// Null: never asks When room grows or pending shrinks to 0 the driver calls tty_output_ready.
struct tty_hw {
    void (*write)(struct tty *t, const char *bytes, size_t n);
    size_t (*room)(struct tty *t);
    size_t (*pending)(struct tty *t);
    void (*flush)(struct tty *t);
    void (*set_termios)(struct tty *t, const struct tty_termios *tio);
    void (*resume)(struct tty *t);
};

// Job control needs processes, which are above: proc fills these in at start. Called without
// terminal locks.
struct tty_jobs {
    void (*signal_group)(u32 pgid, int signal);
    // The current process's relation to terminals; false: kernel thread.
    bool (*current_ids)(u32 *pid, u32 *pgid, u32 *sid, struct tty **controlling);
    bool (*signal_blocked_or_ignored)(int signal); // of the current process
    bool (*group_orphaned)(u32 pgid);
    err_t (*set_controlling)(struct tty *t); // TIOCSCTTY of the current session leader
    void (*clear_controlling)(struct tty *t);
    err_t (*group_in_session)(u32 pgid, u32 sid);
};
extern const struct tty_jobs *tty_jobs;
extern void (*tty_reboot_key)(void); // Ctrl-Alt-Del, from a thread; null: ignored

struct tty {
    struct char_device dev;
    struct mutex lock;          // tty class: everything below but the raw input
    struct spinlock input_lock; // tty_input class
    struct tty_termios termios; // a copy of the line discipline's, for readers
    struct tty_winsize size;    // 0: unknown, programs ask the terminal or assume 80x24
    u32 session, foreground;    // ids, 0: none; under lock
    const struct tty_hw *hw;
    void *driver;
    void *line; // line discipline state (tty_impl.h)
    bool hung_up;
};
DECLARE_MUTEX_CLASS(tty, struct tty, lock)

// Registers /dev/NAME. Errors: ERR_NOMEM.
err_t tty_create(const char *name, u32 major, u32 minor, const struct tty_hw *hw, void *driver,
                 struct tty **out);
void tty_input(struct tty *t, const char *bytes,
               size_t n); // any context; locks below tty_input may not be held
size_t
tty_input_room(struct tty *t); // bytes tty_input takes without loss; 0: resume is called later
void tty_output_ready(struct tty *t); // any context
void tty_hangup(struct tty *t);       // reads end, writes fail until the next open; SIGHUP to the
                                      // foreground group. Sleeps
void tty_resize(struct tty *t, const struct tty_winsize *size); // SIGWINCH when it changed. Sleeps
void tty_init(void); // /dev/tty, /dev/console; then serial lines
struct boot_framebuffer;
void tty_init_screen(const struct boot_framebuffer
                         *fb); // /dev/tty1 on screen and keyboard; nothing without a framebuffer
void tty_set_console(struct tty *t);     // what /dev/console is; console= on the command line wins
struct tty *tty_of_file(struct file *f); // null: not a terminal
