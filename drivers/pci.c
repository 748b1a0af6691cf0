// SPDX-License-Identifier: MIT
// Theory: a walk from bus 0 through bridges the firmware has configured. Each bus is visited once
// (a bit per bus), so a bridge that claims its own bus ends the branch. ECAM windows are mapped one
// bus at a time, only for buses that exist.
#include <arch/x86_64/cpu.h>
#include <drivers/pci.h>
#include <io/dev/acpi.h>
#include <kernel/base/lock.h>
#include <kernel/base/log.h>
#include <mm/heap/heap.h>

constexpr u16 PORT_INDEX = 0xcf8, PORT_DATA = 0xcfc;
constexpr u32 CAPABILITIES_MAX = 48; // that fit into 256 bytes
constexpr u32 DEVICES_MAX = 512;
constexpr u8 HEADER_MULTI = 0x80, HEADER_BRIDGE = 1;

static struct pci_config {
    struct spinlock lock; // the port pair
    struct list devices;  // [I] after pci_init
    u32 device_count;
    struct mmio windows[256]; // ECAM, by bus
    u64 seen[4];              // buses visited or waiting
} pci = {.devices = LIST_INIT(pci.devices)};
DECLARE_SPIN_CLASS(pci_config, struct pci_config, lock)

static u32 port_index(const struct pci_device *d, u32 at) {
    return 1u << 31 | (u32)d->bus << 16 | (u32)d->slot << 11 | (u32)d->function << 8 | (at & 0xfc);
}
static size_t window_at(const struct pci_device *d, u32 at) {
    return (size_t)d->slot << 15 | (size_t)d->function << 12 | at;
}

u32 pci_read32(const struct pci_device *d, u32 at) {
    assert(at % 4 == 0 && at < (d->ecam != nullptr ? 4096u : 256u));
    if (d->ecam != nullptr) {
        return mmio_read32(d->ecam, window_at(d, at));
    }
    GUARD(pci_config, &pci);
    io_out32(PORT_INDEX, port_index(d, at));
    return io_in32(PORT_DATA);
}
u16 pci_read16(const struct pci_device *d, u32 at) {
    return (u16)(pci_read32(d, at & ~3u) >> (8 * (at & 2)));
}
u8 pci_read8(const struct pci_device *d, u32 at) {
    return (u8)(pci_read32(d, at & ~3u) >> (8 * (at & 3)));
}

void pci_write32(const struct pci_device *d, u32 at, u32 v) {
    assert(at % 4 == 0 && at < (d->ecam != nullptr ? 4096u : 256u));
    if (d->ecam != nullptr) {
        mmio_write32(d->ecam, window_at(d, at), v);
        return;
    }
    GUARD(pci_config, &pci);
    io_out32(PORT_INDEX, port_index(d, at));
    io_out32(PORT_DATA, v);
}
void pci_write16(const struct pci_device *d, u32 at, u16 v) {
    assert(at % 2 == 0 && at < (d->ecam != nullptr ? 4096u : 256u));
    if (d->ecam != nullptr) {
        mmio_write16(d->ecam, window_at(d, at), v);
        return;
    }
    GUARD(pci_config, &pci);
    io_out32(PORT_INDEX, port_index(d, at));
    io_out16((u16)(PORT_DATA + (at & 2)), v);
}

u32 pci_capability_find(const struct pci_device *d, u8 id, u32 after) {
    constexpr u16 STATUS_HAS_LIST = 1 << 4;
    if ((pci_read16(d, PCI_STATUS) & STATUS_HAS_LIST) == 0) {
        return 0;
    }
    bool past = after == 0;
    u32 at = pci_read8(d, PCI_CAPABILITIES) & 0xfc;
    for (u32 i = 0; i < CAPABILITIES_MAX && at >= 0x40; i++) {
        if (past && pci_read8(d, at) == id) {
            return at;
        }
        past = past || at == after;
        at = pci_read8(d, at + 1) & 0xfc;
    }
    return 0;
}

// Writing ones to a BAR and reading back tells its size; decoding is off meanwhile.
err_t pci_bar_read(const struct pci_device *d, u32 idx, struct pci_bar *out) {
    if (idx > 5) {
        return ERR_INVAL;
    }
    u32 at = PCI_BAR0 + 4 * idx;
    u32 low = pci_read32(d, at);
    bool io = (low & 1) != 0, wide = !io && (low & 6) == 4;
    if (wide && idx == 5) {
        return ERR_INVAL;
    }
    u32 high = wide ? pci_read32(d, at + 4) : 0;
    u16 command = pci_read16(d, PCI_COMMAND);
    pci_write16(d, PCI_COMMAND, (u16)(command & ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY)));
    pci_write32(d, at, ~0u);
    u32 low_mask = pci_read32(d, at), high_mask = ~0u;
    pci_write32(d, at, low);
    if (wide) {
        pci_write32(d, at + 4, ~0u);
        high_mask = pci_read32(d, at + 4);
        pci_write32(d, at + 4, high);
    }
    pci_write16(d, PCI_COMMAND, command);
    u32 flag_bits = io ? 3 : 15;
    if (low_mask == 0) {
        return ERR_NXIO;
    }
    u64 mask = (u64)high_mask << 32 | (low_mask & ~flag_bits);
    struct pci_bar bar = {(u64)high << 32 | (low & ~flag_bits), ~mask + 1, io};
    if (io) {
        bar.bytes &= 0xffff;
    }
    if (bar.pa == 0 || bar.bytes == 0) {
        return ERR_NXIO;
    }
    *out = bar;
    return ERR_OK;
}

err_t pci_bar_map(const struct pci_device *d, u32 idx, u64 at, u64 bytes, struct mmio *out) {
    struct pci_bar bar = {};
    TRY(pci_bar_read(d, idx, &bar));
    u64 end;
    if (bar.io || __builtin_add_overflow(at, bytes, &end) || end > bar.bytes) {
        return ERR_INVAL;
    }
    return mmio_map((struct pa){bar.pa + at}, bytes, false, out);
}

void pci_enable(const struct pci_device *d) {
    pci_write16(d, PCI_COMMAND,
                (u16)(pci_read16(d, PCI_COMMAND) | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
                      PCI_COMMAND_NO_INTX));
}

// ---- finding devices

static void bus_note(u8 bus) { pci.seen[bus / 64] |= (u64)1 << (bus % 64); }
static bool bus_noted(u8 bus) { return (pci.seen[bus / 64] >> (bus % 64) & 1) != 0; }

static void device_add(const struct pci_device *probe, u32 id) {
    struct pci_device *d = nullptr;
    if (pci.device_count == DEVICES_MAX || heap_new(&d) != ERR_OK) {
        log(DEV, WARN, "pci: no room for device %02x:%02x.%u", probe->bus, probe->slot,
            probe->function);
        return;
    }
    *d = *probe;
    u32 class_word = pci_read32(d, PCI_CLASS), subsystem = pci_read32(d, PCI_SUBSYSTEM);
    d->vendor = (u16)id;
    d->device = (u16)(id >> 16);
    d->revision = (u8)class_word;
    d->prog_if = (u8)(class_word >> 8);
    d->subclass = (u8)(class_word >> 16);
    d->class_code = (u8)(class_word >> 24);
    d->subsystem_vendor = (u16)subsystem;
    d->subsystem = (u16)(subsystem >> 16);
    list_push_back(&pci.devices, &d->node);
    pci.device_count++;
    log(DEV, DEBUG, "pci: %02x:%02x.%u id=%04x:%04x class=%02x%02x", d->bus, d->slot, d->function,
        d->vendor, d->device, d->class_code, d->subclass);
}

// One function; returns its header type, or 0xff when nothing answers. *below: bus behind a bridge,
// else 0.
static u8 function_scan(struct pci_device *probe, u8 *below) {
    u32 id = pci_read32(probe, PCI_ID);
    *below = 0;
    if ((u16)id == 0xffff || id == 0) {
        return 0xff;
    }
    u8 header = pci_read8(probe, PCI_HEADER_TYPE);
    if ((header & 0x7f) == HEADER_BRIDGE) {
        *below = pci_read8(probe, PCI_SECONDARY_BUS);
    }
    device_add(probe, id);
    return header;
}

static u32 bus_scan(u8 bus, const struct mmio *ecam, u8 *found, u32 capacity) {
    u32 count = 0;
    for (u8 slot = 0; slot < 32; slot++) {
        u8 functions = 1;
        for (u8 function = 0; function < functions; function++) {
            struct pci_device probe = {.bus = bus, .slot = slot, .function = function};
            u8 below;
            probe.ecam = ecam;
            u8 header = function_scan(&probe, &below);
            if (function == 0 && header != 0xff && (header & HEADER_MULTI) != 0) {
                functions = 8;
            }
            if (below != 0 && !bus_noted(below) && count < capacity) {
                bus_note(below);
                found[count++] = below;
            }
        }
    }
    return count;
}

void pci_init(void) {
    u8 first = 0, last = 0, waiting[256] = {};
    u64 pa = acpi_ecam(0, &first, &last);
    u32 count = 1, buses = 0;
    bus_note(0);
    while (count > 0) {
        u8 bus = waiting[--count];
        const struct mmio *ecam = nullptr;
        if (pa != 0 && bus >= first && bus <= last &&
            mmio_map((struct pa){pa + MIB(bus)}, MIB(1), false, &pci.windows[bus]) == ERR_OK) {
            ecam = &pci.windows[bus];
        }
        buses++;
        count += bus_scan(bus, ecam, waiting + count, 256 - count);
    }
    log(DEV, INFO, "pci: devices=%u buses=%u ecam=%s", pci.device_count, buses,
        pa != 0 ? "yes" : "no");
}

struct pci_device *pci_next(const struct pci_device *after) {
    struct list *n = after == nullptr ? pci.devices.next : after->node.next;
    return n == &pci.devices ? nullptr : list_entry(n, struct pci_device, node);
}
