// SPDX-License-Identifier: MIT
// Interrupts of devices: legacy/ISA lines through the IOAPIC, message-signalled ones by vector.
// Handlers are never taken out again. Vectors IRQ_VECTOR_FIRST..IRQ_VECTOR_LAST, without 0x80.
#pragma once
#include <lib/types.h>

constexpr u32 IRQ_VECTOR_FIRST = 0x30, IRQ_VECTOR_LAST = 0xef;

void irq_init(void); // IOAPICs from the ACPI MADT; after kmap_init and heap_init. Masks the PICs
// The handler runs with interrupts off, on any CPU, not twice at once for one line. Errors:
// ERR_BUSY (line in use in another mode), ERR_NOMEM (no vector), ERR_NODEV (no IOAPIC has that
// line: poll instead).
err_t irq_register_isa(u32 isa_irq, void (*fn)(void *arg),
                       void *arg); // edge/level from MADT overrides; shares a line
err_t irq_register_gsi(u32 gsi, bool level, bool active_low, void (*fn)(void *arg), void *arg);
struct irq_message { // for MSI/MSI-X table entries
    u64 address;
    u32 data;
};
err_t irq_register_message(u32 cpu_idx, void (*fn)(void *arg), void *arg, struct irq_message *out);
u64 irq_count(u32 vector); // /proc/interrupts, /proc/stat
u64 irq_count_on(u32 cpu_idx, u32 vector);
u64 irq_total(void);
bool irq_gsi(u32 vector, u32 *gsi); // false: not a line of an IOAPIC
