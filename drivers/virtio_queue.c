// SPDX-License-Identifier: MIT
// Theory: a split queue. Free descriptors form a chain through `next`; a head descriptor names a
// request in flight and has its token. The device's answers carry head numbers: one that names
// nothing in flight, or a used index that runs ahead of what was offered, makes the queue `broken`.
// x86 keeps stores in order, so only the store-then-load before looking at the device's "do not
// notify" flag needs a fence; the compiler is held by volatile and barriers.
#include <arch/x86_64/cpu.h>
#include <drivers/virtio.h>
#include <kernel/base/log.h>
#include <mm/phys/page.h>

enum common_register : u8 {
    COMMON_QUEUE_SELECT = 22,
    COMMON_QUEUE_SIZE = 24,
    COMMON_QUEUE_VECTOR = 26,
    COMMON_QUEUE_ENABLE = 28,
    COMMON_QUEUE_NOTIFY_OFF = 30,
    COMMON_QUEUE_DESCRIPTORS = 32,
    COMMON_QUEUE_AVAILABLE = 40,
    COMMON_QUEUE_USED = 48,
};
constexpr u16 NO_VECTOR = 0xffff, USED_NO_NOTIFY = 1, END = 0xffff;

static err_t ring_page(void **out) {
    struct page *p = nullptr;
    TRY(page_alloc(0, PAGE_ZERO, &p));
    *out = page_ptr(p);
    return ERR_OK;
}

// Pages of a queue that failed to open stay allocated: this happens once at start, on a broken
// device.
static err_t rings_create(struct virtio_queue *q) {
    void *p[3] = {};
    for (u32 i = 0; i < 3; i++) {
        TRY(ring_page(&p[i]));
    }
    q->descriptors = p[0];
    q->available = p[1];
    q->used = p[2];
    for (u16 i = 0; i < q->size; i++) {
        q->descriptors[i].next = (u16)(i + 1 < q->size ? i + 1 : END);
    }
    q->free_count = q->size;
    const struct mmio *c = &q->device->common;
    mmio_write64(c, COMMON_QUEUE_DESCRIPTORS, ptr_to_pa(p[0]).v);
    mmio_write64(c, COMMON_QUEUE_AVAILABLE, ptr_to_pa(p[1]).v);
    mmio_write64(c, COMMON_QUEUE_USED, ptr_to_pa(p[2]).v);
    return ERR_OK;
}

static void interrupt_attach(struct virtio_queue *q, void (*fn)(void *arg), void *arg) {
    const struct mmio *c = &q->device->common;
    struct pci_message m = {.entry = q->idx, .fn = fn, .arg = arg};
    mmio_write16(c, COMMON_QUEUE_VECTOR, NO_VECTOR);
    if (pci_capability_find(q->device->pci, PCI_CAP_MSIX, 0) == 0 ||
        pci_message_set(q->device->pci, &m) != ERR_OK) {
        return;
    }
    mmio_write16(c, COMMON_QUEUE_VECTOR, q->idx);
    q->has_irq = mmio_read16(c, COMMON_QUEUE_VECTOR) == q->idx; // the device may refuse
}

err_t virtio_queue_open(struct virtio_device *d, u16 idx, u16 size_max, void (*fn)(void *arg),
                        void *arg, struct virtio_queue *out) {
    struct virtio_queue *q = out;
    *q = (struct virtio_queue){.device = d, .idx = idx};
    mmio_write16(&d->common, COMMON_QUEUE_SELECT, idx);
    u16 size = mmio_read16(&d->common, COMMON_QUEUE_SIZE);
    size_max = MIN(size_max, VIRTIO_QUEUE_SIZE_MAX);
    while (size > size_max) {
        size /= 2; // stays a power of two
    }
    u64 notify_at = (u64)mmio_read16(&d->common, COMMON_QUEUE_NOTIFY_OFF) * d->notify_multiplier;
    if (size < 2 || (size & (size - 1)) != 0 || notify_at + 2 > d->notify.bytes) {
        return ERR_NODEV;
    }
    q->size = size;
    q->notify_at = notify_at;
    mmio_write16(&d->common, COMMON_QUEUE_SIZE, size);
    TRY(rings_create(q));
    interrupt_attach(q, fn, arg);
    mmio_write16(&d->common, COMMON_QUEUE_ENABLE, 1);
    return ERR_OK;
}

static u16 descriptor_take(struct virtio_queue *q) {
    u16 at = q->free_head;
    q->free_head = q->descriptors[at].next;
    q->free_count--;
    return at;
}

// Writes one ring descriptor per table entry, last to first, so that each knows its successor.
static u16 chain_fill(struct virtio_queue *q, const struct virtio_descriptor *table, u16 count) {
    u16 next = 0;
    for (u16 i = count; i-- > 0;) {
        u16 at = descriptor_take(q);
        u16 more = i + 1 < count ? VIRTIO_NEXT : 0;
        q->descriptors[at].pa = table[i].pa;
        q->descriptors[at].bytes = table[i].bytes;
        q->descriptors[at].flags = (u16)((table[i].flags & VIRTIO_DEVICE_WRITES) | more);
        q->descriptors[at].next = next;
        next = at;
    }
    return next;
}

static u16 indirect_fill(struct virtio_queue *q, struct virtio_descriptor *table, u16 count) {
    for (u16 i = 0; i < count; i++) {
        bool more = i + 1 < count;
        table[i].flags = (u16)((table[i].flags & VIRTIO_DEVICE_WRITES) | (more ? VIRTIO_NEXT : 0));
        table[i].next = (u16)(more ? i + 1 : 0);
    }
    u16 at = descriptor_take(q);
    q->descriptors[at].pa = ptr_to_pa(table).v;
    q->descriptors[at].bytes = count * (u32)sizeof(struct virtio_descriptor);
    q->descriptors[at].flags = VIRTIO_INDIRECT;
    return at;
}

bool virtio_queue_put(struct virtio_queue *q, struct virtio_descriptor *table, u16 count,
                      void *token) {
    assert(token != nullptr && count > 0 && count <= q->size);
    bool indirect = (q->device->features & VIRTIO_F_INDIRECT) != 0 && count > 1;
    if (q->broken || q->free_count < (indirect ? 1 : count)) {
        return false;
    }
    u16 head = indirect ? indirect_fill(q, table, count) : chain_fill(q, table, count);
    assert(q->tokens[head] == nullptr);
    q->tokens[head] = token;
    q->available[2 + q->available_idx % q->size] = head;
    cpu_barrier();
    q->available[1] = ++q->available_idx;
    return true;
}

void virtio_queue_notify(struct virtio_queue *q) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST); // the index is out before the flag is read
    if ((*(volatile u16 *)q->used & USED_NO_NOTIFY) == 0) {
        mmio_write16(&q->device->notify, q->notify_at, q->idx);
    }
}

// Gives the descriptors of a finished request back. Our own chain, but a device could have
// scribbled on it: bounded.
static void chain_free(struct virtio_queue *q, u16 head) {
    u16 at = head;
    for (u16 i = 0; i < q->size && at < q->size; i++) {
        bool more = (q->descriptors[at].flags & VIRTIO_NEXT) != 0;
        u16 next = q->descriptors[at].next;
        q->descriptors[at].flags = 0;
        q->descriptors[at].next = q->free_head;
        q->free_head = at;
        q->free_count++;
        if (!more) {
            return;
        }
        at = next;
    }
    q->broken = true;
}

void *virtio_queue_take(struct virtio_queue *q) {
    u16 device_idx = *(volatile u16 *)(q->used + 2);
    cpu_barrier();
    u16 ahead = (u16)(device_idx - q->used_idx);
    if (q->broken || ahead == 0) {
        return nullptr;
    }
    u32 id = *(volatile u32 *)(q->used + 4 + 8 * (size_t)(q->used_idx % q->size));
    if (ahead > q->size || id >= q->size || q->tokens[id] == nullptr) {
        q->broken = true;
        log(DEV, ERROR, "virtio: the device broke the rules queue=%u id=%u ahead=%u", q->idx, id,
            ahead);
        return nullptr;
    }
    void *token = q->tokens[id];
    q->tokens[id] = nullptr;
    q->used_idx++;
    chain_free(q, (u16)id);
    return token;
}
