// SPDX-License-Identifier: MIT
// Theory: one table for all CPUs, vector -> list of handlers. Lists only grow, so the interrupt
// path walks them without a lock; registering takes irq_table, which also guards the IOAPICs'
// index/data register pairs. A GSI gets its vector with its first handler; further handlers of the
// same line (same trigger mode) share it. Acknowledging (EOI) is done by arch after upcall_irq.
// Source: Intel 82093AA, SDM 3A ch. 11.
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/upcalls.h>
#include <io/dev/acpi.h>
#include <io/dev/irq.h>
#include <io/dev/mmio.h>
#include <kernel/base/entropy.h>
#include <kernel/base/lock.h>
#include <kernel/base/log.h>
#include <mm/heap/heap.h>

constexpr u32 IOAPICS_MAX = 16;
constexpr u32 LINES_MAX = 256; // GSIs that can have a handler at once
constexpr size_t IOAPIC_INDEX = 0x00, IOAPIC_DATA = 0x10, IOAPIC_BYTES = 0x20;
constexpr u32 IOAPIC_VERSION = 1, IOAPIC_ROUTES = 0x10;
constexpr u32 ROUTE_ACTIVE_LOW = 1 << 13, ROUTE_LEVEL = 1 << 15, ROUTE_MASKED = 1 << 16;
constexpr u64 MESSAGE_ADDRESS = 0xfee00000;
constexpr u16 PIC1 = 0x20, PIC2 = 0xa0;

struct handler {
    struct handler *next; // [I] after it is linked
    void (*fn)(void *arg);
    void *arg;
};

static struct irq_table {
    struct spinlock lock;
    struct ioapic {
        struct mmio registers;
        u32 gsi_base, gsi_count;
    } ioapics[IOAPICS_MAX];
    u32 ioapic_count;
    struct line {
        u32 gsi, vector;
        bool level;
    } lines[LINES_MAX] GUARDED_BY(lc_irq_table);
    u32 line_count GUARDED_BY(lc_irq_table);
    u32 vector_next GUARDED_BY(lc_irq_table);
    _Atomic(struct handler *) handlers[256]; // [a] newest first
    _Atomic u64 counts[CPU_MAX][256];        // [a] by the CPU that took it
    _Atomic u64 unclaimed;                   // [a]
} irqs = {.vector_next = IRQ_VECTOR_FIRST};
DECLARE_SPIN_CLASS(irq_table, struct irq_table, lock)

static u32 ioapic_read(const struct ioapic *io, u32 idx) {
    mmio_write32(&io->registers, IOAPIC_INDEX, idx);
    return mmio_read32(&io->registers, IOAPIC_DATA);
}

static void ioapic_write(const struct ioapic *io, u32 idx, u32 v) {
    mmio_write32(&io->registers, IOAPIC_INDEX, idx);
    mmio_write32(&io->registers, IOAPIC_DATA, v);
}

// Moves the PICs' vectors away from the exceptions (a masked PIC can still raise a spurious one),
// then masks them.
static void pic_mask(void) {
    io_out8(PIC1, 0x11);
    io_out8(PIC2, 0x11);
    io_out8(PIC1 + 1, 0x20);
    io_out8(PIC2 + 1, 0x28);
    io_out8(PIC1 + 1, 4);
    io_out8(PIC2 + 1, 2);
    io_out8(PIC1 + 1, 1);
    io_out8(PIC2 + 1, 1);
    io_out8(PIC1 + 1, 0xff);
    io_out8(PIC2 + 1, 0xff);
}

static void ioapic_add(const struct acpi_ioapic *a) {
    struct ioapic *io = &irqs.ioapics[irqs.ioapic_count];
    err_t err = mmio_map((struct pa){a->pa}, IOAPIC_BYTES, false, &io->registers);
    if (err != ERR_OK) {
        log(DEV, WARN, "irq: cannot map an IOAPIC err=%d", err);
        return;
    }
    GUARD(irq_table, &irqs);
    io->gsi_base = a->gsi_base;
    io->gsi_count = ((ioapic_read(io, IOAPIC_VERSION) >> 16) & 0xff) + 1;
    if (io->gsi_count > 240) { // all ones: nobody answers
        return;
    }
    for (u32 i = 0; i < io->gsi_count; i++) {
        ioapic_write(io, IOAPIC_ROUTES + 2 * i, ROUTE_MASKED);
    }
    irqs.ioapic_count++;
}

void irq_init(void) {
    struct acpi_ioapic list[IOAPICS_MAX] = {};
    u32 count = acpi_ioapics(list, IOAPICS_MAX);
    pic_mask();
    for (u32 i = 0; i < count; i++) {
        ioapic_add(&list[i]);
    }
    if (irqs.ioapic_count == 0) {
        log(DEV, WARN, "irq: no IOAPIC, ISA devices are polled");
    }
}

static err_t vector_take(u32 *out) REQUIRES(lc_irq_table) {
    if (irqs.vector_next == TRAP_INT80) {
        irqs.vector_next++;
    }
    if (irqs.vector_next > IRQ_VECTOR_LAST) {
        return ERR_NOMEM;
    }
    *out = irqs.vector_next++;
    return ERR_OK;
}

static void handler_link(u32 vector, struct handler *h) REQUIRES(lc_irq_table) {
    h->next = irqs.handlers[vector];
    irqs.handlers[vector] = h; // seq_cst: the handler is whole before it can be seen
}

static struct ioapic *ioapic_of(u32 gsi) {
    for (u32 i = 0; i < irqs.ioapic_count; i++) {
        struct ioapic *io = &irqs.ioapics[i];
        if (gsi >= io->gsi_base && gsi - io->gsi_base < io->gsi_count) {
            return io;
        }
    }
    return nullptr;
}

static err_t line_attach(u32 gsi, bool level, bool active_low, struct handler *h)
    REQUIRES(lc_irq_table) {
    for (u32 i = 0; i < irqs.line_count; i++) {
        if (irqs.lines[i].gsi == gsi) {
            if (irqs.lines[i].level != level) {
                return ERR_BUSY;
            }
            handler_link(irqs.lines[i].vector, h);
            return ERR_OK;
        }
    }
    const struct ioapic *io = ioapic_of(gsi);
    if (io == nullptr) {
        return ERR_NODEV;
    }
    u32 vector = 0;
    if (irqs.line_count == LINES_MAX) {
        return ERR_NOMEM;
    }
    TRY(vector_take(&vector));
    irqs.lines[irqs.line_count++] = (struct line){gsi, vector, level};
    handler_link(vector, h);
    u32 route = IOAPIC_ROUTES + 2 * (gsi - io->gsi_base);
    u32 apic_id = cpu_by_idx(0)->apic_id;
    u32 mode = (level ? ROUTE_LEVEL : 0) | (active_low ? ROUTE_ACTIVE_LOW : 0);
    ioapic_write(io, route + 1, apic_id << 24);
    ioapic_write(io, route, vector | mode);
    return ERR_OK;
}

err_t irq_register_gsi(u32 gsi, bool level, bool active_low, void (*fn)(void *arg), void *arg) {
    struct handler *h = nullptr;
    TRY(heap_new(&h));
    *h = (struct handler){.fn = fn, .arg = arg};
    irq_table_lock(&irqs);
    err_t err = line_attach(gsi, level, active_low, h);
    irq_table_unlock(&irqs);
    if (err != ERR_OK) {
        heap_free(&h);
    }
    return err;
}

err_t irq_register_isa(u32 isa_irq, void (*fn)(void *arg), void *arg) {
    u32 gsi;
    bool level, active_low;
    acpi_isa_route(isa_irq, &gsi, &level, &active_low);
    return irq_register_gsi(gsi, level, active_low, fn, arg);
}

err_t irq_register_message(u32 cpu_idx, void (*fn)(void *arg), void *arg, struct irq_message *out) {
    struct handler *h = nullptr;
    TRY(heap_new(&h));
    *h = (struct handler){.fn = fn, .arg = arg};
    const struct cpu_local *cpu = cpu_by_idx(cpu_idx);
    // A message's address has room for 8-bit numbers only; the boot CPU always has one.
    u32 apic_id = cpu != nullptr && cpu->apic_id < 255 ? cpu->apic_id : cpu_by_idx(0)->apic_id;
    u32 vector = 0;
    irq_table_lock(&irqs);
    err_t err = vector_take(&vector);
    if (err == ERR_OK) {
        handler_link(vector, h);
    }
    irq_table_unlock(&irqs);
    if (err != ERR_OK) {
        heap_free(&h);
        return err;
    }
    *out = (struct irq_message){MESSAGE_ADDRESS | (u64)apic_id << 12, vector};
    return ERR_OK;
}

void upcall_irq(u32 vector, struct trap_frame *frame) {
    unused_arg(frame);
    assert_lt(vector, 256u);
    irqs.counts[cpu_this()->idx][vector]++;
    const struct handler *h = irqs.handlers[vector];
    if (h == nullptr) {
        u64 n = ++irqs.unclaimed;
        if (n <= 8) {
            log(DEV, WARN, "irq: nobody claims vector=%x", vector);
        }
        return;
    }
    for (; h != nullptr; h = h->next) {
        h->fn(h->arg);
    }
    entropy_add(cpu_tsc());
}

u64 irq_count_on(u32 cpu_idx, u32 vector) {
    return cpu_idx < CPU_MAX && vector < 256 ? irqs.counts[cpu_idx][vector] : 0;
}

u64 irq_count(u32 vector) {
    u64 sum = 0;
    for (u32 cpu = 0; cpu < cpu_count; cpu++) {
        sum += irq_count_on(cpu, vector);
    }
    return sum;
}

bool irq_gsi(u32 vector, u32 *gsi) {
    GUARD(irq_table, &irqs);
    for (u32 i = 0; i < irqs.line_count; i++) {
        if (irqs.lines[i].vector == vector) {
            *gsi = irqs.lines[i].gsi;
            return true;
        }
    }
    return false;
}

u64 irq_total(void) {
    u64 sum = 0;
    for (u32 i = 0; i < 256; i++) {
        sum += irq_count(i);
    }
    return sum;
}
