// SPDX-License-Identifier: MIT
// Cells as pixels. The font is the output of tools/font.py; it is checked once, then trusted.
#pragma once
#include <lib/vt/vt.h>

constexpr u32 FONT_WIDTH = 8, FONT_HEIGHT = 16; // a wide glyph has 16 columns
constexpr u32 FONT_SCALE_MAX = 4;

// File: "HFNT", u32 range count, ranges sorted by `first`, then glyph rows (1 byte a row, wide ones
// 2). Little-endian.
struct font_range {
    u32 first;
    u16 count;
    u16 wide;      // 0 or 1, for the whole range
    u32 glyphs_at; // byte offset in the file
};
static_assert(sizeof(struct font_range) == 12);
struct font {
    const u8 *bytes; // borrowed for ever
    const struct font_range *ranges;
    u32 range_count;
    const u8 *replacement; // drawn for what the font lacks
};
err_t font_open(const u8 *file, size_t bytes, struct font *out); // ERR_INVAL; file 4-byte aligned
const u8 *font_find(const struct font *f, u32 code, bool *wide); // null: not in the font

u32 draw_colour(u8 idx); // 0xRRGGBB of the palette
struct draw_target {
    volatile u8 *pixels; // 32 bits each
    u32 pitch_bytes;
    bool red_first; // RGBX in memory; else BGRX
    u32 scale;      // 1..FONT_SCALE_MAX screen pixels for a font pixel
};
// Draws one cell (a wide one with its tail) with its top left corner at pixel x, y. The caller
// keeps it inside.
void draw_cell(const struct draw_target *t, const struct font *f, const struct vt_cell *cell, u32 x,
               u32 y);
