// SPDX-License-Identifier: MIT
// A terminal's grid of cells, driven by the bytes a program prints. Pure; the caller serialises.
// Source: ECMA-48, DEC VT220 programmer reference, xterm control sequences.
#pragma once
#include <lib/types.h>
#include <lib/utf8.h>

constexpr u32 VT_ROWS_MAX = 256, VT_COLS_MAX = 512;
constexpr u32 VT_PARAMS_MAX = 16;

enum vt_attr : u16 {
    VT_BOLD = 1,
    VT_UNDERLINE = 2,
    VT_REVERSE = 4,
    VT_DIM = 8,
    VT_HIDDEN = 16,
    VT_STRIKE = 32,
    VT_WIDE = 64,  // first half of a wide glyph
    VT_TAIL = 128, // second half: code is 0
    VT_DEFAULT_FG = 256,
    VT_DEFAULT_BG = 512, // fg, bg are to be ignored
    VT_CURSOR = 1024,    // never in the grid: for whoever draws
};
struct vt_cell {
    u32 code;  // Unicode; 0 only in tails
    u8 fg, bg; // palette of 256
    u16 attr;
};
static_assert(sizeof(struct vt_cell) == 8);

enum vt_state : u8 {
    VT_GROUND,
    VT_ESCAPE,
    VT_ESCAPE_SKIP,
    VT_CSI,
    VT_CSI_IGNORE,
    VT_STRING,
    VT_STRING_ESCAPE,
    VT_CHARSET
};
struct vt_cursor {
    u16 row, col;
    bool wrap_next; // the last column was filled: the next glyph goes to the next line
    struct vt_cell pen;
    bool origin;
    u8 charset;       // 0 or 1: which of graphics[] is in use
    bool graphics[2]; // DEC line drawing
};
struct vt {
    u16 rows, cols;
    struct vt_cell *cells[2];    // main and alternate screen, caller's memory
    u16 line_of[2][VT_ROWS_MAX]; // screen row -> row of cells[]
    u8 screen;                   // which is shown
    struct vt_cursor cursor, saved[2];
    u16 top, bottom; // scroll region, both inside it
    bool autowrap, insert, newline_mode, visible, app_cursor, app_keypad, reverse_screen,
        bracketed_paste;
    u64 tabs[VT_COLS_MAX / 64];
    u64 dirty[VT_ROWS_MAX / 64]; // rows changed since the caller cleared the bit
    u32 bells;
    u32 last_code; // for REP
    struct utf8 utf8;
    enum vt_state state;
    char private_mark, intermediate; // '?', '>' ... ; ' ', '!' ...
    u8 charset_slot;
    u16 params[VT_PARAMS_MAX];
    u8 param_count;
    void (*reply)(void *arg, const char *bytes,
                  size_t n); // what the program asked for, as if typed
    void *arg;
};

size_t vt_bytes(u16 rows, u16 cols); // memory vt_init needs; 0: no such size
void vt_init(struct vt *v, u16 rows, u16 cols,
             void *memory); // zeroed memory, 8-byte aligned; set reply afterwards
void vt_write(struct vt *v, const char *bytes, size_t n);
const struct vt_cell *vt_row(const struct vt *v,
                             u32 row); // cols cells; borrowed until the next write
static inline bool vt_row_dirty(const struct vt *v, u32 row) {
    return (v->dirty[row / 64] >> (row % 64) & 1) != 0;
}
static inline void vt_row_clean(struct vt *v, u32 row) {
    v->dirty[row / 64] &= ~((u64)1 << (row % 64));
}
u32 vt_check(const struct vt *v); // 0, or the number of the broken invariant
