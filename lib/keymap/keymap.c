// SPDX-License-Identifier: MIT
// Theory: modifiers and locks are state; every other key press is looked up twice: in the table of
// keys that mean the same in each layout (cursor, function, editing keys), then in the layout.
// Sequences are xterm's.
#include <lib/keymap/keymap.h>
#include <lib/mem.h>
#include <lib/text.h>
#include <lib/utf8.h>

struct keymap_key {
    u16 plain, shift, altgr, altgr_shift;
};
struct keymap_layout {
    const char *name;
    bool has_altgr; // else the right Alt is an Alt
    struct keymap_key keys[0x60];
};

#define KEY(code, plain, shift, altgr, altgr_shift) [code] = {plain, shift, altgr, altgr_shift},
static const struct keymap_layout layouts[] = {
    {"us",
     false,
     {
#include <lib/keymap/us.def>
     }},
    {"de",
     true,
     {
#include <lib/keymap/de.def>
     }},
};
#undef KEY

// What the i8042 makes of set 2 when it translates.
static const u8 set2[0x85] = {
    0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29,
    0x59, 0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11,
    0x03, 0x5b, 0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14,
    0x13, 0x06, 0x5d, 0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24,
    0x16, 0x08, 0x09, 0x5f, 0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35,
    0x26, 0x27, 0x19, 0x0c, 0x61, 0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36,
    0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76, 0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c,
    0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f, 0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45,
    0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54, 0x80, 0x81, 0x82, 0x41, 0x54,
};

bool keymap_from_set2(struct keymap *k, u8 code, u8 *out) {
    if (code == 0xf0) {
        k->release = true;
        return false;
    }
    if (code < countof(set2)) {
        code = set2[code];
        if (k->release) {
            code |= 0x80;
        }
        k->release = false;
    }
    *out = code;
    return true;
}

bool keymap_init(struct keymap *k, const char *layout) {
    *k = (struct keymap){.layout = &layouts[0], .locks = KEYMAP_NUM};
    for (u32 i = 0; i < countof(layouts); i++) {
        if (text_equal(layout, layouts[i].name)) {
            k->layout = &layouts[i];
            return true;
        }
    }
    return false;
}

static bool shift(const struct keymap *k) {
    return (k->modifiers & (KEYMAP_SHIFT_L | KEYMAP_SHIFT_R)) != 0;
}
static bool ctrl(const struct keymap *k) {
    return (k->modifiers & (KEYMAP_CTRL_L | KEYMAP_CTRL_R)) != 0;
}
static bool altgr(const struct keymap *k) {
    return k->layout->has_altgr && (k->modifiers & KEYMAP_ALTGR) != 0;
}
static bool alt(const struct keymap *k) {
    return (k->modifiers & KEYMAP_ALT) != 0 ||
           (!k->layout->has_altgr && (k->modifiers & KEYMAP_ALTGR) != 0);
}

static void out_bytes(struct keymap_out *o, const char *s, size_t n) {
    n = MIN(n, sizeof o->bytes - o->count);
    memcpy(o->bytes + o->count, s, n);
    o->count += (u32)n;
}

// ---- keys with a meaning of their own

enum special : u8 { LETTER = 1, TILDE = 2, SS3 = 3 }; // ESC [ x; ESC [ n ~; ESC O x
struct special_key {
    u8 code;
    enum special kind;
    u8 value;
};
// Behind 0xe0, and on the keypad with Num Lock off.
static const struct special_key navigation[] = {
    {0x48, LETTER, 'A'}, {0x50, LETTER, 'B'}, {0x4d, LETTER, 'C'}, {0x4b, LETTER, 'D'},
    {0x47, LETTER, 'H'}, {0x4f, LETTER, 'F'}, {0x52, TILDE, 2},    {0x53, TILDE, 3},
    {0x49, TILDE, 5},    {0x51, TILDE, 6},    {0x4c, LETTER, 'E'},
};
static const struct special_key functions[] = {
    {0x3b, SS3, 'P'},  {0x3c, SS3, 'Q'},  {0x3d, SS3, 'R'},  {0x3e, SS3, 'S'},
    {0x3f, TILDE, 15}, {0x40, TILDE, 17}, {0x41, TILDE, 18}, {0x42, TILDE, 19},
    {0x43, TILDE, 20}, {0x44, TILDE, 21}, {0x57, TILDE, 23}, {0x58, TILDE, 24},
};

static bool special(const struct keymap *k, const struct special_key *table, size_t count, u8 code,
                    struct keymap_out *o) {
    u32 modifiers = 1 + (shift(k) ? 1u : 0) + (alt(k) ? 2u : 0) + (ctrl(k) ? 4u : 0);
    for (size_t i = 0; i < count; i++) {
        const struct special_key *s = &table[i];
        if (s->code != code) {
            continue;
        }
        char text[16];
        size_t n;
        if (s->kind == TILDE) {
            n = modifiers == 1 ? text_format(text, sizeof text, "\x1b[%u~", s->value)
                               : text_format(text, sizeof text, "\x1b[%u;%u~", s->value, modifiers);
        } else if (modifiers != 1) {
            n = text_format(text, sizeof text, "\x1b[1;%u%c", modifiers, s->value);
        } else {
            bool ss3 = s->kind == SS3 || k->app_cursor;
            n = text_format(text, sizeof text, "\x1b%c%c", ss3 ? 'O' : '[', s->value);
        }
        out_bytes(o, text, n);
        return true;
    }
    return false;
}

// Editing keys; false: not one of them.
static bool editing(const struct keymap *k, u8 code, struct keymap_out *o) {
    char c;
    switch (code) {
    case 0x01:
        c = '\x1b';
        break;
    case 0x0e:
        c = ctrl(k) ? '\b' : '\x7f';
        break;
    case 0x1c:
        c = '\r';
        break;
    case 0x0f:
        if (shift(k)) {
            out_bytes(o, "\x1b[Z", 3);
            return true;
        }
        c = '\t';
        break;
    default:
        return false;
    }
    if (alt(k)) {
        out_bytes(o, "\x1b", 1);
    }
    out_bytes(o, &c, 1);
    return true;
}

// The keypad with Num Lock on; 0: not there.
static char keypad(u8 code) {
    static const char keys[] = "789-456+1230.";
    return code >= 0x47 && code <= 0x53 ? keys[code - 0x47] : code == 0x37 ? '*' : '\0';
}

// ---- text

static u32 combine(u32 mark, u32 letter) {
    static const struct {
        u16 mark;
        char letters[13];
        u16 results[12];
    } table[] = {
        {0x300, "aeiouAEIOU", {0xe0, 0xe8, 0xec, 0xf2, 0xf9, 0xc0, 0xc8, 0xcc, 0xd2, 0xd9}},
        {0x301,
         "aeiouyAEIOUY",
         {0xe1, 0xe9, 0xed, 0xf3, 0xfa, 0xfd, 0xc1, 0xc9, 0xcd, 0xd3, 0xda, 0xdd}},
        {0x302, "aeiouAEIOU", {0xe2, 0xea, 0xee, 0xf4, 0xfb, 0xc2, 0xca, 0xce, 0xd4, 0xdb}},
        {0x308, "aeiouyAEIOU", {0xe4, 0xeb, 0xef, 0xf6, 0xfc, 0xff, 0xc4, 0xcb, 0xcf, 0xd6, 0xdc}},
    };
    for (u32 i = 0; i < countof(table); i++) {
        for (u32 j = 0;
             table[i].mark == mark && j < countof(table[i].results) && table[i].letters[j] != 0;
             j++) {
            if ((u32)(u8)table[i].letters[j] == letter) {
                return table[i].results[j];
            }
        }
    }
    return 0;
}

static u32 mark_alone(u32 mark) {
    return mark == 0x300 ? '`' : mark == 0x301 ? 0xb4 : mark == 0x302 ? '^' : 0xa8;
}

static void put_code(const struct keymap *k, u32 code, struct keymap_out *o) {
    char text[4];
    if (alt(k)) {
        out_bytes(o, "\x1b", 1);
    }
    out_bytes(o, text, utf8_encode(code, text));
}

// Control characters as xterm makes them; what has none is sent as it is.
static u32 with_ctrl(u32 code) {
    if ((code >= '@' && code <= '_') || (code >= 'a' && code <= 'z')) {
        return code & 0x1f;
    }
    static const u8 digits[] = {0, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x7f}; // 2..8
    if (code >= '2' && code <= '8') {
        return digits[code - '2'];
    }
    return code == ' ' ? 0 : code == '/' || code == '-' ? 0x1f : code == '?' ? 0x7f : code;
}

static void text_key(struct keymap *k, u8 code, struct keymap_out *o) {
    if (code >= countof(k->layout->keys)) {
        return;
    }
    const struct keymap_key *key = &k->layout->keys[code];
    bool letter = (key->plain >= 'a' && key->plain <= 'z') ||
                  (key->plain >= 0xe0 && key->shift + 0x20 == key->plain);
    bool upper = shift(k) != (letter && (k->locks & KEYMAP_CAPS) != 0);
    u32 c = altgr(k) ? (upper ? key->altgr_shift : key->altgr) : upper ? key->shift : key->plain;
    if (c == 0) {
        return;
    }
    if (c >= 0x300 && c < 0x370 && k->dead == 0) {
        k->dead = c;
        return;
    }
    u32 mark = k->dead;
    k->dead = 0;
    if (mark != 0) {
        u32 both = c == mark || c == ' ' ? mark_alone(mark) : combine(mark, c);
        if (both == 0) {
            put_code(k, mark_alone(mark), o);
        }
        c = both != 0 ? both : c >= 0x300 && c < 0x370 ? mark_alone(c) : c;
    }
    put_code(k, ctrl(k) ? with_ctrl(c) : c, o);
}

// ---- keys

static bool modifier_key(struct keymap *k, u8 code, bool extended, bool down) {
    u8 bit;
    switch (code) {
    case 0x2a:
        bit = extended ? 0 : KEYMAP_SHIFT_L;
        break; // e0 2a: made up around some keys
    case 0x36:
        bit = extended ? 0 : KEYMAP_SHIFT_R;
        break;
    case 0x1d:
        bit = extended ? KEYMAP_CTRL_R : KEYMAP_CTRL_L;
        break;
    case 0x38:
        bit = extended ? KEYMAP_ALTGR : KEYMAP_ALT;
        break;
    default:
        return false;
    }
    k->modifiers = (u8)(down ? k->modifiers | bit : k->modifiers & ~bit);
    return true;
}

static bool lock_key(struct keymap *k, u8 code, struct keymap_out *o) {
    u8 bit = code == 0x3a   ? KEYMAP_CAPS
             : code == 0x45 ? KEYMAP_NUM
             : code == 0x46 ? KEYMAP_SCROLL
                            : 0;
    k->locks ^= bit;
    o->locks_changed = bit != 0;
    return bit != 0;
}

static void press(struct keymap *k, u8 code, bool extended, struct keymap_out *o) {
    if (code == 0x53 && ctrl(k) && alt(k)) { // Del, either one
        o->reboot = true;
        return;
    }
    if (extended) {
        if (code == 0x1c || code == 0x35) { // keypad Enter and /
            out_bytes(o, code == 0x1c ? "\r" : "/", 1);
        } else {
            special(k, navigation, countof(navigation), code, o);
        }
        return;
    }
    if (lock_key(k, code, o) || editing(k, code, o) ||
        special(k, functions, countof(functions), code, o)) {
        return;
    }
    char pad = keypad(code);
    if (pad == '\0') {
        text_key(k, code, o);
        return;
    }
    bool always = pad == '-' || pad == '+' || pad == '*';
    if (always || (k->locks & KEYMAP_NUM) != 0) {
        out_bytes(o, &pad, 1);
    } else {
        special(k, navigation, countof(navigation), code, o);
    }
}

void keymap_input(struct keymap *k, u8 code, struct keymap_out *out) {
    *out = (struct keymap_out){};
    if (k->skip > 0) {
        k->skip--;
        return;
    }
    if (code == 0xe0 || code == 0xe1) {
        k->extended = code == 0xe0;
        k->skip = code == 0xe1 ? 2 : 0; // Pause: e1 1d 45 e1 9d c5
        return;
    }
    bool extended = k->extended, down = (code & 0x80) == 0;
    k->extended = false;
    code &= 0x7f;
    if (!modifier_key(k, code, extended, down) && down) {
        press(k, code, extended, out);
    }
}
