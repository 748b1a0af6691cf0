// SPDX-License-Identifier: MIT
#include <lib/mem.h>
#include <lib/vt/draw.h>

constexpr size_t HEAD_BYTES = 8;
constexpr u32 BACKGROUND = 0x000000, FOREGROUND = 0xd0d0d0, BRIGHT = 0xffffff;

err_t font_open(const u8 *file, size_t bytes, struct font *out) {
    struct font f = {.bytes = file};
    if (bytes < HEAD_BYTES || memcmp(file, "HFNT", 4) != 0) {
        return ERR_INVAL;
    }
    memcpy(&f.range_count, file + 4, 4);
    if (f.range_count == 0 || f.range_count > (bytes - HEAD_BYTES) / sizeof(struct font_range)) {
        return ERR_INVAL;
    }
    f.ranges = (const struct font_range *)(const void *)(file + HEAD_BYTES);
    u64 after = 0;
    for (u32 i = 0; i < f.range_count; i++) {
        const struct font_range *r = &f.ranges[i];
        u64 end = r->glyphs_at + (u64)r->count * FONT_HEIGHT * (1 + (u64)r->wide);
        if (r->first < after || r->wide > 1 || end > bytes) {
            return ERR_INVAL;
        }
        after = (u64)r->first + r->count;
    }
    bool wide;
    f.replacement = font_find(&f, UTF8_REPLACEMENT, &wide);
    if (f.replacement == nullptr || wide) {
        f.replacement = font_find(&f, '?', &wide);
    }
    if (f.replacement == nullptr || wide) {
        return ERR_INVAL;
    }
    *out = f;
    return ERR_OK;
}

const u8 *font_find(const struct font *f, u32 code, bool *wide) {
    u32 low = 0, high = f->range_count;
    while (low < high) {
        u32 mid = (low + high) / 2;
        const struct font_range *r = &f->ranges[mid];
        if (code < r->first) {
            high = mid;
        } else if (code - r->first >= r->count) {
            low = mid + 1;
        } else {
            *wide = r->wide != 0;
            return f->bytes + r->glyphs_at +
                   (size_t)(code - r->first) * FONT_HEIGHT * (1 + r->wide);
        }
    }
    return nullptr;
}

u32 draw_colour(u8 idx) {
    static const u32 base[16] = {0x000000, 0xc02020, 0x20a820, 0xb08010, 0x3060d0, 0xb030b0,
                                 0x20a0a0, 0xc0c0c0, 0x606060, 0xff5555, 0x55ff55, 0xffff55,
                                 0x6c94ff, 0xff55ff, 0x55ffff, 0xffffff};
    if (idx < 16) {
        return base[idx];
    }
    if (idx >= 232) {
        u32 grey = 8 + 10 * (idx - 232u);
        return grey * 0x010101;
    }
    u32 n = idx - 16u;
    u32 c[3] = {n / 36, n / 6 % 6, n % 6};
    for (u32 i = 0; i < 3; i++) {
        c[i] = c[i] == 0 ? 0 : 55 + 40 * c[i];
    }
    return c[0] << 16 | c[1] << 8 | c[2];
}

static u32 halve(u32 colour) { return (colour >> 1) & 0x7f7f7f; }

static void colours(const struct vt_cell *cell, u32 *fg, u32 *bg) {
    u8 idx = cell->fg;
    if ((cell->attr & VT_BOLD) != 0 && idx < 8) {
        idx += 8;
    }
    *fg = draw_colour(idx);
    if ((cell->attr & VT_DEFAULT_FG) != 0) {
        *fg = (cell->attr & VT_BOLD) != 0 ? BRIGHT : FOREGROUND;
    }
    *bg = (cell->attr & VT_DEFAULT_BG) != 0 ? BACKGROUND : draw_colour(cell->bg);
    if ((cell->attr & VT_DIM) != 0) {
        *fg = halve(*fg);
    }
    bool turn = ((cell->attr & VT_REVERSE) != 0) != ((cell->attr & VT_CURSOR) != 0);
    if (turn) {
        u32 keep = *fg;
        *fg = *bg;
        *bg = keep;
    }
    if ((cell->attr & VT_HIDDEN) != 0) {
        *fg = *bg;
    }
}

static u32 pixel(const struct draw_target *t, u32 colour) {
    if (!t->red_first) {
        return colour;
    }
    return (colour & 0xff00) | (colour >> 16 & 0xff) | (colour & 0xff) << 16;
}

// The pixels of one glyph row, leftmost in the highest of `width` bits.
static u32 glyph_row(const u8 *glyph, bool glyph_wide, u32 row, u32 width) {
    if (glyph_wide) {
        u32 bits = (u32)glyph[2 * row] << 8 | glyph[2 * row + 1];
        return width == 16 ? bits : bits >> 8; // a wide glyph in a narrow cell is cut
    }
    return width == 16 ? (u32)glyph[row] << 8 : glyph[row];
}

void draw_cell(const struct draw_target *t, const struct font *f, const struct vt_cell *cell, u32 x,
               u32 y) {
    u32 fg, bg, width = (cell->attr & VT_WIDE) != 0 ? 2 * FONT_WIDTH : FONT_WIDTH;
    bool wide = false;
    const u8 *glyph = font_find(f, cell->code == 0 ? ' ' : cell->code, &wide);
    if (glyph == nullptr) {
        glyph = f->replacement;
        wide = false;
    }
    colours(cell, &fg, &bg);
    fg = pixel(t, fg);
    bg = pixel(t, bg);
    for (u32 row = 0; row < FONT_HEIGHT; row++) {
        u32 bits = glyph_row(glyph, wide, row, width);
        if ((row == FONT_HEIGHT - 1 && (cell->attr & VT_UNDERLINE) != 0) ||
            (row == FONT_HEIGHT / 2 && (cell->attr & VT_STRIKE) != 0)) {
            bits = ~0u;
        }
        for (u32 sub = 0; sub < t->scale; sub++) {
            volatile u8 *line = t->pixels + (size_t)(y + row * t->scale + sub) * t->pitch_bytes;
            volatile u32 *to = (volatile u32 *)(volatile void *)(line + (size_t)x * 4);
            for (u32 col = 0; col < width; col++) {
                u32 colour = (bits >> (width - 1 - col) & 1) != 0 ? fg : bg;
                for (u32 s = 0; s < t->scale; s++) {
                    *to++ = colour;
                }
            }
        }
    }
}
