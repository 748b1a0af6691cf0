// SPDX-License-Identifier: MIT
// Theory: a request occupies a slot from submit to done(). A slot runs through phases: DATA (once
// for each batch of segments the device can take), then FLUSH if the write must be durable; the
// interrupt moves it on. Slots that find the ring full wait in `pending` and are retried when
// others finish. done() runs without the lock, since it may submit again.
#include <drivers/block/virtio_blk.h>
#include <drivers/virtio.h>
#include <io/block/block.h>
#include <kernel/base/lock.h>
#include <kernel/base/log.h>
#include <kernel/sched/timer.h>
#include <mm/heap/heap.h>
#include <mm/phys/page.h>

constexpr u32 SLOTS_MAX = 32, DISKS_MAX = 26, SECTOR_BYTES = 512;
constexpr u32 MAJOR = 254,
              MINORS_PER_DISK = 16; // Linux's choice for virtio disks varies; this is a common one
constexpr u64 POLL_NS = NS_PER_MS, CHECK_NS = NS_PER_SEC, STUCK_NS = 30 * NS_PER_SEC;
constexpr u64 F_SEG_MAX = 1 << 2, F_READ_ONLY = 1 << 5, F_BLOCK_SIZE = 1 << 6, F_FLUSH = 1 << 9;
constexpr size_t CONFIG_CAPACITY = 0, CONFIG_SEG_MAX = 12, CONFIG_BLOCK_SIZE = 20;
enum virtio_blk_type : u32 { TYPE_READ = 0, TYPE_WRITE = 1, TYPE_FLUSH = 4 };
enum virtio_blk_status : u8 {
    STATUS_GOOD = 0,
    STATUS_IO_ERROR = 1,
    STATUS_UNSUPPORTED = 2,
    STATUS_NONE = 0xff
};

struct slot { // one page; the device reads header and table and writes status
    struct {
        u32 type, reserved;
        u64 sector;
    } header;
    u8 status;
    bool flushing;    // last phase of a durable write, or a flush request
    u32 segment_next; // first segment of the batch after this one
    u32 batch_sectors;
    u64 sector;   // of the current batch
    u64 since_ns; // submitted, or last complaint
    struct block_request *request;
    struct list node; // pending, free, or in no list while in flight
    struct virtio_descriptor table[BLOCK_SEGMENTS_MAX + 2];
};
static_assert(sizeof(struct slot) <= PAGE_SIZE);

struct disk {
    struct block_device block;
    struct virtio_device device;
    struct spinlock lock;
    struct virtio_queue queue GUARDED_BY(lc_block_queue);
    struct slot *slots[SLOTS_MAX];
    u32 slot_count, segments_max, queue_size;
    struct list free GUARDED_BY(lc_block_queue);
    struct list pending GUARDED_BY(lc_block_queue);
    u32 busy GUARDED_BY(lc_block_queue); // slots with a request
    bool failed GUARDED_BY(lc_block_queue);
    bool timer_on GUARDED_BY(lc_block_queue);
    bool notify GUARDED_BY(lc_block_queue); // something was put since the device was last told
    bool has_irq;
    _Atomic bool has_room; // mirrors !list_empty(free) or failed, for sleepers
    struct timer timer;
    struct waitq room;
};
DECLARE_SPIN_CLASS(block_queue, struct disk, lock)

// ---- slots (all with the lock)

static u16 table_fill(struct disk *d, struct slot *s) {
    struct block_request *r = s->request;
    u16 n = 0;
    s->batch_sectors = 0;
    s->table[n++] = (struct virtio_descriptor){ptr_to_pa(&s->header).v, sizeof s->header, 0, 0};
    if (!s->flushing) {
        u16 flags = r->op == BLOCK_READ ? VIRTIO_DEVICE_WRITES : 0;
        u32 end = MIN(r->segment_count, s->segment_next + d->segments_max);
        for (; s->segment_next < end; s->segment_next++) {
            const struct block_segment *seg = &r->segments[s->segment_next];
            s->table[n++] = (struct virtio_descriptor){ptr_to_pa(seg->ptr).v, seg->bytes, flags, 0};
            s->batch_sectors += seg->bytes / SECTOR_BYTES;
        }
        s->header.type = r->op == BLOCK_READ ? TYPE_READ : TYPE_WRITE;
        s->header.sector = s->sector;
    } else {
        s->header.type = TYPE_FLUSH;
        s->header.sector = 0;
    }
    s->status = STATUS_NONE;
    s->table[n++] = (struct virtio_descriptor){ptr_to_pa(&s->status).v, 1, VIRTIO_DEVICE_WRITES, 0};
    return n;
}

static void slot_start(struct disk *d, struct slot *s) REQUIRES(lc_block_queue) {
    u32 before = s->segment_next;
    u16 n = table_fill(d, s);
    if (!virtio_queue_put(&d->queue, s->table, n, s)) {
        s->segment_next = before; // built again when there is room
        list_push_back(&d->pending, &s->node);
        return;
    }
    d->notify = true;
}

static void notify(struct disk *d) REQUIRES(lc_block_queue) {
    if (d->notify) {
        d->notify = false;
        virtio_queue_notify(&d->queue);
    }
}

static void pending_retry(struct disk *d) REQUIRES(lc_block_queue) {
    struct list waiting = LIST_INIT(waiting);
    struct list *n;
    while ((n = list_pop_front(&d->pending)) != nullptr) {
        list_push_back(&waiting, n);
    }
    while ((n = list_pop_front(&waiting)) != nullptr) {
        slot_start(d, list_entry(n, struct slot, node));
    }
}

static void slot_finish(struct disk *d, struct slot *s, err_t result, struct list *finished)
    REQUIRES(lc_block_queue) {
    s->request->result = result;
    list_push_back(finished, &s->request->node);
    s->request = nullptr;
    list_remove(&s->node);
    list_push_back(&d->free, &s->node);
    d->busy--;
    d->has_room = true;
}

// A phase of s is over: the next one, or the end.
static void slot_advance(struct disk *d, struct slot *s, struct list *finished)
    REQUIRES(lc_block_queue) {
    struct block_request *r = s->request;
    u8 status = __atomic_load_n(&s->status, __ATOMIC_RELAXED);
    if (status != STATUS_GOOD) {
        log(BLOCK, WARN, "%s: request failed op=%u sector=%llu status=%u", d->block.name, r->op,
            (unsigned long long)s->sector, status);
        slot_finish(d, s, status == STATUS_UNSUPPORTED ? ERR_OPNOTSUPP : ERR_IO, finished);
        return;
    }
    s->sector += s->batch_sectors;
    bool durable =
        r->op == BLOCK_WRITE && (r->flags & BLOCK_FUA) != 0 && (d->device.features & F_FLUSH) != 0;
    if (!s->flushing && s->segment_next < r->segment_count) {
        slot_start(d, s);
    } else if (!s->flushing && durable) {
        s->flushing = true;
        slot_start(d, s);
    } else {
        slot_finish(d, s, ERR_OK, finished);
    }
}

static void fail_all(struct disk *d, struct list *finished) REQUIRES(lc_block_queue) {
    d->failed = true;
    d->has_room = true;
    virtio_fail(&d->device);
    log(BLOCK, ERROR, "%s: device given up, requests failed=%u", d->block.name, d->busy);
    for (u32 i = 0; i < d->slot_count; i++) {
        if (d->slots[i]->request != nullptr) {
            slot_finish(d, d->slots[i], ERR_IO, finished);
        }
    }
}

static void reap_locked(struct disk *d, struct list *finished) REQUIRES(lc_block_queue) {
    struct slot *s;
    while ((s = virtio_queue_take(&d->queue)) != nullptr) {
        slot_advance(d, s, finished);
    }
    if (!list_empty(&d->pending)) {
        pending_retry(d);
    }
    if (d->queue.broken && !d->failed) {
        fail_all(d, finished);
    }
    notify(d);
}

static void finish(struct disk *d, struct list *finished) {
    struct list *n;
    bool any = !list_empty(finished);
    while ((n = list_pop_front(finished)) != nullptr) {
        struct block_request *r = list_entry(n, struct block_request, node);
        r->done(r);
    }
    if (any) {
        waitq_wake_all(&d->room);
    }
}

static void reap(void *arg) { // interrupt
    struct disk *d = arg;
    struct list finished = LIST_INIT(finished);
    block_queue_lock(d);
    reap_locked(d, &finished);
    block_queue_unlock(d);
    finish(d, &finished);
}

// Polls where there is no interrupt, and looks for lost ones and for requests that take too long.
static void watch(struct timer *t) {
    struct disk *d = container_of(t, struct disk, timer);
    u64 now = time_now_ns();
    reap(d);
    block_queue_lock(d);
    for (u32 i = 0; i < d->slot_count; i++) {
        struct slot *s = d->slots[i];
        if (s->request != nullptr && now > s->since_ns && now - s->since_ns > STUCK_NS) {
            log(BLOCK, WARN, "%s: no answer for 30 s op=%u sector=%llu", d->block.name,
                s->request->op, (unsigned long long)s->sector);
            s->since_ns = now;
        }
    }
    d->timer_on = d->busy > 0;
    if (d->timer_on) {
        timer_start(&d->timer, now + (d->has_irq ? CHECK_NS : POLL_NS));
    }
    block_queue_unlock(d);
}

// ---- block layer's side

static bool try_submit(struct disk *d, struct block_request *r, err_t *result) {
    GUARD(block_queue, d);
    *result = d->failed ? ERR_IO : ERR_OK;
    if (d->failed) {
        return true;
    }
    struct list *n = list_pop_front(&d->free);
    if (n == nullptr) {
        d->has_room = false;
        return false;
    }
    struct slot *s = list_entry(n, struct slot, node);
    u64 now = time_now_ns();
    s->request = r;
    s->segment_next = 0;
    s->sector = r->sector;
    s->flushing = r->op == BLOCK_FLUSH;
    s->since_ns = now;
    d->busy++;
    slot_start(d, s);
    notify(d);
    if (!d->timer_on) {
        d->timer_on = true;
        timer_start(&d->timer, now + (d->has_irq ? CHECK_NS : POLL_NS));
    }
    return true;
}

static err_t submit(struct block_device *b, struct block_request *r) {
    struct disk *d = b->driver;
    if (r->op == BLOCK_WRITE && b->read_only) {
        return ERR_ROFS;
    }
    if (r->segment_count > BLOCK_SEGMENTS_MAX || (r->op != BLOCK_FLUSH && r->segment_count == 0)) {
        return ERR_INVAL;
    }
    if (r->op == BLOCK_FLUSH && (d->device.features & F_FLUSH) == 0) {
        r->result = ERR_OK; // such a device writes through
        r->done(r);
        return ERR_OK;
    }
    err_t result = ERR_OK;
    while (!try_submit(d, r, &result)) {
        result = WAIT_UNTIL(&d->room, d->has_room, WAIT_SOLID, DEADLINE_NEVER);
        assert(result == ERR_OK);
    }
    return result;
}

static const struct block_ops ops = {.submit = submit};

// ---- start

static err_t slots_create(struct disk *d) REQUIRES(lc_block_queue) {
    d->slot_count = MIN(SLOTS_MAX, d->queue_size);
    list_init(&d->free);
    list_init(&d->pending);
    for (u32 i = 0; i < d->slot_count; i++) {
        struct page *p = nullptr;
        TRY(page_alloc(0, PAGE_ZERO, &p));
        d->slots[i] = page_ptr(p);
        list_push_back(&d->free, &d->slots[i]->node);
    }
    d->has_room = true;
    return ERR_OK;
}

static err_t geometry_read(struct disk *d) {
    u64 capacity = 0;
    u32 segments = 1, block_bytes = SECTOR_BYTES;
    TRY(virtio_config_read(&d->device, CONFIG_CAPACITY, &capacity, sizeof capacity));
    if ((d->device.features & F_SEG_MAX) != 0) {
        TRY(virtio_config_read(&d->device, CONFIG_SEG_MAX, &segments, sizeof segments));
    }
    if ((d->device.features & F_BLOCK_SIZE) != 0) {
        TRY(virtio_config_read(&d->device, CONFIG_BLOCK_SIZE, &block_bytes, sizeof block_bytes));
    }
    if (capacity == 0 || capacity > (u64)1 << 54) {
        return ERR_NXIO;
    }
    if (block_bytes != SECTOR_BYTES) {
        log(BLOCK, WARN, "%s: device prefers blocks of %u bytes", d->block.name, block_bytes);
    }
    d->block.sectors = capacity;
    d->block.read_only = (d->device.features & F_READ_ONLY) != 0;
    d->segments_max = MAX(1u, MIN(MIN(segments, BLOCK_SEGMENTS_MAX), d->queue_size - 2));
    return ERR_OK;
}

static err_t disk_open(struct disk *d,
                       struct pci_device *pci) NO_LOCK_ANALYSIS { // WHY: nobody else knows d yet
    constexpr u64 WANTED = F_SEG_MAX | F_READ_ONLY | F_BLOCK_SIZE | F_FLUSH | VIRTIO_F_INDIRECT;
    waitq_init(&d->room);
    d->timer.fn = watch;
    TRY(virtio_open(pci, 0, WANTED, &d->device));
    err_t err = virtio_queue_open(&d->device, 0, VIRTIO_QUEUE_SIZE_MAX, reap, d, &d->queue);
    if (err == ERR_OK && d->queue.size < 4) {
        err = ERR_NODEV;
    }
    d->queue_size = d->queue.size;
    if (err == ERR_OK) {
        err = geometry_read(d);
    }
    if (err == ERR_OK) {
        err = slots_create(d);
    }
    if (err != ERR_OK) {
        virtio_fail(&d->device);
        return err;
    }
    d->has_irq = d->queue.has_irq;
    virtio_ready(&d->device);
    return ERR_OK;
}

static void disk_add(struct pci_device *pci, u32 idx) {
    struct disk *d = nullptr;
    if (heap_new(&d) != ERR_OK) {
        log(BLOCK, ERROR, "virtio-blk: no memory");
        return;
    }
    text_format(d->block.name, sizeof d->block.name, "vd%c", 'a' + (int)idx);
    d->block.number = MAJOR << 8 | idx * MINORS_PER_DISK; // Linux's dev_t for small numbers
    if (idx * MINORS_PER_DISK > 0xff) {
        d->block.number =
            MAJOR << 8 | (idx * MINORS_PER_DISK & 0xff) | (idx * MINORS_PER_DISK & ~0xffu) << 12;
    }
    d->block.ops = &ops;
    d->block.driver = d;
    err_t err = disk_open(d, pci);
    if (err != ERR_OK) { // d stays: its interrupt may already be routed to it
        log(BLOCK, ERROR, "%s: device is not usable err=%d", d->block.name, err);
        return;
    }
    log(BLOCK, INFO, "%s: virtio sectors=%llu segments=%u irq=%s%s", d->block.name,
        (unsigned long long)d->block.sectors, d->segments_max, d->has_irq ? "message" : "polled",
        d->block.read_only ? " read-only" : "");
    err = block_register(&d->block);
    if (err != ERR_OK) {
        log(BLOCK, ERROR, "%s: not registered err=%d", d->block.name, err);
    }
}

void virtio_blk_init(void) {
    u32 idx = 0;
    for (struct pci_device *p = pci_next(nullptr); p != nullptr; p = pci_next(p)) {
        bool disk = p->vendor == VIRTIO_VENDOR && (p->device == 0x1001 || p->device == 0x1042);
        if (disk && idx < DISKS_MAX) {
            disk_add(p, idx++);
        }
    }
}
