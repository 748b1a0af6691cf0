// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants the headers above first
#include <cmocka.h>
#include <lib/partitions.h>

constexpr u64 SECTORS = 256;
static u8 disk[SECTORS * 512];
static u8 scratch[PARTITION_SCRATCH_BYTES];
static struct partition_table table;

static err_t read_disk(void *arg, u64 sector, void *buf, u32 count) {
    (void)arg;
    assert_true(sector < SECTORS && count <= SECTORS - sector);
    assert_true((size_t)count * 512 <= sizeof scratch);
    memcpy(buf, disk + sector * 512, (size_t)count * 512);
    return ERR_OK;
}
static const struct partition_reader reader = {.sectors = SECTORS, .read = read_disk};

static u32 crc(const u8 *p, size_t n) { // the polynomial division as written in the standard
    u32 c = 0xffffffff;
    for (size_t i = 0; i < n * 8; i++) {
        u32 bit = (u32)(p[i / 8] >> (i % 8)) & 1;
        c = (c & 1) != bit ? c >> 1 ^ 0xedb88320 : c >> 1;
    }
    return ~c;
}
static void put(u8 *p, u64 v, int bytes) {
    for (int i = 0; i < bytes; i++) {
        p[i] = (u8)(v >> (8 * i));
    }
}

static void write_copy(u64 header_at, u64 entries_at) {
    u8 *e = disk + entries_at * 512;
    memset(e, 0, 128 * 128);
    memset(e, 0xab, 16);
    put(e + 32, 34, 8);
    put(e + 40, 99, 8);
    memset(e + 256, 0xcd, 16); // entry 3
    put(e + 256 + 32, 100, 8);
    put(e + 256 + 40, 199, 8);
    u8 *h = disk + header_at * 512;
    memset(h, 0, 512);
    memcpy(h, "EFI PART", 8);
    put(h + 8, 0x10000, 4);
    put(h + 12, 92, 4);
    put(h + 24, header_at, 8);
    put(h + 72, entries_at, 8);
    put(h + 80, 128, 4);
    put(h + 84, 128, 4);
    put(h + 88, crc(e, 128 * 128), 4);
    put(h + 16, crc(h, 92), 4);
}

static void make_gpt(void) {
    memset(disk, 0, sizeof disk);
    disk[510] = 0x55;
    disk[511] = 0xaa;
    disk[446 + 4] = 0xee;
    put(disk + 446 + 8, 1, 4);
    put(disk + 446 + 12, SECTORS - 1, 4);
    write_copy(1, 2);
    write_copy(SECTORS - 1, SECTORS - 33);
}

static void expect_two(void) {
    assert_int_equal(partition_table_read(&reader, scratch, &table), ERR_OK);
    assert_int_equal(table.kind, PARTITIONS_GPT);
    assert_int_equal(table.count, 2);
    assert_int_equal(table.parts[0].number, 1);
    assert_int_equal(table.parts[0].first_sector, 34);
    assert_int_equal(table.parts[0].sectors, 66);
    assert_int_equal(table.parts[1].number, 3);
    assert_int_equal(table.parts[1].type_guid[0], 0xcd);
}

static void test_gpt(void **state) {
    (void)state;
    make_gpt();
    expect_two();
    assert_false(table.from_backup);
    assert_null(table.damage);
}

static void test_backup(void **state) {
    (void)state;
    static const size_t damaged[] = {512, 512 + 60, 1024 + 5, 512 + 90};
    for (size_t i = 0; i < countof(damaged); i++) {
        make_gpt();
        disk[damaged[i]] ^= 0x40;
        expect_two();
        assert_true(table.from_backup);
        assert_non_null(table.damage);
        disk[(SECTORS - 1) * 512 + 20] ^= 1; // reserved, but under the checksum
        assert_int_equal(partition_table_read(&reader, scratch, &table), ERR_OK);
        assert_int_equal(table.kind, PARTITIONS_NONE);
        assert_int_equal(table.count, 0);
        assert_non_null(table.damage);
    }
}

static void test_mbr(void **state) {
    (void)state;
    memset(disk, 0, sizeof disk);
    assert_int_equal(partition_table_read(&reader, scratch, &table), ERR_OK);
    assert_int_equal(table.kind, PARTITIONS_NONE);
    assert_null(table.damage);
    disk[510] = 0x55;
    disk[511] = 0xaa;
    disk[446] = 0x80;
    disk[446 + 4] = 0x83;
    put(disk + 446 + 8, 10, 4);
    put(disk + 446 + 12, 20, 4);
    disk[462 + 4] = 0x83; // reaches past the end
    put(disk + 462 + 8, 250, 4);
    put(disk + 462 + 12, 20, 4);
    assert_int_equal(partition_table_read(&reader, scratch, &table), ERR_OK);
    assert_int_equal(table.kind, PARTITIONS_MBR);
    assert_int_equal(table.count, 1);
    assert_int_equal(table.parts[0].first_sector, 10);
    assert_non_null(table.damage);
}

// Any damage gives an answer, and what it names lies on the disk.
static void test_random_damage(void **state) {
    (void)state;
    srand(1);
    for (int round = 0; round < 2000; round++) {
        make_gpt();
        for (int n = rand() % 8; n >= 0; n--) {
            disk[(size_t)rand() % (4 * 512)] = (u8)rand();
        }
        if (rand() % 2 == 0) { // a wrong header with a right checksum
            put(disk + 512 + 72 + rand() % 16, (u64)rand(), 2);
            put(disk + 512 + 16, 0, 4);
            put(disk + 512 + 16, crc(disk + 512, 92), 4);
        }
        assert_int_equal(partition_table_read(&reader, scratch, &table), ERR_OK);
        for (u32 i = 0; i < table.count; i++) {
            assert_true(table.parts[i].first_sector + table.parts[i].sectors <= SECTORS);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gpt),
        cmocka_unit_test(test_backup),
        cmocka_unit_test(test_mbr),
        cmocka_unit_test(test_random_damage),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
