// SPDX-License-Identifier: MIT
// Control sequences with numbers: ESC [ ... final.
#include "vt_impl.h"
#include <lib/mem.h>
#include <lib/text.h>

// Number idx, `otherwise` when missing or 0.
static u32 param(const struct vt *v, u32 idx, u32 otherwise) {
    return idx < v->param_count && v->params[idx] != 0 ? v->params[idx] : otherwise;
}

static void say(struct vt *v, const char *text, size_t n) {
    if (v->reply != nullptr) {
        v->reply(v->arg, text, n);
    }
}

// ---- erasing and moving

static void erase_display(struct vt *v, u32 how) {
    u32 row = v->cursor.row, col = v->cursor.col;
    if (how == 0) {
        vt_blank(v, row, col, v->cols);
    } else if (how == 1) {
        vt_blank(v, row, 0, col + 1);
    }
    u32 from = how == 0 ? row + 1 : 0, to = how == 1 ? row : v->rows;
    for (u32 i = from; i < to && how <= 3; i++) {
        vt_blank(v, i, 0, v->cols);
    }
    v->cursor.wrap_next = false;
}

static void erase_line(struct vt *v, u32 how) {
    u32 col = v->cursor.col;
    if (how <= 2) {
        vt_blank(v, v->cursor.row, how == 0 ? col : 0, how == 1 ? col + 1 : v->cols);
    }
    v->cursor.wrap_next = false;
}

static void delete_chars(struct vt *v, u32 n) {
    u32 row = v->cursor.row, col = v->cursor.col;
    n = MIN(n, v->cols - col);
    vt_split_wide(v, row, col);
    vt_split_wide(v, row, col + n);
    struct vt_cell *line = vt_line(v, row);
    memmove(line + col, line + col + n, (v->cols - col - n) * sizeof *line);
    for (u32 i = v->cols - n; i < v->cols; i++) { // copies of what moved: not glyphs of their own
        line[i].attr &= (u16) ~(VT_WIDE | VT_TAIL);
    }
    vt_blank(v, row, v->cols - n, v->cols);
    v->cursor.wrap_next = false;
}

static void insert_chars(struct vt *v, u32 n) {
    u32 row = v->cursor.row, col = v->cursor.col;
    n = MIN(n, v->cols - col);
    vt_split_wide(v, row, col);
    vt_split_wide(v, row, v->cols - n);
    struct vt_cell *line = vt_line(v, row);
    memmove(line + col + n, line + col, (v->cols - col - n) * sizeof *line);
    for (u32 i = col; i < col + n; i++) {
        line[i].attr &= (u16) ~(VT_WIDE | VT_TAIL);
    }
    vt_blank(v, row, col, col + n);
    v->cursor.wrap_next = false;
}

static void lines(struct vt *v, u32 n, bool insert) {
    u32 row = v->cursor.row;
    if (row < v->top || row > v->bottom) {
        return;
    }
    if (insert) {
        vt_scroll_down(v, row, v->bottom, n);
    } else {
        vt_scroll_up(v, row, v->bottom, n);
    }
    v->cursor.wrap_next = false;
}

static void move(struct vt *v, char final, u32 n) {
    u32 row = v->cursor.row, col = v->cursor.col;
    u32 first = row >= v->top ? v->top : 0, last = row <= v->bottom ? v->bottom : v->rows - 1u;
    bool origin = v->cursor.origin;
    switch (final) {
    case 'A':
    case 'F':
        row = row - first > n ? row - n : first;
        break;
    case 'B':
    case 'E':
    case 'e':
        row = MIN(row + n, last);
        break;
    case 'C':
    case 'a':
        col = MIN(col + n, v->cols - 1u);
        break;
    case 'D':
        col = col > n ? col - n : 0;
        break;
    default:
        break;
    }
    if (final == 'E' || final == 'F') {
        col = 0;
    }
    v->cursor.origin = false; // row and col are of the screen already
    vt_goto(v, row, col);
    v->cursor.origin = origin;
}

static void back_tab(struct vt *v, u32 n) {
    u32 col = v->cursor.col;
    for (u32 i = 0; i < n && col > 0; i++) {
        do {
            col--;
        } while (col > 0 && (v->tabs[col / 64] >> (col % 64) & 1) == 0);
    }
    move(v, 'D', v->cursor.col - col);
}

static void clear_tabs(struct vt *v, u32 how) {
    if (how == 0) {
        v->tabs[v->cursor.col / 64] &= ~((u64)1 << (v->cursor.col % 64));
    } else if (how == 3) {
        memset(v->tabs, 0, sizeof v->tabs);
    }
}

static void scroll_region(struct vt *v) {
    u32 top = param(v, 0, 1) - 1, bottom = MIN(param(v, 1, v->rows), (u32)v->rows) - 1;
    if (top < bottom) {
        v->top = (u16)top;
        v->bottom = (u16)bottom;
        vt_goto(v, 0, 0);
    }
}

// ---- colours

// The nearest of the 6x6x6 cube and the 24 greys.
static u8 nearest(u32 r, u32 g, u32 b) {
    u32 high = MAX(MAX(r, g), b), low = MIN(MIN(r, g), b);
    if (high - low < 12) {
        u32 grey = (r + g + b) / 3;
        return (u8)(grey < 4     ? 16
                    : grey > 243 ? 231
                                 : 232 + MIN((MAX(grey, 8u) - 8 + 5) / 10, 23u));
    }
    u32 c[3] = {r, g, b};
    for (u32 i = 0; i < 3; i++) { // levels 0 95 135 175 215 255
        c[i] = c[i] < 48 ? 0 : c[i] < 115 ? 1 : (MIN(c[i], 255u) - 35) / 40;
    }
    return (u8)(16 + 36 * c[0] + 6 * c[1] + c[2]);
}

// 38;5;n or 38;2;r;g;b from idx on; returns how many numbers were used. *good: a colour came out.
static u32 long_colour(const struct vt *v, u32 idx, u8 *out, bool *good) {
    u32 left = v->param_count - idx;
    *good = false;
    if (left >= 3 && v->params[idx + 1] == 5) {
        *out = (u8)v->params[idx + 2];
        *good = v->params[idx + 2] < 256;
        return 2;
    }
    if (left >= 5 && v->params[idx + 1] == 2) {
        const u16 *p = &v->params[idx + 2];
        *out = nearest(MIN(p[0], 255u), MIN(p[1], 255u), MIN(p[2], 255u));
        *good = true;
        return 4;
    }
    return left; // cut short: the rest means nothing
}

static void set_colour(struct vt *v, bool background, u8 colour) {
    struct vt_cell *pen = &v->cursor.pen;
    if (background) {
        pen->bg = colour;
        pen->attr &= (u16)~VT_DEFAULT_BG;
    } else {
        pen->fg = colour;
        pen->attr &= (u16)~VT_DEFAULT_FG;
    }
}

static void attribute(struct vt *v, u32 n) {
    struct vt_cell *pen = &v->cursor.pen;
    u16 on = 0, off = 0;
    switch (n) {
    case 0:
        off = 0xffff;
        on = VT_DEFAULT_FG | VT_DEFAULT_BG;
        break;
    case 1:
        on = VT_BOLD;
        break;
    case 2:
        on = VT_DIM;
        break;
    case 4:
        on = VT_UNDERLINE;
        break;
    case 7:
        on = VT_REVERSE;
        break;
    case 8:
        on = VT_HIDDEN;
        break;
    case 9:
        on = VT_STRIKE;
        break;
    case 21:
    case 22:
        off = VT_BOLD | VT_DIM;
        break;
    case 24:
        off = VT_UNDERLINE;
        break;
    case 27:
        off = VT_REVERSE;
        break;
    case 28:
        off = VT_HIDDEN;
        break;
    case 29:
        off = VT_STRIKE;
        break;
    case 39:
        on = VT_DEFAULT_FG;
        break;
    case 49:
        on = VT_DEFAULT_BG;
        break;
    default:
        break;
    }
    pen->attr = (u16)((pen->attr & ~off) | on);
    if (n >= 30 && n <= 37) {
        set_colour(v, false, (u8)(n - 30));
    } else if (n >= 40 && n <= 47) {
        set_colour(v, true, (u8)(n - 40));
    } else if (n >= 90 && n <= 97) {
        set_colour(v, false, (u8)(n - 90 + 8));
    } else if (n >= 100 && n <= 107) {
        set_colour(v, true, (u8)(n - 100 + 8));
    }
}

static void graphics(struct vt *v) {
    u32 count = MAX(v->param_count, 1u);
    for (u32 i = 0; i < count; i++) {
        u32 n = v->params[i];
        if (n == 38 || n == 48) {
            u8 colour = 0;
            bool good;
            i += long_colour(v, i, &colour, &good);
            if (good) {
                set_colour(v, n == 48, colour);
            }
        } else {
            attribute(v, n);
        }
    }
}

// ---- modes and reports

static void alternate_screen(struct vt *v, bool on, bool cursor_too, bool clear) {
    if (on && cursor_too) {
        vt_save_cursor(v);
    }
    if (on != (v->screen == 1)) {
        struct vt_cursor keep = v->cursor;
        v->screen = on;
        v->cursor = keep;
        for (u32 row = 0; row < v->rows; row++) {
            if (on && clear) {
                vt_blank(v, row, 0, v->cols);
            }
            vt_mark(v, row);
        }
    }
    if (!on && cursor_too) {
        vt_restore_cursor(v);
    }
}

static void private_mode(struct vt *v, u32 n, bool on) {
    switch (n) {
    case 1:
        v->app_cursor = on;
        break;
    case 5:
        v->reverse_screen = on;
        for (u32 row = 0; row < v->rows; row++) {
            vt_mark(v, row);
        }
        break;
    case 6:
        v->cursor.origin = on;
        vt_goto(v, 0, 0);
        break;
    case 7:
        v->autowrap = on;
        v->cursor.wrap_next = false;
        break;
    case 25:
        v->visible = on;
        vt_mark(v, v->cursor.row);
        break;
    case 47:
    case 1047:
        alternate_screen(v, on, false, n == 1047);
        break;
    case 1048:
        if (on) {
            vt_save_cursor(v);
        } else {
            vt_restore_cursor(v);
        }
        break;
    case 1049:
        alternate_screen(v, on, true, true);
        break;
    case 2004:
        v->bracketed_paste = on;
        break;
    default:
        break;
    }
}

static void modes(struct vt *v, bool on) {
    for (u32 i = 0; i < v->param_count; i++) {
        if (v->private_mark == '?') {
            private_mode(v, v->params[i], on);
        } else if (v->private_mark == 0 && v->params[i] == 4) {
            v->insert = on;
        } else if (v->private_mark == 0 && v->params[i] == 20) {
            v->newline_mode = on;
        }
    }
}

static void report(struct vt *v, u32 what) {
    char text[32];
    if (what == 5) {
        say(v, "\x1b[0n", 4);
    } else if (what == 6) {
        u32 row = v->cursor.row - (v->cursor.origin ? v->top : 0u);
        say(v, text, text_format(text, sizeof text, "\x1b[%u;%uR", row + 1, v->cursor.col + 1u));
    }
}

static void window(struct vt *v) {
    char text[32];
    if (param(v, 0, 0) == 18) { // how large is the text area
        say(v, text, text_format(text, sizeof text, "\x1b[8;%u;%ut", v->rows, v->cols));
    }
}

static void repeat(struct vt *v, u32 n) {
    u32 limit = (u32)v->rows * v->cols;
    for (u32 i = 0; i < MIN(n, limit) && v->last_code != 0; i++) {
        vt_print(v, v->last_code);
    }
}

static void marked(struct vt *v, char final) { // ESC [ ? ..., ESC [ > ...
    if (final == 'h' || final == 'l') {
        modes(v, final == 'h');
    } else if (final == 'c' && v->private_mark == '>') {
        say(v, "\x1b[>0;10;0c", 10);
    } else if (final == 'n' && v->private_mark == '?') {
        report(v, param(v, 0, 0));
    } else if (final == 'J' && v->private_mark == '?') {
        erase_display(v, param(v, 0, 0));
    } else if (final == 'K' && v->private_mark == '?') {
        erase_line(v, param(v, 0, 0));
    }
}

static void goto_column_or_row(struct vt *v, char final) {
    u32 row = v->cursor.row - (v->cursor.origin ? MIN(v->top, v->cursor.row) : 0u);
    if (final == 'd') {
        vt_goto(v, param(v, 0, 1) - 1, v->cursor.col);
    } else {
        vt_goto(v, row, param(v, 0, 1) - 1);
    }
}

static void soft_reset(struct vt *v) {
    private_mode(v, 25, true);
    v->insert = v->cursor.origin = v->app_cursor = v->app_keypad = false;
    v->top = 0;
    v->bottom = (u16)(v->rows - 1);
    attribute(v, 0);
}

// Sequences that move the cursor. False: not one of them.
static bool csi_move(struct vt *v, char final, u32 n) {
    switch (final) {
    case 'A':
    case 'B':
    case 'C':
    case 'D':
    case 'E':
    case 'F':
    case 'a':
    case 'e':
        move(v, final, n);
        return true;
    case 'G':
    case '`':
    case 'd':
        goto_column_or_row(v, final);
        return true;
    case 'H':
    case 'f':
        vt_goto(v, n - 1, param(v, 1, 1) - 1);
        return true;
    case 'I':
        for (u32 i = 0; i < MIN(n, VT_COLS_MAX); i++) {
            vt_write(v, "\t", 1);
        }
        return true;
    case 'Z':
        back_tab(v, n);
        return true;
    case 's':
        vt_save_cursor(v);
        return true;
    case 'u':
        vt_restore_cursor(v);
        return true;
    default:
        return false;
    }
}

// Sequences that change cells. False: not one of them.
static bool csi_edit(struct vt *v, char final, u32 n) {
    switch (final) {
    case 'J':
        erase_display(v, param(v, 0, 0));
        return true;
    case 'K':
        erase_line(v, param(v, 0, 0));
        return true;
    case 'L':
        lines(v, n, true);
        return true;
    case 'M':
        lines(v, n, false);
        return true;
    case 'P':
        delete_chars(v, n);
        return true;
    case '@':
        insert_chars(v, n);
        return true;
    case 'S':
        vt_scroll_up(v, v->top, v->bottom, n);
        return true;
    case 'T':
        vt_scroll_down(v, v->top, v->bottom, n);
        return true;
    case 'X':
        vt_blank(v, v->cursor.row, v->cursor.col, v->cursor.col + n);
        return true;
    case 'b':
        repeat(v, n);
        return true;
    default:
        return false;
    }
}

static void csi_state(struct vt *v, char final) {
    switch (final) {
    case 'c':
        say(v, "\x1b[?62;22c", 9);
        break; // VT220 with colour
    case 'g':
        clear_tabs(v, param(v, 0, 0));
        break;
    case 'h':
    case 'l':
        modes(v, final == 'h');
        break;
    case 'm':
        graphics(v);
        break;
    case 'n':
        report(v, param(v, 0, 0));
        break;
    case 'r':
        scroll_region(v);
        break;
    case 't':
        window(v);
        break;
    default:
        break;
    }
}

void vt_csi(struct vt *v, char final) {
    u32 n = param(v, 0, 1);
    if (v->private_mark != 0) {
        marked(v, final);
    } else if (v->intermediate == '!' && final == 'p') {
        soft_reset(v);
    } else if (v->intermediate == 0 && !csi_move(v, final, n) && !csi_edit(v, final, n)) {
        csi_state(v, final);
    }
}
