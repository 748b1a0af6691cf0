// SPDX-License-Identifier: MIT
// Keyboard translation: scan codes in, terminal bytes out. Pure; the caller serialises.
#pragma once
#include <lib/types.h>

enum keymap_modifier : u8 {
    KEYMAP_SHIFT_L = 1,
    KEYMAP_SHIFT_R = 2,
    KEYMAP_CTRL_L = 4,
    KEYMAP_CTRL_R = 8,
    KEYMAP_ALT = 16,
    KEYMAP_ALTGR = 32
};
enum keymap_lock : u8 {
    KEYMAP_SCROLL = 1,
    KEYMAP_NUM = 2,
    KEYMAP_CAPS = 4
}; // the keyboard's LED bits

struct keymap_layout;
struct keymap {
    const struct keymap_layout *layout;
    u8 modifiers, locks;
    bool app_cursor; // set by the caller from the terminal's mode
    bool extended;   // 0xe0 came before
    bool release;    // set 2: 0xf0 came before
    u8 skip;         // bytes of the Pause key to ignore
    u32 dead;        // combining mark waiting for its letter, or 0
};
struct keymap_out {
    char bytes[16];
    u32 count;
    bool locks_changed; // set the LEDs
    bool reboot;        // Ctrl-Alt-Del
};

bool keymap_init(struct keymap *k, const char *layout); // false: unknown name, "us" is used
void keymap_input(struct keymap *k, u8 code, struct keymap_out *out);
// One byte of set 2 as set 1. False: part of a sequence, nothing to give to keymap_input.
bool keymap_from_set2(struct keymap *k, u8 code, u8 *out);
