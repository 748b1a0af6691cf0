// SPDX-License-Identifier: MIT
#include <lib/line/line.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka needs the headers above first
#include <cmocka.h>

static struct line l;
static char echoed[16384];
static size_t echoed_bytes;

static void echo(void *arg, const char *bytes, size_t n) {
    unused_arg(arg);
    assert_true(echoed_bytes + n < sizeof echoed);
    memcpy(echoed + echoed_bytes, bytes, n);
    echoed_bytes += n;
    echoed[echoed_bytes] = 0;
}

static int setup(void **state) {
    unused_arg(state);
    line_init(&l, echo, nullptr);
    echoed_bytes = 0;
    echoed[0] = 0;
    return 0;
}

static void type(const char *s) {
    assert_int_equal(line_input(&l, (const u8 *)s, strlen(s)), strlen(s));
    assert_int_equal(line_check(&l), 0);
}

static void expect_read(const char *s, bool over) {
    u8 buf[256] = {};
    bool ended;
    size_t n = line_read(&l, buf, sizeof buf - 1, &ended);
    assert_string_equal((char *)buf, s);
    assert_int_equal(n, strlen(s));
    assert_int_equal(ended, over);
}

static void flags(u32 lflag_off, u32 lflag_on) {
    struct tty_termios t = l.termios;
    t.lflag = (t.lflag & ~lflag_off) | lflag_on;
    line_set(&l, &t);
}

static void test_line(void **state) {
    unused_arg(state);
    type("abc");
    assert_int_equal(line_available(&l), 0);
    type("\r");
    assert_int_equal(line_available(&l), 4);
    type("next\n");
    expect_read("abc\n", true);
    expect_read("next\n", true);
    assert_string_equal(echoed, "abc\r\nnext\r\n");
}

static void test_erase(void **state) {
    unused_arg(state);
    type("ab\x7f\x7f\x7fx\n");
    expect_read("x\n", true);
    assert_string_equal(echoed, "ab\b \b\b \bx\r\n");
}

static void test_erase_utf8(void **state) {
    unused_arg(state);
    type("a\xc3\xa4\x7f\xe4\xb8\xad\x7f\n"); // a narrow and a wide character
    expect_read("a\n", true);
    assert_string_equal(echoed, "a\xc3\xa4\b \b\xe4\xb8\xad\b \b\b \b\r\n");
}

static void test_erase_tab_and_control(void **state) {
    unused_arg(state);
    type("ab\t\x7f");
    assert_string_equal(echoed, "ab\t\b \b\b \b\b \b\b \b\b \b\b \b");
    echoed_bytes = 0;
    type("\x16\x03\x7f"); // literal ^C
    assert_string_equal(echoed, "^\b^C\b \b\b \b");
    type("\n");
    expect_read("ab\n", true);
    assert_int_equal(line_take_signals(&l), 0);
}

static void test_words_and_kill(void **state) {
    unused_arg(state);
    type("one two  \x17three\n");
    expect_read("one three\n", true);
    type("rubbish\x15good\n");
    expect_read("good\n", true);
}

static void test_eof(void **state) {
    unused_arg(state);
    type("\x04");
    assert_int_equal(line_available(&l), 1);
    assert_int_equal(line_queued(&l), 0);
    expect_read("", true);
    type("part\x04");
    expect_read("part", true);
    type("abc\x04");
    u8 buf[3];
    bool over;
    assert_int_equal(line_read(&l, buf, 3, &over), 3);
    assert_true(over);
    assert_int_equal(line_available(&l), 0); // the mark went with the full buffer
}

static void test_signals(void **state) {
    unused_arg(state);
    type("lost\x03");
    assert_int_equal(line_take_signals(&l), LINE_INTR);
    assert_int_equal(line_take_signals(&l), 0);
    assert_string_equal(echoed, "lost^C");
    type("\x1c\x1a");
    assert_int_equal(line_take_signals(&l), LINE_QUIT | LINE_SUSP);
    type("\n");
    expect_read("\n", true);
    flags(0, TTY_NOFLSH);
    type("kept\x03\n");
    expect_read("kept\n", true);
    flags(TTY_ISIG, 0);
    type("\x03\n");
    expect_read("\x03\n", true);
}

static void test_flow(void **state) {
    unused_arg(state);
    type("\x13");
    assert_true(l.stopped);
    type("\x11");
    assert_false(l.stopped);
    type("\x13\x03");
    assert_false(l.stopped);
    struct tty_termios t = l.termios;
    t.iflag &= ~(u32)TTY_IXON;
    line_set(&l, &t);
    type("\x13\n");
    expect_read("\x13\n", true);
}

static void test_raw(void **state) {
    unused_arg(state);
    type("half");
    flags(TTY_ICANON | TTY_ECHO, 0);
    assert_int_equal(line_available(&l), 4); // typed before the switch
    type("\x04\x7f");
    expect_read("half\x04\x7f", false);
    type("left");
    flags(0, TTY_ICANON);
    expect_read("left", true);
}

static void test_no_echo(void **state) {
    unused_arg(state);
    flags(TTY_ECHO, TTY_ECHONL);
    type("pw\n");
    assert_string_equal(echoed, "\r\n");
}

static void test_reprint_and_newlines(void **state) {
    unused_arg(state);
    type("abc\x12");
    assert_string_equal(echoed, "abc^R\r\nabc");
    struct tty_termios t = l.termios;
    t.iflag = (t.iflag & ~(u32)TTY_ICRNL) | TTY_IGNCR | TTY_INLCR;
    line_set(&l, &t);
    type("\r\n");
    assert_int_equal(line_available(&l), 0); // newline became a return
}

static void test_full(void **state) {
    unused_arg(state);
    flags(TTY_ECHO, 0);
    static u8 many[5000];
    memset(many, 'x', sizeof many);
    assert_int_equal(line_input(&l, many, sizeof many),
                     sizeof many); // no reader can help: the rest is dropped
    type("\n");
    assert_int_equal(line_available(&l), LINE_BYTES);
    assert_int_equal(line_input(&l, many, 10), 0); // now one can
    assert_int_equal(line_input(&l, (const u8 *)"\x03", 1), 1);
    assert_int_equal(line_take_signals(&l), LINE_INTR);
    assert_int_equal(line_available(&l), 0);
    flags(TTY_ICANON, 0);
    size_t n = line_input(&l, many, sizeof many);
    assert_true(n >= LINE_BYTES - 1 && n < sizeof many);
    u8 out[100];
    bool over;
    assert_int_equal(line_read(&l, out, sizeof out, &over), sizeof out);
    assert_true(line_input(&l, many, 50) == 50);
}

static void test_output(void **state) {
    unused_arg(state);
    char out[64] = {};
    size_t used;
    size_t n = line_output(&l, (const u8 *)"a\tb\n", 4, out, sizeof out, &used);
    assert_int_equal(used, 4);
    assert_int_equal(n, 5);
    assert_string_equal(out, "a\tb\r\n");
    struct tty_termios t = l.termios;
    t.oflag = TTY_OPOST | TTY_XTABS | TTY_OCRNL;
    line_set(&l, &t);
    memset(out, 0, sizeof out);
    line_output(&l, (const u8 *)"a\tb\r", 4, out, sizeof out, &used);
    assert_string_equal(out, "a       b\n");
    n = line_output(&l, (const u8 *)"0123456789", 10, out, 10, &used);
    assert_true(used == n && n < 10); // stops while a tab would still fit
    t.oflag = 0;
    line_set(&l, &t);
    assert_int_equal(line_output(&l, (const u8 *)"x\n", 2, out, 2, &used), 2);
}

#define T(f) cmocka_unit_test_setup(f, setup)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(test_line),
        T(test_erase),
        T(test_erase_utf8),
        T(test_erase_tab_and_control),
        T(test_words_and_kill),
        T(test_eof),
        T(test_signals),
        T(test_flow),
        T(test_raw),
        T(test_no_echo),
        T(test_reprint_and_newlines),
        T(test_full),
        T(test_output),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
