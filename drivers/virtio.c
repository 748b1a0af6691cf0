// SPDX-License-Identifier: MIT
// Theory: a modern device names four register areas through vendor capabilities, each "BAR, offset,
// length". They are checked against the BAR and mapped; everything after that is bounded by the
// windows. Status goes RESET, ACKNOWLEDGE, DRIVER, FEATURES_OK (which the device may refuse),
// DRIVER_OK.
#include <arch/x86_64/cpu.h>
#include <drivers/virtio.h>
#include <kernel/base/log.h>
#include <lib/mem.h>

enum capability_type : u8 { AREA_COMMON = 1, AREA_NOTIFY = 2, AREA_ISR = 3, AREA_DEVICE = 4 };
enum common_register : u8 {
    COMMON_OFFER_SELECT = 0,
    COMMON_OFFER = 4,
    COMMON_ACCEPT_SELECT = 8,
    COMMON_ACCEPT = 12,
    COMMON_CONFIG_VECTOR = 16,
    COMMON_STATUS = 20,
    COMMON_GENERATION = 21,
};
enum status_bits : u8 {
    STATUS_ACKNOWLEDGE = 1,
    STATUS_DRIVER = 2,
    STATUS_DRIVER_OK = 4,
    STATUS_FEATURES_OK = 8,
    STATUS_FAILED = 128
};
constexpr size_t COMMON_BYTES = 56;
constexpr u32 CAPABILITIES_MAX = 16, RESET_MS_MAX = 1000, CONFIG_TRIES_MAX = 8;
constexpr u16 NO_VECTOR = 0xffff;
constexpr u64 AREA_BYTES_MAX = MIB(1);

static void area_take(struct virtio_device *d, u32 cap) {
    u8 type = pci_read8(d->pci, cap + 3), bar = pci_read8(d->pci, cap + 4);
    u64 at = pci_read32(d->pci, cap + 8);
    u64 bytes = MIN((u64)pci_read32(d->pci, cap + 12), AREA_BYTES_MAX);
    struct mmio *into = type == AREA_COMMON   ? &d->common
                        : type == AREA_NOTIFY ? &d->notify
                        : type == AREA_ISR    ? &d->isr
                        : type == AREA_DEVICE ? &d->config
                                              : nullptr;
    if (into == nullptr || into->base != nullptr) {
        return; // of no use, or offered twice: the first one counts
    }
    err_t err = pci_bar_map(d->pci, bar, at, bytes, into);
    if (err != ERR_OK) {
        log(DEV, WARN, "virtio: register area type=%u is not usable err=%d", type, err);
    } else if (type == AREA_NOTIFY) {
        d->notify_multiplier = pci_read32(d->pci, cap + 16);
    }
}

static err_t areas_find(struct virtio_device *d) {
    u32 cap = 0;
    for (u32 i = 0; i < CAPABILITIES_MAX; i++) {
        cap = pci_capability_find(d->pci, PCI_CAP_VENDOR, cap);
        if (cap == 0 || cap > 256 - 20) {
            break;
        }
        area_take(d, cap);
    }
    bool good = d->common.bytes >= COMMON_BYTES && d->notify.bytes >= 2;
    return good ? ERR_OK : ERR_NODEV;
}

static void status_add(const struct virtio_device *d, u8 bits) {
    mmio_write8(&d->common, COMMON_STATUS, mmio_read8(&d->common, COMMON_STATUS) | bits);
}

static err_t reset(const struct virtio_device *d) {
    mmio_write8(&d->common, COMMON_STATUS, 0);
    for (u32 ms = 0; ms < RESET_MS_MAX; ms++) {
        if (mmio_read8(&d->common, COMMON_STATUS) == 0) {
            return ERR_OK;
        }
        cpu_delay_us(1000);
    }
    return ERR_IO;
}

static u64 features_offered(const struct virtio_device *d) {
    mmio_write32(&d->common, COMMON_OFFER_SELECT, 0);
    u64 low = mmio_read32(&d->common, COMMON_OFFER);
    mmio_write32(&d->common, COMMON_OFFER_SELECT, 1);
    return low | (u64)mmio_read32(&d->common, COMMON_OFFER) << 32;
}

static err_t features_agree(struct virtio_device *d, u64 needed, u64 wanted) {
    u64 offered = features_offered(d);
    needed |= VIRTIO_F_VERSION_1;
    if ((offered & needed) != needed) {
        return ERR_OPNOTSUPP;
    }
    d->features = offered & (needed | wanted);
    for (u32 half = 0; half < 2; half++) {
        mmio_write32(&d->common, COMMON_ACCEPT_SELECT, half);
        mmio_write32(&d->common, COMMON_ACCEPT, (u32)(d->features >> (32 * half)));
    }
    status_add(d, STATUS_FEATURES_OK);
    bool agreed = (mmio_read8(&d->common, COMMON_STATUS) & STATUS_FEATURES_OK) != 0;
    return agreed ? ERR_OK : ERR_OPNOTSUPP;
}

err_t virtio_open(struct pci_device *pci, u64 needed, u64 wanted, struct virtio_device *out) {
    struct virtio_device d = {.pci = pci};
    TRY(areas_find(&d));
    pci_enable(pci);
    TRY(reset(&d));
    status_add(&d, STATUS_ACKNOWLEDGE);
    status_add(&d, STATUS_DRIVER);
    err_t err = features_agree(&d, needed, wanted);
    if (err != ERR_OK) {
        virtio_fail(&d);
        return err;
    }
    mmio_write16(&d.common, COMMON_CONFIG_VECTOR, NO_VECTOR);
    *out = d;
    return ERR_OK;
}

void virtio_ready(struct virtio_device *d) { status_add(d, STATUS_DRIVER_OK); }
void virtio_fail(struct virtio_device *d) { status_add(d, STATUS_FAILED); }

err_t virtio_config_read(struct virtio_device *d, size_t at, void *buf, size_t bytes) {
    if (at > d->config.bytes || bytes > d->config.bytes - at) {
        return ERR_INVAL;
    }
    u8 *to = buf;
    for (u32 i = 0; i < CONFIG_TRIES_MAX; i++) {
        u8 generation = mmio_read8(&d->common, COMMON_GENERATION);
        for (size_t k = 0; k < bytes; k++) {
            to[k] = mmio_read8(&d->config, at + k);
        }
        if (mmio_read8(&d->common, COMMON_GENERATION) == generation) {
            return ERR_OK;
        }
    }
    return ERR_IO;
}
