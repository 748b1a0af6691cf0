// SPDX-License-Identifier: MIT
// MSI-X and MSI. Source: PCI Local Bus 3.0 §6.8.
#include <drivers/pci.h>
#include <io/dev/irq.h>
#include <kernel/base/cmdline.h>

constexpr size_t ENTRY_BYTES = 16;
constexpr u16 MSIX_ENABLE = 1 << 15, MSIX_MASK_ALL = 1 << 14, MSIX_COUNT_MASK = 0x7ff;
constexpr u16 MSI_ENABLE = 1, MSI_COUNT_MASK = 7 << 4, MSI_WIDE = 1 << 7;

static err_t msix_table_map(struct pci_device *d, u32 cap, u32 count) {
    if (d->msix_table.base != nullptr) {
        return ERR_OK;
    }
    u32 where = pci_read32(d, cap + 4);
    TRY(pci_bar_map(d, where & 7, where & ~7u, count * ENTRY_BYTES, &d->msix_table));
    for (u32 i = 0; i < count; i++) {
        mmio_write32(&d->msix_table, i * ENTRY_BYTES + 12, 1); // masked
    }
    return ERR_OK;
}

static err_t msix_set(struct pci_device *d, u32 cap, const struct pci_message *m) {
    u16 control = pci_read16(d, cap + 2);
    u32 count = (control & MSIX_COUNT_MASK) + 1u;
    struct irq_message message = {};
    if (m->entry >= count) {
        return ERR_INVAL;
    }
    TRY(msix_table_map(d, cap, count));
    TRY(irq_register_message(m->cpu_idx, m->fn, m->arg, &message));
    size_t at = m->entry * ENTRY_BYTES;
    mmio_write64(&d->msix_table, at, message.address);
    mmio_write32(&d->msix_table, at + 8, message.data);
    mmio_write32(&d->msix_table, at + 12, 0);
    pci_write16(d, cap + 2, (u16)((control | MSIX_ENABLE) & ~MSIX_MASK_ALL));
    return ERR_OK;
}

static err_t msi_set(struct pci_device *d, u32 cap, const struct pci_message *m) {
    u16 control = pci_read16(d, cap + 2);
    struct irq_message message = {};
    if (m->entry != 0) {
        return ERR_INVAL;
    }
    TRY(irq_register_message(m->cpu_idx, m->fn, m->arg, &message));
    bool wide = (control & MSI_WIDE) != 0;
    pci_write32(d, cap + 4, (u32)message.address);
    if (wide) {
        pci_write32(d, cap + 8, (u32)(message.address >> 32));
    }
    pci_write16(d, cap + (wide ? 12 : 8), (u16)message.data);
    pci_write16(d, cap + 2, (u16)((control & ~MSI_COUNT_MASK) | MSI_ENABLE));
    return ERR_OK;
}

err_t pci_message_set(struct pci_device *d, const struct pci_message *m) {
    if (cmdline_has(
            "safe")) { // the loader's entry for machines that do not get further: drivers poll
        return ERR_NODEV;
    }
    u32 cap = pci_capability_find(d, PCI_CAP_MSIX, 0);
    if (cap != 0) {
        return msix_set(d, cap, m);
    }
    cap = pci_capability_find(d, PCI_CAP_MSI, 0);
    return cap != 0 ? msi_set(d, cap, m) : ERR_NODEV;
}
