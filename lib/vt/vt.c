// SPDX-License-Identifier: MIT
// Theory: two grids (main, alternate) whose rows are reached through an index, so that scrolling
// turns the index and clears rows instead of moving cells. Every change sets the row's dirty bit;
// the drawer compares cells and clears the bit. The parser is the usual VT state machine: ground,
// escape, CSI with up to 16 numbers, and strings (titles and such), which are skipped. Control
// characters act inside sequences too; CAN and SUB end them. Invariants (vt_check): 1 cursor inside
// the screen; 2 top <= bottom < rows; 3 line_of is a permutation; 4 a wide cell is followed by its
// tail and a tail follows a wide cell.
#include "vt_impl.h"
#include <lib/mem.h>

size_t vt_bytes(u16 rows, u16 cols) {
    bool good = rows >= 2 && rows <= VT_ROWS_MAX && cols >= 2 && cols <= VT_COLS_MAX;
    return good ? (size_t)2 * rows * cols * sizeof(struct vt_cell) : 0;
}

void vt_init(struct vt *v, u16 rows, u16 cols, void *memory) {
    memset(v, 0, sizeof *v);
    v->rows = rows;
    v->cols = cols;
    v->cells[0] = memory;
    v->cells[1] = v->cells[0] + (size_t)rows * cols;
    vt_reset(v);
}

void vt_mark(struct vt *v, u32 row) { v->dirty[row / 64] |= (u64)1 << (row % 64); }

struct vt_cell *vt_line(struct vt *v, u32 row) {
    return v->cells[v->screen] + (size_t)v->line_of[v->screen][row] * v->cols;
}
const struct vt_cell *vt_row(const struct vt *v, u32 row) {
    return v->cells[v->screen] + (size_t)v->line_of[v->screen][row] * v->cols;
}

void vt_split_wide(struct vt *v, u32 row, u32 col) {
    struct vt_cell *line = vt_line(v, row);
    if (col > 0 && col < v->cols && (line[col].attr & VT_TAIL) != 0) {
        for (u32 i = col - 1; i <= col; i++) {
            line[i].code = ' ';
            line[i].attr &= (u16) ~(VT_WIDE | VT_TAIL);
        }
    }
}

void vt_blank(struct vt *v, u32 row, u32 from, u32 to) {
    struct vt_cell *line = vt_line(v, row);
    struct vt_cell blank = {' ', v->cursor.pen.fg, v->cursor.pen.bg,
                            v->cursor.pen.attr & (VT_DEFAULT_FG | VT_DEFAULT_BG)};
    to = MIN(to, v->cols);
    if (from >= to) {
        return;
    }
    vt_split_wide(v, row, from);
    vt_split_wide(v, row, to);
    for (u32 i = from; i < to; i++) {
        line[i] = blank;
    }
    vt_mark(v, row);
}

// Turns the index of [top, bottom] by n rows and blanks what comes in.
static void turn(struct vt *v, u32 top, u32 bottom, u32 n, bool up) {
    u16 *map = v->line_of[v->screen];
    u16 old[VT_ROWS_MAX];
    u32 height = bottom - top + 1;
    n = MIN(n, height);
    memcpy(old, map + top, height * sizeof *map);
    for (u32 i = 0; i < height; i++) {
        u32 from = up ? i + n : i + height - n;
        map[top + i] = old[from % height];
        vt_mark(v, top + i);
    }
    for (u32 i = 0; i < n; i++) {
        vt_blank(v, up ? bottom - i : top + i, 0, v->cols);
    }
}
void vt_scroll_up(struct vt *v, u32 top, u32 bottom, u32 n) { turn(v, top, bottom, n, true); }
void vt_scroll_down(struct vt *v, u32 top, u32 bottom, u32 n) { turn(v, top, bottom, n, false); }

static void cursor_moved(struct vt *v, u32 row, u32 col) {
    vt_mark(v, v->cursor.row);
    v->cursor.row = (u16)row;
    v->cursor.col = (u16)col;
    v->cursor.wrap_next = false;
    vt_mark(v, row);
}

void vt_goto(struct vt *v, u32 row, u32 col) {
    u32 last = v->rows - 1u;
    if (v->cursor.origin) {
        row += v->top;
        last = v->bottom;
    }
    cursor_moved(v, MIN(row, last), MIN(col, v->cols - 1u));
}

void vt_index(struct vt *v) {
    u32 row = v->cursor.row;
    if (row == v->bottom) {
        vt_scroll_up(v, v->top, v->bottom, 1);
    } else if (row + 1u < v->rows) {
        cursor_moved(v, row + 1, v->cursor.col);
    }
    v->cursor.wrap_next = false;
}

static void reverse_index(struct vt *v) {
    if (v->cursor.row == v->top) {
        vt_scroll_down(v, v->top, v->bottom, 1);
    } else if (v->cursor.row > 0) {
        cursor_moved(v, v->cursor.row - 1u, v->cursor.col);
    }
}

void vt_save_cursor(struct vt *v) { v->saved[v->screen] = v->cursor; }
void vt_restore_cursor(struct vt *v) {
    struct vt_cursor saved = v->saved[v->screen];
    cursor_moved(v, saved.row, saved.col);
    v->cursor = saved;
}

void vt_reset(struct vt *v) {
    struct vt_cursor start = {.pen = {' ', 7, 0, VT_DEFAULT_FG | VT_DEFAULT_BG}};
    v->cursor = v->saved[0] = v->saved[1] = start;
    v->top = 0;
    v->bottom = (u16)(v->rows - 1);
    v->autowrap = v->visible = true;
    v->insert = v->newline_mode = v->app_cursor = v->app_keypad = v->reverse_screen = false;
    v->bracketed_paste = false;
    v->state = VT_GROUND;
    v->utf8 = (struct utf8){};
    for (u32 i = 0; i < countof(v->tabs); i++) {
        v->tabs[i] = 0x0101010101010101;
    }
    for (u32 s = 2; s-- > 0;) {
        v->screen = (u8)s;
        for (u32 row = 0; row < v->rows; row++) {
            v->line_of[s][row] = (u16)row;
        }
        for (u32 row = 0; row < v->rows; row++) {
            struct vt_cell *line = vt_line(v, row);
            memset(line, 0, v->cols * sizeof *line);
            vt_blank(v, row, 0, v->cols);
        }
    }
}

// ---- printing

// DEC special graphics, 0x60..0x7e.
static u32 line_drawing(u32 code) {
    static const u16 map[] = {0x25c6, 0x2592, 0x2409, 0x240c, 0x240d, 0x240a, 0xb0,   0xb1,
                              0x2424, 0x240b, 0x2518, 0x2510, 0x250c, 0x2514, 0x253c, 0x23ba,
                              0x23bb, 0x2500, 0x23bc, 0x23bd, 0x251c, 0x2524, 0x2534, 0x252c,
                              0x2502, 0x2264, 0x2265, 0x3c0,  0x2260, 0xa3,   0xb7};
    return code >= 0x60 && code < 0x60 + countof(map) ? map[code - 0x60] : code;
}

static void shift_right(struct vt *v, u32 width) {
    struct vt_cell *line = vt_line(v, v->cursor.row);
    u32 col = v->cursor.col;
    if (col + width >= v->cols) {
        return;
    }
    vt_split_wide(v, v->cursor.row, col);
    vt_split_wide(v, v->cursor.row, v->cols - width);
    memmove(line + col + width, line + col, (v->cols - col - width) * sizeof *line);
    for (u32 i = col; i < col + width; i++) { // not whole glyphs any more: overwritten at once
        line[i].attr &= (u16) ~(VT_WIDE | VT_TAIL);
    }
}

void vt_print(struct vt *v, u32 code) {
    struct vt_cursor *c = &v->cursor;
    if (c->graphics[c->charset]) {
        code = line_drawing(code);
    }
    u32 width = utf8_width(code);
    if (width == 0) {
        return; // combining marks are not drawn
    }
    if (v->autowrap && (c->wrap_next || (width == 2 && c->col + 2u > v->cols))) {
        vt_index(v);
        cursor_moved(v, c->row, 0);
    }
    if (c->col + width > v->cols) {
        cursor_moved(v, c->row, v->cols - width);
    }
    if (v->insert) {
        shift_right(v, width);
    }
    vt_split_wide(v, c->row, c->col);
    vt_split_wide(v, c->row, c->col + width);
    struct vt_cell *cell = vt_line(v, c->row) + c->col;
    cell[0] = c->pen;
    cell[0].code = code;
    if (width == 2) {
        cell[0].attr |= VT_WIDE;
        cell[1] = c->pen;
        cell[1].code = 0;
        cell[1].attr |= VT_TAIL;
    }
    v->last_code = code;
    vt_mark(v, c->row);
    if (c->col + width < v->cols) {
        c->col = (u16)(c->col + width);
    } else {
        c->col = (u16)(v->cols - 1);
        c->wrap_next = v->autowrap;
    }
}

// ---- parsing

static void tab(struct vt *v) {
    u32 col = v->cursor.col + 1u;
    while (col < v->cols - 1u && (v->tabs[col / 64] >> (col % 64) & 1) == 0) {
        col++;
    }
    cursor_moved(v, v->cursor.row, MIN(col, v->cols - 1u));
}

static void control(struct vt *v, u8 c) {
    switch (c) {
    case '\a':
        v->bells++;
        break;
    case '\b':
        cursor_moved(v, v->cursor.row, v->cursor.col > 0 ? v->cursor.col - 1u : 0);
        break;
    case '\t':
        tab(v);
        break;
    case '\n':
    case '\v':
    case '\f':
        vt_index(v);
        if (v->newline_mode) {
            cursor_moved(v, v->cursor.row, 0);
        }
        break;
    case '\r':
        cursor_moved(v, v->cursor.row, 0);
        break;
    case 0x0e:
        v->cursor.charset = 1;
        break;
    case 0x0f:
        v->cursor.charset = 0;
        break;
    case 0x18:
    case 0x1a:
        v->state = VT_GROUND;
        break;
    case 0x1b:
        v->state = VT_ESCAPE;
        break;
    default:
        break;
    }
}

static void align_pattern(struct vt *v) {
    for (u32 row = 0; row < v->rows; row++) {
        vt_blank(v, row, 0, v->cols);
        struct vt_cell *line = vt_line(v, row);
        for (u32 col = 0; col < v->cols; col++) {
            line[col].code = 'E';
        }
    }
    cursor_moved(v, 0, 0);
}

static void escape(struct vt *v, u8 c) {
    v->state = VT_GROUND;
    switch (c) {
    case '[':
        v->state = VT_CSI;
        v->private_mark = v->intermediate = 0;
        v->param_count = 0;
        memset(v->params, 0, sizeof v->params);
        break;
    case ']':
    case 'P':
    case 'X':
    case '^':
    case '_':
        v->state = VT_STRING;
        break;
    case '(':
    case ')':
        v->charset_slot = c == ')';
        v->state = VT_CHARSET;
        break;
    case '#':
    case '%':
    case '*':
    case '+':
    case ' ':
        v->charset_slot = c;
        v->state = VT_ESCAPE_SKIP;
        break;
    case '7':
        vt_save_cursor(v);
        break;
    case '8':
        vt_restore_cursor(v);
        break;
    case 'D':
        vt_index(v);
        break;
    case 'E':
        vt_index(v);
        cursor_moved(v, v->cursor.row, 0);
        break;
    case 'H':
        v->tabs[v->cursor.col / 64] |= (u64)1 << (v->cursor.col % 64);
        break;
    case 'M':
        reverse_index(v);
        break;
    case 'c':
        vt_reset(v);
        break;
    case '=':
        v->app_keypad = true;
        break;
    case '>':
        v->app_keypad = false;
        break;
    default:
        break;
    }
}

static void csi_byte(struct vt *v, u8 c) {
    if (c >= '0' && c <= '9') {
        u32 at = v->param_count == 0 ? 0 : v->param_count - 1u;
        v->param_count = (u8)(at + 1);
        v->params[at] = (u16)MIN(v->params[at] * 10u + (c - '0'), 9999u);
    } else if (c == ';' || c == ':') {
        v->param_count = v->param_count == 0 ? 2 : (u8)(v->param_count + 1);
        if (v->param_count > VT_PARAMS_MAX) {
            v->param_count = VT_PARAMS_MAX;
            v->state = VT_CSI_IGNORE;
        }
    } else if (c >= '<' && c <= '?') {
        v->private_mark = (char)c;
    } else if (c >= ' ' && c <= '/') {
        v->intermediate = (char)c;
    } else if (c >= '@' && c <= '~') {
        v->state = VT_GROUND;
        vt_csi(v, (char)c);
    } else {
        v->state = VT_GROUND;
    }
}

static void ground(struct vt *v, u8 c) {
    for (u32 again = 0; again < 2; again++) {
        u32 code;
        enum utf8_step step = utf8_decode(&v->utf8, c, &code);
        if (step == UTF8_MORE) {
            return;
        }
        if (code >= 0x80 || (code >= 0x20 && code != 0x7f)) {
            vt_print(v, code);
        } else {
            control(v, (u8)code);
        }
        if (step != UTF8_AGAIN) {
            return;
        }
    }
}

static void sequence_byte(struct vt *v, u8 c) {
    switch (v->state) {
    case VT_ESCAPE:
        escape(v, c);
        break;
    case VT_ESCAPE_SKIP:
        v->state = VT_GROUND;
        if (v->charset_slot == '#' && c == '8') {
            align_pattern(v);
        }
        break;
    case VT_CHARSET:
        v->state = VT_GROUND;
        v->cursor.graphics[v->charset_slot] = c == '0';
        break;
    case VT_CSI:
        csi_byte(v, c);
        break;
    case VT_CSI_IGNORE:
        if (c >= '@' && c <= '~') {
            v->state = VT_GROUND;
        }
        break;
    case VT_GROUND:
    case VT_STRING:
    case VT_STRING_ESCAPE:
        break;
    }
}

static void string_byte(struct vt *v, u8 c) {
    if (v->state == VT_STRING_ESCAPE && c != '\\') { // not the end of the string: a new sequence
        v->state = VT_ESCAPE;
        sequence_byte(v, c);
    } else if (v->state == VT_STRING_ESCAPE || c == '\a' || c == 0x18 || c == 0x1a) {
        v->state = VT_GROUND;
    } else if (c == 0x1b) {
        v->state = VT_STRING_ESCAPE;
    }
}

void vt_write(struct vt *v, const char *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        u8 c = (u8)bytes[i];
        if (v->state == VT_GROUND) {
            ground(v, c);
        } else if (v->state == VT_STRING || v->state == VT_STRING_ESCAPE) {
            string_byte(v, c);
        } else if (c < 0x20) {
            control(v, c);
        } else if (c != 0x7f) {
            sequence_byte(v, c);
        }
    }
}

u32 vt_check(const struct vt *v) {
    if (v->cursor.row >= v->rows || v->cursor.col >= v->cols) {
        return 1;
    }
    if (v->top > v->bottom || v->bottom >= v->rows) {
        return 2;
    }
    for (u32 s = 0; s < 2; s++) {
        u64 seen[VT_ROWS_MAX / 64] = {};
        for (u32 row = 0; row < v->rows; row++) {
            u32 at = v->line_of[s][row];
            if (at >= v->rows || (seen[at / 64] >> (at % 64) & 1) != 0) {
                return 3;
            }
            seen[at / 64] |= (u64)1 << (at % 64);
        }
    }
    for (u32 row = 0; row < v->rows; row++) {
        const struct vt_cell *line = vt_row(v, row);
        for (u32 col = 0; col < v->cols; col++) {
            bool tail = (line[col].attr & VT_TAIL) != 0;
            bool after_wide = col > 0 && (line[col - 1].attr & VT_WIDE) != 0;
            if (tail != after_wide || (col + 1u == v->cols && (line[col].attr & VT_WIDE) != 0)) {
                return 4;
            }
        }
    }
    return 0;
}
