// SPDX-License-Identifier: MIT
// ACPI tables as plain structures. Input is a byte range; nothing outside it is touched and no
// length in it is trusted. Errors: ERR_INVAL for whatever is damaged. Pure. Source: ACPI 6.5 ch. 5
// and 20.
#pragma once
#include <lib/types.h>

constexpr size_t ACPI_HEADER_BYTES = 36; // of every table
constexpr size_t ACPI_RSDP_BYTES = 36;   // the longer form; the old one has 20
constexpr u32 ACPI_CPUS_MAX = 256;
constexpr u32 ACPI_IOAPICS_MAX = 16;
constexpr u32 ACPI_OVERRIDES_MAX = 24;
constexpr u32 ACPI_ECAM_MAX = 8;

u8 acpi_sum(const u8 *p, size_t bytes); // 0 for a range whose checksum is good

struct acpi_root {
    u64 rsdt_pa, xsdt_pa; // 0: not there
};
err_t acpi_root_read(const u8 *p, size_t bytes, struct acpi_root *out);

// The length a table's header claims; ERR_INVAL when it is shorter than a header or longer than 16
// MiB.
err_t acpi_table_bytes(const u8 *header, size_t bytes, size_t *out);
// p[0, bytes) is a whole table with a good checksum; its length field says `bytes`.
err_t acpi_table_check(const u8 *p, size_t bytes);
bool acpi_table_is(const u8 *p, size_t bytes, const char signature[4]);
// RSDT (entry_bytes 4) or XSDT (8): how many entries, and each.
u32 acpi_root_count(size_t bytes, u32 entry_bytes);
u64 acpi_root_entry(const u8 *p, size_t bytes, u32 entry_bytes, u32 idx); // 0: past the end

struct acpi_madt {
    u64 lapic_pa;
    bool has_8259; // a PIC that must be masked
    u32 cpu_count, ioapic_count, override_count;
    u32 damaged; // entries that were skipped
    struct acpi_madt_cpu {
        u32 apic_id, acpi_id;
        bool enabled;
    } cpus[ACPI_CPUS_MAX];
    struct acpi_madt_ioapic {
        u32 id, gsi_base;
        u64 pa;
    } ioapics[ACPI_IOAPICS_MAX];
    struct acpi_madt_override {
        u8 isa_irq;
        bool level, active_low;
        u32 gsi;
    } overrides[ACPI_OVERRIDES_MAX];
};
// Does not fail on damaged entries: they are counted and skipped. Errors: ERR_INVAL (not a MADT).
err_t acpi_madt_read(const u8 *p, size_t bytes, struct acpi_madt *out);
// Where an ISA line arrives: overrides, else the same number, edge, active high.
void acpi_madt_route(const struct acpi_madt *m, u32 isa_irq, u32 *gsi, bool *level, bool *low);

struct acpi_mcfg {
    u32 count;
    struct acpi_ecam_range {
        u64 pa; // of bus 0 of the segment
        u16 segment;
        u8 first_bus, last_bus;
    } ranges[ACPI_ECAM_MAX];
};
err_t acpi_mcfg_read(const u8 *p, size_t bytes, struct acpi_mcfg *out);

enum acpi_space : u8 { ACPI_SPACE_MEMORY = 0, ACPI_SPACE_IO = 1, ACPI_SPACE_PCI = 2 };
struct acpi_register { // address 0: absent
    enum acpi_space space;
    u8 bits;
    u64 address;
};
struct acpi_fadt {
    u64 dsdt_pa;
    u32 smi_command_port;
    u8 acpi_enable, acpi_disable;
    struct acpi_register pm1a_control, pm1b_control, reset;
    u8 reset_value;
    u8 century_idx;    // CMOS register of the century, 0: none
    bool reset_usable; // flag RESET_REG_SUP
    bool hardware_reduced;
    bool i8042_present; // IA-PC boot flags; true when the table is too old to tell
    bool msi_forbidden;
};
err_t acpi_fadt_read(const u8 *p, size_t bytes, struct acpi_fadt *out);

// Finds the package of \_S5 in a DSDT or SSDT (whole table): the values for SLP_TYP of PM1a and
// PM1b. Errors: ERR_NOENT.
err_t acpi_find_s5(const u8 *p, size_t bytes, u8 *type_a, u8 *type_b);
