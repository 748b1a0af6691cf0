// SPDX-License-Identifier: MIT
// ACPI tables: found, checksummed, read; AML only as far as \_S5. Source: ACPI 6.5 ch. 5.
#pragma once
#include <arch/x86_64/cpu.h>
#include <lib/types.h>

// Boot CPU, once, after the direct map exists. 0 or damaged tables: a warning; what is missing
// falls back (one CPU, PIC-less serial polling).
void acpi_init(u64 rsdp_pa);
const void *acpi_find(const char signature[4],
                      size_t *bytes); // borrowed for ever (mapped), checksum good; or null
u32 acpi_cpus(struct acpi_cpu *out, u32 capacity); // enabled CPUs, the boot CPU first
u64 acpi_lapic_pa(void);
struct acpi_ioapic {
    u32 gsi_base;
    u64 pa;
};
u32 acpi_ioapics(struct acpi_ioapic *out, u32 capacity);
void acpi_isa_route(u32 isa_irq, u32 *gsi, bool *level, bool *active_low);
u64 acpi_ecam(u16 segment, u8 *first_bus,
              u8 *last_bus); // MCFG: address of bus 0 of the segment; 0: none
u8 acpi_century_idx(void);   // CMOS register that holds the century; 0: none
bool acpi_has_i8042(void);   // false only if the tables deny it
void acpi_power_off(void);   // \_S5; returns only if it did not work
void acpi_reset(void);       // FADT reset register, if there is one
