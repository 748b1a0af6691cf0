// SPDX-License-Identifier: MIT
// PCI devices of segment 0, found once at start. Source: PCI Local Bus 3.0 ch. 6, PCI Express 5.0
// ch. 7.
#pragma once
#include <io/dev/mmio.h>
#include <lib/list.h>
#include <lib/types.h>

enum pci_register : u16 {
    PCI_ID = 0x00,
    PCI_COMMAND = 0x04,
    PCI_STATUS = 0x06,
    PCI_CLASS = 0x08,
    PCI_HEADER_TYPE = 0x0e,
    PCI_BAR0 = 0x10,
    PCI_SECONDARY_BUS = 0x19,
    PCI_SUBSYSTEM = 0x2c,
    PCI_CAPABILITIES = 0x34,
};
enum pci_command : u16 {
    PCI_COMMAND_IO = 1,
    PCI_COMMAND_MEMORY = 2,
    PCI_COMMAND_MASTER = 4,
    PCI_COMMAND_NO_INTX = 1 << 10
};
enum pci_capability : u8 { PCI_CAP_MSI = 0x05, PCI_CAP_VENDOR = 0x09, PCI_CAP_MSIX = 0x11 };

struct pci_device { // [I] after pci_init but for what its one driver changes
    struct list node;
    u8 bus, slot, function;
    u8 class_code, subclass, prog_if, revision;
    u16 vendor, device, subsystem_vendor, subsystem;
    const struct mmio *ecam; // this bus's megabyte; null: ports
    struct mmio msix_table;  // mapped by the first pci_message_set
};
struct pci_bar {
    u64 pa, bytes; // pa is a port number for I/O
    bool io;
};

void pci_init(void); // walks the buses; logs what it found. Sleeps
struct pci_device *
pci_next(const struct pci_device *after); // null starts and ends the walk; borrowed for ever

// Configuration space; at is aligned and below 256 (4096 where ECAM exists). Any context.
u8 pci_read8(const struct pci_device *d, u32 at);
u16 pci_read16(const struct pci_device *d, u32 at);
u32 pci_read32(const struct pci_device *d, u32 at);
void pci_write16(const struct pci_device *d, u32 at, u16 v);
void pci_write32(const struct pci_device *d, u32 at, u32 v);

// Place of the first capability with that id after `after` (0: the first of all); 0: none. Loops in
// the list end.
u32 pci_capability_find(const struct pci_device *d, u8 id, u32 after);

// Where BAR idx (0..5) lies and its size. Errors: ERR_INVAL, ERR_NXIO (not implemented, or not
// placed by firmware).
err_t pci_bar_read(const struct pci_device *d, u32 idx, struct pci_bar *out);
// Maps [at, at + bytes) of a memory BAR. Errors: as above, ERR_INVAL when it does not lie inside.
// Sleeps.
err_t pci_bar_map(const struct pci_device *d, u32 idx, u64 at, u64 bytes, struct mmio *out);
void pci_enable(const struct pci_device *d); // memory decoding and bus mastering on, INTx off

// Message interrupts. MSI-X entry `entry` (MSI: only entry 0) calls fn on CPU cpu_idx. Errors:
// ERR_NODEV (the device has neither), ERR_INVAL (no such entry), ERR_NOMEM. Sleeps.
struct pci_message {
    u32 entry, cpu_idx;
    void (*fn)(void *arg); // interrupts off
    void *arg;
};
err_t pci_message_set(struct pci_device *d, const struct pci_message *m);
