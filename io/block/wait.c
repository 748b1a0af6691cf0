// SPDX-License-Identifier: MIT
// The waiting forms. A transfer is cut into requests of at most REQUEST_BYTES_MAX, one after the
// other. The last touch of done() on the waiter's memory is `state = LEFT`; only then may the
// waiter free it.
#include "block_impl.h"

constexpr u32 SEGMENT_BYTES_MAX = 64 * 1024;
constexpr size_t REQUEST_BYTES_MAX = 1024 * 1024;
static_assert(REQUEST_BYTES_MAX / SEGMENT_BYTES_MAX <= BLOCK_SEGMENTS_MAX);

enum wait_phase : u32 { PENDING, FINISHED, LEFT };
struct block_wait {
    struct block_request request;
    struct waitq queue;
    _Atomic u32 phase;
};

static void finished(struct block_request *r) {
    struct block_wait *w = r->arg;
    w->phase = FINISHED;
    waitq_wake_all(&w->queue);
    w->phase = LEFT;
}

static err_t submit_and_wait(struct block_device *d, struct block_wait *w) {
    w->phase = PENDING;
    w->request.done = finished;
    w->request.arg = w;
    TRY(block_submit(d, &w->request));
    err_t err = WAIT_UNTIL(&w->queue, w->phase != PENDING, WAIT_SOLID, DEADLINE_NEVER);
    while (w->phase != LEFT) {
        cpu_pause(); // the interrupt handler is between its last two steps
    }
    return err != ERR_OK ? err : w->request.result;
}

static void add_segments(struct block_request *r, u8 *buf, size_t bytes) {
    r->segment_count = 0;
    while (bytes != 0) {
        u32 part = (u32)MIN(bytes, SEGMENT_BYTES_MAX);
        r->segments[r->segment_count++] = (struct block_segment){buf, part};
        buf += part;
        bytes -= part;
    }
}

struct transfer {
    enum block_op op;
    u32 flags;
    u64 sector;
    u8 *buf;
    size_t bytes;
};

static err_t run_with(struct block_device *d, struct transfer t, struct block_wait *w) {
    waitq_init(&w->queue);
    err_t err = ERR_OK;
    do {
        size_t part = MIN(t.bytes, REQUEST_BYTES_MAX);
        w->request.op = t.op;
        w->request.flags = t.flags;
        w->request.sector = t.sector;
        add_segments(&w->request, t.buf, part);
        err = submit_and_wait(d, w);
        t.sector += part / BLOCK_SECTOR_BYTES;
        t.buf += part;
        t.bytes -= part;
    } while (err == ERR_OK && t.bytes != 0);
    return err;
}

// Used one at a time when there is no memory for another: a commit must not fail for that.
static struct spare {
    struct mutex lock;
    struct block_wait wait GUARDED_BY(lc_block_spare);
} spare = {.lock = MUTEX_INIT(spare.lock)};
DECLARE_MUTEX_CLASS(block_spare, struct spare, lock)

static err_t run(struct block_device *d, struct transfer t) {
    if (t.op != BLOCK_FLUSH && t.bytes % BLOCK_SECTOR_BYTES != 0) {
        return ERR_INVAL;
    }
    struct block_wait *w;
    if (heap_new(&w) != ERR_OK) {
        GUARD(block_spare, &spare);
        return run_with(d, t, &spare.wait);
    }
    err_t err = run_with(d, t, w);
    heap_free(&w);
    return err;
}

err_t block_read(struct block_device *d, u64 sector, void *buf, size_t bytes) {
    if (bytes == 0) {
        return ERR_OK;
    }
    return run(d,
               (struct transfer){.op = BLOCK_READ, .sector = sector, .buf = buf, .bytes = bytes});
}

err_t block_write(struct block_device *d, u64 sector, const void *buf, size_t bytes, u32 flags) {
    if (bytes == 0) {
        return ERR_OK;
    }
    u8 *source =
        (u8 *)(uintptr_t)buf; // WHY: a segment serves both directions; writing only reads it
    return run(
        d, (struct transfer){
               .op = BLOCK_WRITE, .flags = flags, .sector = sector, .buf = source, .bytes = bytes});
}

err_t block_flush(struct block_device *d) {
    static u8 none;
    return run(d, (struct transfer){.op = BLOCK_FLUSH, .buf = &none});
}
