// SPDX-License-Identifier: MIT
#include <lib/keymap/keymap.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
// cmocka needs the headers above first
#include <cmocka.h>

static struct keymap k;

// Feeds codes until 0 and compares everything that came out.
static void expect(const u8 *codes, const char *text) {
    char all[128] = {};
    struct keymap_out o;
    for (; *codes != 0; codes++) {
        keymap_input(&k, *codes, &o);
        strncat(all, o.bytes, o.count);
    }
    assert_string_equal(all, text);
}
#define KEYS(...) ((const u8[]){__VA_ARGS__, 0})

static void test_us(void **state) {
    unused_arg(state);
    assert_true(keymap_init(&k, "us"));
    expect(KEYS(0x23, 0xa3, 0x17, 0x97, 0x02, 0x1c), "hi1\r");
    expect(KEYS(0x2a, 0x23, 0x02, 0xaa, 0x23), "H!h");
    expect(KEYS(0x3a, 0x23, 0x02, 0x2a, 0x23, 0xaa, 0x3a, 0x23), "H1hh"); // caps lock
    expect(KEYS(0x1d, 0x2e, 0x9d), "\x03");
    expect(KEYS(0x38, 0x30, 0xb8), "\x1b"
                                   "b");
    expect(KEYS(0xe0, 0x38, 0x30, 0xe0, 0xb8), "\x1b"
                                               "b"); // right Alt, no AltGr
    expect(KEYS(0x0e, 0x0f, 0x01), "\x7f\t\x1b");
    assert_false(keymap_init(&k, "xx"));
    expect(KEYS(0x15), "y");
}

static void test_de(void **state) {
    unused_arg(state);
    assert_true(keymap_init(&k, "de"));
    expect(KEYS(0x15, 0x2c, 0x28, 0x0c), "zy\xc3\xa4\xc3\x9f");
    expect(KEYS(0xe0, 0x38, 0x12, 0x10, 0x08, 0x0c, 0x56, 0xe0, 0xb8, 0x56), "\xe2\x82\xac@{\\|<");
    expect(KEYS(0x0d, 0x12), "\xc3\xa9"); // dead acute, e
    expect(KEYS(0x29, 0x39), "^");        // dead circumflex, space
    expect(KEYS(0x29, 0x29), "^");
    expect(KEYS(0x0d, 0x31), "\xc2\xb4n");                    // nothing to combine with
    expect(KEYS(0x3a, 0x28, 0x0c, 0x3a), "\xc3\x84\xc3\x9f"); // caps lock: no capital for sharp s
}

static void test_special(void **state) {
    unused_arg(state);
    keymap_init(&k, "us");
    expect(KEYS(0xe0, 0x48, 0xe0, 0xc8, 0xe0, 0x47, 0xe0, 0x53), "\x1b[A\x1b[H\x1b[3~");
    expect(KEYS(0x1d, 0xe0, 0x4d, 0x9d), "\x1b[1;5C");
    k.app_cursor = true;
    expect(KEYS(0xe0, 0x48), "\x1bOA");
    k.app_cursor = false;
    expect(KEYS(0x3b, 0x3f, 0x58), "\x1bOP\x1b[15~\x1b[24~");
    expect(KEYS(0x48, 0x53, 0x4a), "8.-");
    expect(KEYS(0x45, 0x48, 0x53, 0x4a), "\x1b[A\x1b[3~-");      // num lock off
    expect(KEYS(0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5, 0x1e), "a"); // Pause
    expect(KEYS(0x2a, 0x0f, 0xaa), "\x1b[Z");
    struct keymap_out o;
    keymap_input(&k, 0x1d, &o);
    keymap_input(&k, 0x38, &o);
    keymap_input(&k, 0xe0, &o);
    keymap_input(&k, 0x53, &o);
    assert_true(o.reboot);
    assert_int_equal(o.count, 0);
    keymap_init(&k, "us");
    keymap_input(&k, 0x3a, &o);
    assert_true(o.locks_changed);
    assert_int_equal(k.locks, KEYMAP_CAPS | KEYMAP_NUM);
}

static void test_set2(void **state) {
    unused_arg(state);
    keymap_init(&k, "us");
    u8 out;
    assert_true(keymap_from_set2(&k, 0x1c, &out));
    assert_int_equal(out, 0x1e); // a
    assert_false(keymap_from_set2(&k, 0xf0, &out));
    assert_true(keymap_from_set2(&k, 0x1c, &out));
    assert_int_equal(out, 0x9e);
    assert_true(keymap_from_set2(&k, 0xe0, &out));
    assert_int_equal(out, 0xe0);
    assert_true(keymap_from_set2(&k, 0x75, &out));
    assert_int_equal(out, 0x48);             // up
    for (u32 code = 1; code < 256; code++) { // no code leads astray
        struct keymap_out o;
        keymap_input(&k, (u8)code, &o);
        assert_true(o.count <= sizeof o.bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_us), cmocka_unit_test(test_de),
                                       cmocka_unit_test(test_special), cmocka_unit_test(test_set2)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
