// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
// cmocka wants the headers above first
#include <cmocka.h>
#include <lib/path.h>

static void expect(const char *path, const char *parts, bool slash) {
    const char *rest = path;
    char got[256] = "";
    struct path_part part;
    for (;;) {
        path_next(&rest, &part);
        if (part.len == 0) {
            break;
        }
        strncat(got, part.bytes, part.len);
        strcat(got, "|");
        if (part.last) {
            break;
        }
    }
    assert_string_equal(got, parts);
    assert_int_equal(part.trailing_slash && part.len != 0, slash);
}

static void test_next(void **state) {
    (void)state;
    expect("", "", false);
    expect("/", "", false);
    expect("///", "", false);
    expect("a", "a|", false);
    expect("a/", "a|", true);
    expect("/a//b/./..", "a|b|.|..|", false);
    expect("//usr///lib//", "usr|lib|", true);
}

static void test_moment(void **state) {
    (void)state;
    size_t at = 99;
    assert_true(path_split_moment("note@@-2s", 9, &at));
    assert_int_equal(at, 4);
    assert_true(path_split_moment("a@@1", 4, &at));
    assert_int_equal(at, 1);
    assert_true(path_split_moment("a@@b@@-1h", 9, &at));
    assert_int_equal(at, 4);
    assert_true(path_split_moment("a@@@5", 5, &at)); // the @EPOCH form wants the first pair
    assert_int_equal(at, 1);
    assert_false(path_split_moment("@@-1", 4, &at));
    assert_false(path_split_moment("a@@", 3, &at));
    assert_false(path_split_moment("ab@@", 4, &at));
    assert_false(path_split_moment("foo@bar.service", 15, &at));
    assert_false(path_split_moment("", 0, &at));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_next), cmocka_unit_test(test_moment)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
