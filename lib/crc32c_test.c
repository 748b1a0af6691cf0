// SPDX-License-Identifier: MIT
#include <lib/crc32c.h>
#include <lib/siphash.h>
#include <setjmp.h>
#include <stdarg.h>
// cmocka needs the headers above first
#include <cmocka.h>
#include <string.h>

static void known_sums(void **state) { // RFC 3720 B.4
    u8 data[32];
    unused_arg(state);
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
    memset(data, 0, sizeof(data));
    assert_int_equal(crc32c(0, data, sizeof(data)), 0x8a9136aa);
    memset(data, 0xff, sizeof(data));
    assert_int_equal(crc32c(0, data, sizeof(data)), 0x62a8ab43);
    assert_int_equal(crc32c(7, nullptr, 0), 7);
}

static void both_ways_agree(void **state) {
    u8 data[300];
    unused_arg(state);
    for (u32 i = 0; i < sizeof(data); i++) {
        data[i] = (u8)(i * 7 + (i >> 3));
    }
    for (u32 len = 0; len < sizeof(data); len++) {
        u32 whole = crc32c(5, data, len);
        assert_int_equal(whole, crc32c_by_table(5, data, len));
        assert_int_equal(whole, crc32c(crc32c(5, data, len / 3), data + len / 3, len - len / 3));
    }
}

static void
siphash_vectors(void **state) { // from the authors' reference: key 00..0f, input 00, 01, …
    static const u64 expected[] = {0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a,
                                   0x85676696d7fb7e2d, 0xcf2794e0277187b7, 0x18765564cd99a68d,
                                   0xcbc9466e58fee3ce, 0xab0200f58b01d137, 0x93f5f5799a932462};
    struct siphash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    u8 data[16];
    unused_arg(state);
    for (u32 i = 0; i < countof(data); i++) {
        data[i] = (u8)i;
    }
    for (u32 len = 0; len < countof(expected); len++) {
        assert_int_equal(siphash(key, data, len), expected[len]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_sums),
                                       cmocka_unit_test(both_ways_agree),
                                       cmocka_unit_test(siphash_vectors)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
