// SPDX-License-Identifier: MIT
// virtio 1.x over PCI: finding the registers, features, split queues. Source: OASIS virtio 1.2 ch.
// 2, 3, 4.1. Locks: none inside; the driver serialises calls for one queue. What the device writes
// is checked.
#pragma once
#include <drivers/pci.h>
#include <lib/types.h>

constexpr u16 VIRTIO_VENDOR = 0x1af4;
constexpr u16 VIRTIO_QUEUE_SIZE_MAX = 256; // entries; each of the three rings then fits one page
constexpr u64 VIRTIO_F_INDIRECT = (u64)1 << 28, VIRTIO_F_VERSION_1 = (u64)1 << 32;

struct virtio_descriptor { // as the device reads it
    u64 pa;
    u32 bytes;
    u16 flags, next;
};
static_assert(sizeof(struct virtio_descriptor) == 16);
enum virtio_descriptor_flags : u16 {
    VIRTIO_NEXT = 1,
    VIRTIO_DEVICE_WRITES = 2,
    VIRTIO_INDIRECT = 4
};

struct virtio_device {
    struct pci_device *pci;
    struct mmio common, notify, isr, config; // config may be absent (bytes 0)
    u32 notify_multiplier;
    u64 features; // agreed on
};
struct virtio_queue {
    struct virtio_device *device;
    u16 idx, size;
    volatile struct virtio_descriptor *descriptors;
    volatile u16 *available; // flags, idx, ring[size]
    volatile u8 *used;       // u16 flags, u16 idx, {u32 id, u32 bytes} ring[size]
    size_t notify_at;
    u16 free_head, free_count, available_idx, used_idx;
    bool broken;  // the device broke the rules: nothing is submitted any more
    bool has_irq; // false: poll with virtio_queue_take
    void *tokens[VIRTIO_QUEUE_SIZE_MAX]; // by head descriptor; null: not in flight
};

// Resets the device, agrees on features: `needed` must be offered, of `wanted` what is offered is
// taken. Errors: ERR_NODEV (no modern virtio), ERR_OPNOTSUPP (needed feature missing), ERR_IO,
// ERR_NOMEM. Sleeps.
err_t virtio_open(struct pci_device *pci, u64 needed, u64 wanted, struct virtio_device *out);
// Queue idx with at most size_max entries; its interrupt calls fn on CPU 0. Errors: ERR_NODEV,
// ERR_NOMEM. Sleeps.
err_t virtio_queue_open(struct virtio_device *d, u16 idx, u16 size_max, void (*fn)(void *arg),
                        void *arg, struct virtio_queue *out);
void virtio_ready(struct virtio_device *d); // after the queues: the device may start
void virtio_fail(struct virtio_device *d);  // gives the device up
// Reads the device's own configuration [at, at + bytes) consistently. Errors: ERR_INVAL (outside),
// ERR_IO.
err_t virtio_config_read(struct virtio_device *d, size_t at, void *buf, size_t bytes);

// Offers table[0, count) (descriptors with VIRTIO_DEVICE_WRITES set where due; `next` and
// VIRTIO_NEXT are filled in here). The table stays untouched until the token comes back; it must
// lie in direct-map memory. Uses one ring entry where the device knows indirect tables, else count.
// False: no room now, or broken.
bool virtio_queue_put(struct virtio_queue *q, struct virtio_descriptor *table, u16 count,
                      void *token);
void virtio_queue_notify(struct virtio_queue *q); // tells the device, if it wants to know
// Next finished token, or null. After null look at q->broken.
void *virtio_queue_take(struct virtio_queue *q);
