// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
// cmocka wants the headers above first
#include <cmocka.h>
#include <lib/time_words.h>

constexpr u64 NOW = 1785594600 * NS_PER_SEC; // 2026-08-01T14:30:00Z

static void good(const char *text, u64 value, bool relative, bool is_seq) {
    struct time_words w = {};
    assert_int_equal(time_words_parse(text, strlen(text), NOW, &w), ERR_OK);
    assert_true(w.value == value);
    assert_int_equal(w.relative, relative);
    assert_int_equal(w.is_seq, is_seq);
}
static void bad(const char *text) {
    struct time_words w = {};
    assert_int_equal(time_words_parse(text, strlen(text), NOW, &w), ERR_INVAL);
}

static void test_relative(void **state) {
    (void)state;
    good("-10s", NOW - 10 * NS_PER_SEC, true, false);
    good("-5m", NOW - 300 * NS_PER_SEC, true, false);
    good("-2h", NOW - 7200 * NS_PER_SEC, true, false);
    good("-1d", NOW - 86400 * NS_PER_SEC, true, false);
    good("-1w", NOW - 604800 * NS_PER_SEC, true, false);
    good("-1h30m", NOW - 5400 * NS_PER_SEC, true, false);
    good("-1m30", NOW - 90 * NS_PER_SEC, true, false);
    good("-90", NOW - 90 * NS_PER_SEC, true, false);
    good("-999999999999w", 0, true, false);
    bad("-");
    bad("-s");
    bad("-5x");
    bad("-5mm");
    bad("--5m");
    bad("-5m ");
}

static void test_absolute(void **state) {
    (void)state;
    good("2026-08-01T14:30", NOW, false, false);
    good("2026-08-01T14:30:05Z", NOW + 5 * NS_PER_SEC, false, false);
    good("2026-08-01 14:30:00.25", NOW + 250000000, false, false);
    good("2026-08-01", NOW - 52200 * NS_PER_SEC, false, false);
    good("1970-01-01", 0, false, false);
    good("2024-02-29", 1709164800 * NS_PER_SEC, false, false);
    good("@1785594600", NOW, false, false);
    good("@0.5", 500000000, false, false);
    good("#4711", 4711, false, true);
    bad("");
    bad("2026");
    bad("2026-13-01");
    bad("2026-02-29");
    bad("2026-08-01T25:00");
    bad("2026-08-01T14");
    bad("2026-08-01T14:30x");
    bad("2026-08-01T14:30:05.");
    bad("#");
    bad("#x");
    bad("@");
    bad("yesterday");
}

static void test_format(void **state) {
    (void)state;
    static const u64 samples[] = {0, NOW, NOW + 123456789, 951782400 * NS_PER_SEC,
                                  4102444799 * NS_PER_SEC};
    for (size_t i = 0; i < countof(samples); i++) {
        char text[TIME_WORDS_BYTES_MAX];
        size_t len = time_words_format(samples[i], text, sizeof text);
        good(text, samples[i], false, false);
        assert_int_equal(len, 29);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_relative),
                                       cmocka_unit_test(test_absolute),
                                       cmocka_unit_test(test_format)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
