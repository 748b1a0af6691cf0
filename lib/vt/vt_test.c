// SPDX-License-Identifier: MIT
#include <lib/vt/draw.h>
#include <lib/vt/vt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// cmocka needs the headers above first
#include <cmocka.h>

constexpr u16 ROWS = 5, COLS = 10;
static struct vt v;
static void *memory;
static char replied[64];

static void reply(void *arg, const char *bytes, size_t n) {
    unused_arg(arg);
    strncat(replied, bytes, n);
}

static int setup(void **state) {
    unused_arg(state);
    free(memory);
    memory = calloc(1, vt_bytes(ROWS, COLS));
    vt_init(&v, ROWS, COLS, memory);
    v.reply = reply;
    replied[0] = 0;
    return 0;
}

static void put(const char *s) {
    vt_write(&v, s, strlen(s));
    assert_int_equal(vt_check(&v), 0);
}

// Compares the row, trailing blanks ignored; tails show as '<', what is not ASCII as '#'.
static void expect(u32 row, const char *text) {
    char got[COLS + 1] = {};
    const struct vt_cell *line = vt_row(&v, row);
    u32 n = 0;
    for (u32 i = 0; i < COLS; i++) {
        got[i] = line[i].code == 0 ? '<' : line[i].code < 0x80 ? (char)line[i].code : '#';
        n = got[i] != ' ' ? i + 1 : n;
    }
    got[n] = 0;
    assert_string_equal(got, text);
}

static void at(u32 row, u32 col) {
    assert_int_equal(v.cursor.row, row);
    assert_int_equal(v.cursor.col, col);
}

static void test_text(void **state) {
    unused_arg(state);
    put("one\r\ntwo\r\n\tx\b\by");
    expect(0, "one");
    expect(1, "two");
    expect(2, "       yx");
    put("\x1b[H0123456789"); // the last column does not wrap yet
    at(0, 9);
    put("A");
    expect(1, "Awo");
    at(1, 1);
    put("\x1b[?7l\x1b[3;9Habcd");
    expect(2, "       yad");
}

static void test_scroll(void **state) {
    unused_arg(state);
    put("1\r\n2\r\n3\r\n4\r\n5\r\n6");
    expect(0, "2");
    expect(4, "6");
    put("\x1b[2;4r\x1b[4;1H\n");
    expect(0, "2");
    expect(1, "4");
    expect(3, "");
    expect(4, "6");
    put("\x1b[2;1H\x1bM");
    expect(1, "");
    expect(2, "4");
    put("\x1b[r\x1b[2;1H\x1b[L");
    expect(3, "4");
    put("\x1b[3M");
    expect(1, "5");
    put("\x1b[H\x1b[99S");
    expect(0, "");
}

static void test_edit(void **state) {
    unused_arg(state);
    put("abcdefghij\x1b[1;3H\x1b[2P");
    expect(0, "abefghij");
    put("\x1b[3@");
    expect(0, "ab   efghi");
    put("\x1b[4hXY\x1b[4l");
    expect(0, "abXY   efg");
    put("\x1b[2X");
    expect(0, "abXY   efg");
    put("\x1b[1K");
    expect(0, "       efg");
    put("\x1b[K");
    expect(0, "");
    put("\x1b[2;1Hxx\x1b[3;1Hyy\x1b[2;2H\x1b[J");
    expect(1, "x");
    expect(2, "");
    put("q\x1b[3b");
    expect(1, "xqqqq");
}

static void test_cursor(void **state) {
    unused_arg(state);
    put("\x1b[3;4H\x1b[A\x1b[2C");
    at(1, 5);
    put("\x1b[99B\x1b[99D");
    at(4, 0);
    put("\x1b[2;3H\x1b"
        "7\x1b[H\x1b"
        "8");
    at(1, 2);
    put("\x1b[6n");
    assert_string_equal(replied, "\x1b[2;3R");
    put("\x1b[2;4r\x1b[?6h\x1b[99;1H");
    at(3, 0);
    put("\x1b[?6l\x1b[r\x1b[5G\x1b[2d");
    at(1, 4);
    put("\x1b[Z");
    at(1, 0);
    put("\x1b[?25l");
    assert_false(v.visible);
    replied[0] = 0;
    put("\x1b[c\x1b[18t");
    assert_string_equal(replied, "\x1b[?62;22c\x1b[8;5;10t");
}

static void test_colours(void **state) {
    unused_arg(state);
    put("\x1b[1;31;44mA\x1b[0mB\x1b[38;5;200mC\x1b[48;2;255;0;0mD\x1b[97;7mE\x1b[mF\x1b[38;2;1mG");
    const struct vt_cell *c = vt_row(&v, 0);
    assert_true(c[0].fg == 1 && c[0].bg == 4 && c[0].attr == VT_BOLD);
    assert_true(c[1].attr == (VT_DEFAULT_FG | VT_DEFAULT_BG));
    assert_true(c[2].fg == 200 && c[2].attr == VT_DEFAULT_BG);
    assert_true(c[3].bg == 196 && c[3].attr == 0);
    assert_true(c[4].fg == 15 && c[4].attr == VT_REVERSE);
    assert_true(c[5].attr == (VT_DEFAULT_FG | VT_DEFAULT_BG));
    assert_true(c[6].code == 'G' && c[6].attr == c[5].attr); // cut-short colour: ignored
    put("\x1b[41m\x1b[2;1H\x1b[K");
    assert_int_equal(vt_row(&v, 1)[9].bg, 1); // erasing uses the background
}

static void test_alternate(void **state) {
    unused_arg(state);
    put("main\x1b[?1049h\x1b[Halt");
    expect(0, "alt");
    put("\x1b[?1049l");
    expect(0, "main");
    at(0, 4);
}

static void test_wide(void **state) {
    unused_arg(state);
    put("\xe4\xb8\xad\xe6\x96\x87"); // two wide characters
    expect(0, "#<#<");
    put("\x1b[1;2Hx"); // the half that is left goes
    expect(0, " x#<");
    put("\x1b[1;3H\x1b[P");
    expect(0, " x");
    put("\x1b[2;10H\xe4\xb8\xad"); // no room: next line
    expect(1, "");
    expect(2, "#<");
    put("\x1b[3;2H\x1b[@");
    expect(2, "");
    put("\x1b[4;1He\xcc\x81!"); // combining: not drawn
    expect(3, "e!");
    put("\x1b[5;1H\xff\xc3(");
    expect(4, "##(");
    assert_int_equal(vt_row(&v, 4)[0].code, UTF8_REPLACEMENT);
}

static void test_parser(void **state) {
    unused_arg(state);
    put("\x1b]0;title\x07"
        "a\x1b]2;x\x1b\\b\x1bPdata\x1b\\c\x1b[12\x18"
        "d");
    expect(0, "abcd");
    put("\x1b[1;2\nH"); // control characters act inside
    at(0, 1);
    put("\x1b[1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17;18Hz");
    expect(0, "azcd");
    put("\x1b(0q\x1b(B");
    assert_int_equal(vt_row(&v, 0)[2].code, 0x2500);
    put("\x1b[?1h\x1b=");
    assert_true(v.app_cursor && v.app_keypad);
    put("\x1b"
        "c");
    expect(0, "");
    assert_false(v.app_cursor);
    put("\x1b#8");
    expect(4, "EEEEEEEEEE");
    put("\x1b[99999999999999999999C");
    at(0, 9);
}

static void test_dirty(void **state) {
    unused_arg(state);
    for (u32 i = 0; i < ROWS; i++) {
        vt_row_clean(&v, i);
    }
    put("\x1b[3;1Hx");
    assert_true(vt_row_dirty(&v, 2) && vt_row_dirty(&v, 0)); // where the cursor was, too
    assert_false(vt_row_dirty(&v, 4));
    assert_int_equal(vt_bytes(1, 80), 0);
    assert_int_equal(vt_bytes(25, 600), 0);
}

static void test_font(void **state) {
    unused_arg(state);
    alignas(4) u8 file[8 + 2 * 12 + 16 + 32] = "HFNT";
    struct font_range ranges[2] = {{'?', 1, 0, 32}, {0x4e2d, 1, 1, 48}};
    u32 count = 2;
    memcpy(file + 4, &count, 4);
    memcpy(file + 8, ranges, sizeof ranges);
    file[32] = 0x80;
    file[48] = file[49] = 0xff;
    struct font f;
    assert_int_equal(font_open(file, sizeof file, &f), ERR_OK);
    bool wide;
    assert_ptr_equal(font_find(&f, '?', &wide), file + 32);
    assert_null(font_find(&f, '@', &wide));
    assert_ptr_equal(font_find(&f, 0x4e2d, &wide), file + 48);
    assert_true(wide);
    u32 pixels[16 * 16] = {};
    struct draw_target t = {(volatile u8 *)pixels, 64, false, 1};
    struct vt_cell cell = {'A', 1, 4, 0}; // not in the font
    draw_cell(&t, &f, &cell, 0, 0);
    assert_int_equal(pixels[0], draw_colour(1));
    assert_int_equal(pixels[1], draw_colour(4));
    cell = (struct vt_cell){0x4e2d, 2, 0, VT_WIDE};
    draw_cell(&t, &f, &cell, 0, 0);
    assert_int_equal(pixels[15], draw_colour(2));
    assert_int_equal(pixels[16], 0);
    assert_int_equal(font_open(file, sizeof file - 1, &f), ERR_INVAL);
    file[4] = 200;
    assert_int_equal(font_open(file, sizeof file, &f), ERR_INVAL);
}

#define T(f) cmocka_unit_test_setup(f, setup)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(test_text),      T(test_scroll), T(test_edit),   T(test_cursor), T(test_colours),
        T(test_alternate), T(test_wide),   T(test_parser), T(test_dirty),  T(test_font),
    };
    int result = cmocka_run_group_tests(tests, nullptr, nullptr);
    free(memory);
    return result;
}
