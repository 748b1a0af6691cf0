// SPDX-License-Identifier: MIT
// Theory: the terminal on the screen. lib/vt keeps the grid; `shown` keeps what the pixels show,
// and painting draws only cells that differ, so that a scroll of text costs the changed glyphs.
// Programs' output only changes the grid and kicks the terminal thread, which paints at most every
// FRAME_NS: a flood of lines scrolls many times between two paintings. The kernel log paints at
// once, since nothing may run after it. The console lock guards grid and pixels; painting takes it
// row by row. In a panic no lock is taken: the other CPUs have stopped.
#include "tty_impl.h"
#include <abi/boot.h>
#include <io/dev/mmio.h>
#include <kernel/base/lock.h>
#include <kernel/base/panic.h>
#include <kernel/sched/timer.h>
#include <lib/mem.h>
#include <lib/vt/draw.h>
#include <mm/heap/heap.h>

constexpr u64 FRAME_NS = 16 * NS_PER_MS;
constexpr u32 BIG_SCREEN_WIDTH = 2400; // from here on two pixels for one

extern const u8 fbcon_font[], fbcon_font_end[];

static struct screen {
    struct spinlock lock;
    bool ready; // [I] after start
    struct tty *tty;
    struct font font;
    struct draw_target target;
    u32 left, top; // pixels that centre the grid
    struct vt vt GUARDED_BY(lc_console);
    struct vt_cell *shown GUARDED_BY(lc_console);
    _Atomic bool changed; // [a] the grid differs from the pixels
    u64 painted_ns;       // terminal thread's
    char replies[64] GUARDED_BY(
        lc_console); // what the terminal answered, given to tty_input outside the lock
    u32 reply_bytes GUARDED_BY(lc_console);
    struct log_console log;
} screen;
DECLARE_SPIN_CLASS(console, struct screen, lock)

// ---- painting

static void paint_row(u32 row) REQUIRES(lc_console) {
    const struct vt_cell *line = vt_row(&screen.vt, row);
    struct vt_cell *shown = screen.shown + (size_t)row * screen.vt.cols;
    const struct vt *v = &screen.vt;
    u32 scale = screen.target.scale;
    for (u32 col = 0; col < v->cols; col++) {
        struct vt_cell cell = line[col];
        if (v->visible && row == v->cursor.row && col == v->cursor.col) {
            cell.attr |= VT_CURSOR;
        }
        if (v->reverse_screen) {
            cell.attr ^= VT_REVERSE;
        }
        bool same = memcmp(&cell, &shown[col], sizeof cell) == 0;
        shown[col] = cell;
        if (same || (cell.attr & VT_TAIL) != 0) {
            continue; // tails are drawn with their first half
        }
        draw_cell(&screen.target, &screen.font, &cell, screen.left + col * FONT_WIDTH * scale,
                  screen.top + row * FONT_HEIGHT * scale);
    }
    vt_row_clean(&screen.vt, row);
}

static bool next_dirty(u32 *row) REQUIRES(lc_console) {
    for (; *row < screen.vt.rows; (*row)++) {
        if (vt_row_dirty(&screen.vt, *row)) {
            return true;
        }
    }
    return false;
}

static void paint_all(void) REQUIRES(lc_console) {
    for (u32 row = 0; next_dirty(&row); row++) {
        paint_row(row);
    }
}

static void paint(void) { // letting the lock go after each row
    for (u32 row = 0;; row++) {
        GUARD(console, &screen);
        if (!next_dirty(&row)) {
            return;
        }
        paint_row(row);
    }
}

static bool app_cursor(void) {
    GUARD(console, &screen);
    return screen.vt.app_cursor;
}

u64 fbcon_work(u64 now_ns) {
    if (!screen.ready || !screen.changed) {
        return DEADLINE_NEVER;
    }
    if (now_ns < screen.painted_ns + FRAME_NS) {
        return screen.painted_ns + FRAME_NS;
    }
    screen.changed = false;
    paint();
    screen.painted_ns = time_now_ns();
    keyboard_app_cursor(app_cursor());
    return DEADLINE_NEVER;
}

// ---- the terminal's side

static void reply(void *arg, const char *bytes,
                  size_t n) NO_LOCK_ANALYSIS { // WHY: called by vt_write under the console lock
    unused_arg(arg);
    n = MIN(n, sizeof screen.replies - screen.reply_bytes);
    memcpy(screen.replies + screen.reply_bytes, bytes, n);
    screen.reply_bytes += (u32)n;
}

static u32 feed(const char *bytes, size_t n, char *replies) {
    GUARD(console, &screen);
    screen.reply_bytes = 0;
    vt_write(&screen.vt, bytes, n);
    memcpy(replies, screen.replies, screen.reply_bytes);
    return screen.reply_bytes;
}

static void screen_write(struct tty *t, const char *bytes, size_t n) {
    char replies[sizeof screen.replies];
    u32 answered = feed(bytes, n, replies);
    if (answered > 0) {
        tty_input(t, replies, answered);
    }
    if (!screen.changed) {
        screen.changed = true;
        tty_kick();
    }
}

static const struct tty_hw screen_hw = {.write = screen_write};

// ---- the kernel log

static void print_lines(const char *text, size_t bytes) REQUIRES(lc_console) {
    for (size_t i = 0; i < bytes;) {
        size_t n = 0;
        while (i + n < bytes && text[i + n] != '\n') {
            n++;
        }
        vt_write(&screen.vt, text + i, n);
        i += n;
        if (i < bytes) {
            vt_write(&screen.vt, "\r\n", 2);
            i++;
        }
    }
    screen.reply_bytes = 0;
    paint_all();
}

static void print_panic(const char *text,
                        size_t bytes) NO_LOCK_ANALYSIS { // WHY: everybody else has stopped
    print_lines(text, bytes);
}

static void log_print(struct log_console *c, const char *text, size_t bytes) {
    unused_arg(c);
    if (panic_active()) {
        print_panic(text, bytes);
        return;
    }
    GUARD(console, &screen);
    print_lines(text, bytes);
}

void fbcon_quiet(void) {
    if (screen.ready) {
        screen.log.max_level = tty_log_level();
    }
}

// ---- start

static err_t target_open(const struct boot_framebuffer *fb) {
    struct mmio window = {};
    u64 needed = (u64)fb->pitch_bytes * fb->height;
    bool good = fb->width >= 2 * FONT_WIDTH && fb->height >= 2 * FONT_HEIGHT &&
                fb->width <= 16384 && fb->height <= 16384 && fb->pitch_bytes >= fb->width * 4u &&
                fb->pitch_bytes % 4 == 0 && needed <= fb->bytes &&
                (fb->format == BOOT_PIXEL_BGRX || fb->format == BOOT_PIXEL_RGBX);
    if (!good) {
        return ERR_INVAL;
    }
    TRY(mmio_map((struct pa){fb->start}, needed, true, &window));
    screen.target =
        (struct draw_target){window.base, fb->pitch_bytes, fb->format == BOOT_PIXEL_RGBX,
                             fb->width >= BIG_SCREEN_WIDTH ? 2 : 1};
    return ERR_OK;
}

static void clear_pixels(const struct boot_framebuffer *fb) {
    for (u32 y = 0; y < fb->height; y++) {
        volatile u32 *line =
            (volatile u32 *)(volatile void *)(screen.target.pixels + (size_t)y * fb->pitch_bytes);
        for (u32 x = 0; x < fb->width; x++) {
            line[x] = 0;
        }
    }
}

static err_t screen_open(const struct boot_framebuffer *fb,
                         struct tty_winsize *size) NO_LOCK_ANALYSIS { // WHY: not in use yet
    TRY(font_open(fbcon_font, (size_t)(fbcon_font_end - fbcon_font), &screen.font));
    TRY(target_open(fb));
    u32 cell_width = FONT_WIDTH * screen.target.scale,
        cell_height = FONT_HEIGHT * screen.target.scale;
    u16 cols = (u16)MIN(fb->width / cell_width, VT_COLS_MAX);
    u16 rows = (u16)MIN(fb->height / cell_height, VT_ROWS_MAX);
    screen.left = (fb->width - cols * cell_width) / 2;
    screen.top = (fb->height - rows * cell_height) / 2;
    void *cells = nullptr;
    TRY(heap_alloc(vt_bytes(rows, cols), &cells));
    TRY(heap_alloc_array((size_t)rows * cols, sizeof(struct vt_cell), (void **)&screen.shown));
    vt_init(&screen.vt, rows, cols, cells);
    screen.vt.reply = reply;
    clear_pixels(fb);
    *size = (struct tty_winsize){rows, cols, (u16)fb->width, (u16)fb->height};
    return ERR_OK;
}

void tty_init_screen(const struct boot_framebuffer *fb) {
    struct tty_winsize size = {};
    if (fb->format == BOOT_PIXEL_NONE || fb->start == 0) {
        log(TTY, INFO, "screen: no framebuffer");
        return;
    }
    err_t err = screen_open(fb, &size);
    if (err == ERR_OK) {
        err = tty_create("tty1", 4, 1, &screen_hw, &screen, &screen.tty);
    }
    if (err != ERR_OK) {
        log(TTY, WARN, "screen: framebuffer is not usable err=%d", err);
        return;
    }
    tty_resize(screen.tty, &size);
    screen.ready = true;
    screen.log = (struct log_console){.write = log_print, .max_level = tty_log_level()};
    log_console_add(&screen.log);
    log(TTY, INFO, "screen: %ux%u pixels, %ux%u cells", fb->width, fb->height, size.cols,
        size.rows);
    keyboard_init(screen.tty);
    tty_set_console(screen.tty);
}
