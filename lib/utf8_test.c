// SPDX-License-Identifier: MIT
#include <lib/utf8.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
// cmocka needs the headers above first
#include <cmocka.h>

static u32 decode(const char *s, u32 *out, u32 capacity) {
    struct utf8 u = {};
    u32 n = 0;
    for (; *s != 0 && n < capacity; s++) {
        u32 code;
        enum utf8_step step = utf8_decode(&u, (u8)*s, &code);
        if (step != UTF8_MORE) {
            out[n++] = code;
        }
        if (step == UTF8_AGAIN) {
            s--;
        }
    }
    return n;
}

static void test_round_trip(void **state) {
    unused_arg(state);
    static const u32 codes[] = {'a',    0x7f,   0x80,   0x7ff,   0x800,
                                0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff};
    for (u32 i = 0; i < countof(codes); i++) {
        char text[5] = {};
        u32 out[4];
        size_t bytes = utf8_encode(codes[i], text);
        assert_int_equal(strlen(text), bytes);
        assert_int_equal(decode(text, out, 4), 1);
        assert_int_equal(out[0], codes[i]);
    }
}

static void test_damaged(void **state) {
    unused_arg(state);
    u32 out[8];
    assert_int_equal(decode("\xc3x", out, 8), 2); // cut short
    assert_true(out[0] == UTF8_REPLACEMENT && out[1] == 'x');
    assert_int_equal(decode("\xc0\x80", out, 8), 2);     // longer than needed
    assert_int_equal(decode("\xed\xa0\x80", out, 8), 3); // surrogate
    assert_int_equal(decode("\xf4\x90\x80\x80z", out, 8), 5);
    assert_int_equal(out[4], 'z');
    assert_int_equal(decode("\xe2\x82\xe2\x82\xac", out, 8), 2);
    assert_true(out[0] == UTF8_REPLACEMENT && out[1] == 0x20ac);
    char text[4];
    assert_int_equal(utf8_encode(0xd800, text), 3);
}

static void test_width(void **state) {
    unused_arg(state);
    assert_int_equal(utf8_width('a'), 1);
    assert_int_equal(utf8_width(0xe4), 1);
    assert_int_equal(utf8_width(0x301), 0);
    assert_int_equal(utf8_width(0x3042), 2);
    assert_int_equal(utf8_width(0x4e2d), 2);
    assert_int_equal(utf8_width(0x1f600), 2);
    assert_int_equal(utf8_width(0x2500), 1);
    assert_int_equal(utf8_width(7), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip),
                                       cmocka_unit_test(test_damaged),
                                       cmocka_unit_test(test_width)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
