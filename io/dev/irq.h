// SPDX-License-Identifier: MIT
// Interrupts of devices: legacy/ISA lines through the IOAPIC, message-signalled ones by vector.
#pragma once
#include <lib/types.h>

void irq_init(void); // IOAPICs from the ACPI MADT
// The handler runs with interrupts off. Errors: ERR_BUSY, ERR_NOMEM (no vector).
err_t irq_register_isa(u32 isa_irq, void (*fn)(void *arg), void *arg);  // edge/level from MADT overrides; shares a line
err_t irq_register_gsi(u32 gsi, bool level, bool active_low, void (*fn)(void *arg), void *arg);
struct irq_message { u64 address; u32 data; }; // for MSI/MSI-X table entries
err_t irq_register_message(u32 cpu_idx, void (*fn)(void *arg), void *arg, struct irq_message *out);
u64 irq_count(u32 vector); // /proc/interrupts, /proc/stat
u64 irq_total(void);
