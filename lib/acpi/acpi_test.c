// SPDX-License-Identifier: MIT
#include <lib/acpi/tables.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka needs the headers above first
#include <cmocka.h>

static void put32(u8 *p, u32 v) {
    for (u32 i = 0; i < 4; i++) {
        p[i] = (u8)(v >> (8 * i));
    }
}

static void finish(u8 *t, size_t bytes, const char *signature) {
    memcpy(t, signature, 4);
    put32(t + 4, (u32)bytes);
    t[9] = 0;
    t[9] = (u8)-acpi_sum(t, bytes);
}

static void test_root(void **state) {
    unused_arg(state);
    u8 p[36] = "RSD PTR ";
    struct acpi_root r;
    put32(p + 16, 0x7fe1000);
    p[8] = (u8)-acpi_sum(p, 20);
    assert_int_equal(acpi_root_read(p, 20, &r), ERR_OK);
    assert_int_equal(r.rsdt_pa, 0x7fe1000);
    assert_int_equal(r.xsdt_pa, 0);
    assert_int_equal(acpi_root_read(p, 19, &r), ERR_INVAL);
    p[3] ^= 1;
    assert_int_equal(acpi_root_read(p, 20, &r), ERR_INVAL);
}

static void test_header(void **state) {
    unused_arg(state);
    u8 t[44] = {};
    finish(t, sizeof t, "XSDT");
    assert_int_equal(acpi_table_check(t, sizeof t), ERR_OK);
    assert_int_equal(acpi_table_check(t, sizeof t - 1), ERR_INVAL);
    t[40]++;
    assert_int_equal(acpi_table_check(t, sizeof t), ERR_INVAL);
    size_t bytes = 0;
    put32(t + 4, 35);
    assert_int_equal(acpi_table_bytes(t, sizeof t, &bytes), ERR_INVAL);
    put32(t + 4, 0xffffffff);
    assert_int_equal(acpi_table_bytes(t, sizeof t, &bytes), ERR_INVAL);
    assert_int_equal(acpi_root_count(44, 8), 1);
    assert_int_equal(acpi_root_entry(t, 44, 8, 1), 0);
}

static void test_madt(void **state) {
    unused_arg(state);
    u8 t[128] = {};
    static const u8 entries[] = {
        0, 8,   0, 0, 1, 0, 0,    0,                                // CPU 0
        0, 8,   1, 1, 0, 0, 0,    0,                                // CPU 1, disabled
        1, 12,  5, 0, 0, 0, 0xc0, 0xfe, 0,    0, 0, 0,              // IOAPIC
        2, 10,  0, 0, 2, 0, 0,    0,    0,    0,                    // ISA 0 -> GSI 2
        2, 10,  0, 9, 9, 0, 0,    0,    0x0f, 0,                    // ISA 9 level, low
        9, 16,  0, 0, 7, 1, 0,    0,    1,    0, 0, 0, 42, 0, 0, 0, // x2APIC 0x107
        1, 4,   0, 0,                                               // too short
        0, 200,                                                     // beyond the end
    };
    put32(t + 36, 0xfee00000);
    memcpy(t + 44, entries, sizeof entries);
    static struct acpi_madt m;
    assert_int_equal(acpi_madt_read(t, 44 + sizeof entries, &m), ERR_INVAL);
    finish(t, 44 + sizeof entries, "APIC");
    assert_int_equal(acpi_madt_read(t, 44 + sizeof entries, &m), ERR_OK);
    assert_int_equal(m.lapic_pa, 0xfee00000);
    assert_int_equal(m.cpu_count, 2);
    assert_int_equal(m.cpus[1].apic_id, 0x107);
    assert_int_equal(m.cpus[1].acpi_id, 42);
    assert_int_equal(m.ioapic_count, 1);
    assert_int_equal(m.ioapics[0].pa, 0xfec00000);
    assert_int_equal(m.damaged, 2);
    u32 gsi;
    bool level, low;
    acpi_madt_route(&m, 0, &gsi, &level, &low);
    assert_int_equal(gsi, 2);
    assert_false(level);
    acpi_madt_route(&m, 9, &gsi, &level, &low);
    assert_true(gsi == 9 && level && low);
    acpi_madt_route(&m, 4, &gsi, &level, &low);
    assert_true(gsi == 4 && !level && !low);
}

static void test_mcfg_fadt(void **state) {
    unused_arg(state);
    u8 t[276] = {};
    struct acpi_mcfg m;
    put32(t + 44, 0xb0000000);
    t[55] = 255;
    finish(t, 60, "MCFG");
    assert_int_equal(acpi_mcfg_read(t, 60, &m), ERR_OK);
    assert_int_equal(m.count, 1);
    assert_int_equal(m.ranges[0].pa, 0xb0000000);
    assert_int_equal(m.ranges[0].last_bus, 255);
    assert_int_equal(acpi_mcfg_read(t, 59, &m), ERR_OK);
    assert_int_equal(m.count, 0);

    memset(t, 0, sizeof t);
    struct acpi_fadt f;
    put32(t + 40, 0x1000);
    put32(t + 64, 0x604);
    put32(t + 112, 1u << 10);
    t[116] = ACPI_SPACE_IO;
    t[117] = 8;
    put32(t + 120, 0xcf9);
    t[128] = 15;
    finish(t, 244, "FACP");
    assert_int_equal(acpi_fadt_read(t, 244, &f), ERR_OK);
    assert_int_equal(f.pm1a_control.address, 0x604);
    assert_int_equal(f.pm1b_control.address, 0);
    assert_int_equal(f.dsdt_pa, 0x1000);
    assert_true(f.reset_usable && f.reset.address == 0xcf9 && f.reset_value == 15);
    assert_int_equal(acpi_fadt_read(t, 115, &f), ERR_INVAL);
    assert_int_equal(acpi_fadt_read(t, 116, &f), ERR_OK); // revision 1
    assert_false(f.reset_usable);
}

static void test_s5(void **state) {
    unused_arg(state);
    u8 t[80] = {};
    static const u8 plain[] = {0x08, '_', 'S', '5', '_', 0x12, 6, 4, 0x0a, 5, 0x0a, 3, 0, 0};
    static const u8 rooted[] = {0x08, '\\', '_', 'S', '5', '_', 0x12, 6, 4, 0, 1, 0, 0};
    u8 a = 9, b = 9;
    memcpy(t + 40, plain, sizeof plain);
    assert_int_equal(acpi_find_s5(t, sizeof t, &a, &b), ERR_OK);
    assert_true(a == 5 && b == 3);
    assert_int_equal(acpi_find_s5(t, 40 + 11, &a, &b), ERR_NOENT); // cut short
    assert_int_equal(acpi_find_s5(t, 40 + 12, &a, &b), ERR_OK);
    memcpy(t + 40, rooted, sizeof rooted);
    assert_int_equal(acpi_find_s5(t, sizeof t, &a, &b), ERR_OK);
    assert_true(a == 0 && b == 1);
    t[40] = 0x14; // a method of that name is not a package
    assert_int_equal(acpi_find_s5(t, sizeof t, &a, &b), ERR_NOENT);
    assert_int_equal(acpi_find_s5(t, 3, &a, &b), ERR_NOENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_root), cmocka_unit_test(test_header),
        cmocka_unit_test(test_madt), cmocka_unit_test(test_mcfg_fadt),
        cmocka_unit_test(test_s5),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
