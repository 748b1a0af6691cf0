// SPDX-License-Identifier: MIT
#include <lib/utf8.h>

enum utf8_step utf8_decode(struct utf8 *u, u8 byte, u32 *out) {
    if (u->left > 0) {
        if (byte < u->low || byte > u->high) {
            *u = (struct utf8){};
            *out = UTF8_REPLACEMENT;
            return UTF8_AGAIN;
        }
        u->code = u->code << 6 | (byte & 0x3f);
        u->low = 0x80;
        u->high = 0xbf;
        if (--u->left > 0) {
            return UTF8_MORE;
        }
        *out = u->code;
        return UTF8_DONE;
    }
    if (byte < 0x80) {
        *out = byte;
        return UTF8_DONE;
    }
    if (byte < 0xc2 || byte > 0xf4) {
        *out = UTF8_REPLACEMENT;
        return UTF8_BAD;
    }
    u->low = 0x80;
    u->high = 0xbf;
    if (byte < 0xe0) {
        u->left = 1;
        u->code = byte & 0x1f;
    } else if (byte < 0xf0) {
        u->left = 2;
        u->code = byte & 0x0f;
        u->low = byte == 0xe0 ? 0xa0 : 0x80;  // nothing longer than needed
        u->high = byte == 0xed ? 0x9f : 0xbf; // no surrogates
    } else {
        u->left = 3;
        u->code = byte & 0x07;
        u->low = byte == 0xf0 ? 0x90 : 0x80;
        u->high = byte == 0xf4 ? 0x8f : 0xbf;
    }
    return UTF8_MORE;
}

size_t utf8_encode(u32 code, char out[4]) {
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
        code = UTF8_REPLACEMENT;
    }
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t bytes = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const u8 lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = bytes - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    out[0] = (char)(lead[bytes] | code);
    return bytes;
}

struct span {
    u32 first, last;
};

static bool in_spans(const struct span *s, size_t count, u32 code) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (code > s[mid].last) {
            low = mid + 1;
        } else if (code < s[mid].first) {
            high = mid;
        } else {
            return true;
        }
    }
    return false;
}

// The common combining marks and format characters; scripts that need shaping are not drawn right
// on a cell grid anyway.
static const struct span zero_width[] = {
    {0x300, 0x36f},   {0x483, 0x489},     {0x591, 0x5bd},   {0x5bf, 0x5bf},   {0x5c1, 0x5c2},
    {0x5c4, 0x5c5},   {0x610, 0x61a},     {0x64b, 0x65f},   {0x6d6, 0x6dc},   {0x6df, 0x6e4},
    {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},   {0x200b, 0x200f}, {0x202a, 0x202e}, {0x2060, 0x2064},
    {0x20d0, 0x20f0}, {0x302a, 0x302d},   {0x3099, 0x309a}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
    {0xfeff, 0xfeff}, {0xe0100, 0xe01ef},
};
static const struct span wide[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x2329, 0x232a},   {0x23e9, 0x23ec},
    {0x25fd, 0x25fe},   {0x2614, 0x2615},   {0x2648, 0x2653},   {0x26a1, 0x26a1},
    {0x26bd, 0x26be},   {0x26c4, 0x26c5},   {0x2705, 0x2705},   {0x270a, 0x270b},
    {0x2728, 0x2728},   {0x274c, 0x274c},   {0x2753, 0x2755},   {0x2757, 0x2757},
    {0x2795, 0x2797},   {0x2b1b, 0x2b1c},   {0x2b50, 0x2b50},   {0x2b55, 0x2b55},
    {0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},   {0x4e00, 0xa4cf},
    {0xa960, 0xa97f},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},
    {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f004, 0x1f004}, {0x1f0cf, 0x1f0cf},
    {0x1f18e, 0x1f18e}, {0x1f191, 0x1f19a}, {0x1f200, 0x1f320}, {0x1f32d, 0x1f335},
    {0x1f337, 0x1f37c}, {0x1f37e, 0x1f393}, {0x1f3a0, 0x1f3ca}, {0x1f3e0, 0x1f3f0},
    {0x1f400, 0x1f43e}, {0x1f440, 0x1f4fc}, {0x1f4ff, 0x1f53d}, {0x1f550, 0x1f567},
    {0x1f5fb, 0x1f64f}, {0x1f680, 0x1f6c5}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
};

u32 utf8_width(u32 code) {
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) {
        return 0;
    }
    if (code < 0x300) {
        return 1;
    }
    if (in_spans(zero_width, countof(zero_width), code)) {
        return 0;
    }
    return in_spans(wide, countof(wide), code) ? 2 : 1;
}
