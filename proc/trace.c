// SPDX-License-Identifier: MIT
// The strace-like trace: a ring of text shared by a process and the children it starts while the
// trace is on. /proc/N/trace reads it from the oldest byte that is still there.
#include "proc_impl.h"

constexpr size_t TRACE_BYTES = 64 * 1024;
struct trace_ring {
    struct ref refs;
    struct spinlock lock;
    u64 total; // bytes ever written
    char *text;
};
DECLARE_SPIN_CLASS(trace_ring, struct trace_ring, lock)

static struct trace_ring *ring_get(struct process *p) {
    GUARD(signals, p);
    if (p->trace != nullptr) {
        ref_get(&p->trace->refs);
    }
    return p->trace;
}

static void ring_put(struct trace_ring *r) {
    if (r != nullptr && ref_put(&r->refs)) {
        heap_free(&r->text);
        heap_free(&r);
    }
}

void trace_set(struct process *p, bool on) {
    struct trace_ring *fresh = nullptr;
    if (on && p->trace == nullptr) {
        if (heap_new(&fresh) != ERR_OK) {
            return;
        }
        ref_init(&fresh->refs);
        if (heap_alloc(TRACE_BYTES, (void **)&fresh->text) != ERR_OK) {
            heap_free(&fresh);
            return;
        }
    }
    signals_lock(p);
    if (fresh != nullptr && p->trace == nullptr) {
        p->trace = fresh;
        fresh = nullptr;
    }
    p->tracing = on;
    signals_unlock(p);
    ring_put(fresh);
}

void trace_inherit(struct process *parent, struct process *child) {
    if (parent->tracing) {
        child->trace = ring_get(parent);
        child->tracing = child->trace != nullptr;
    }
}

void trace_drop(struct process *p) {
    ring_put(p->trace);
    p->trace = nullptr;
    p->tracing = false;
}

void trace_line(struct process *p, const char *line, size_t bytes) {
    struct trace_ring *r = ring_get(p);
    if (r == nullptr) {
        return;
    }
    trace_ring_lock(r);
    for (size_t i = 0; i < bytes; i++) {
        r->text[r->total++ % TRACE_BYTES] = line[i];
    }
    trace_ring_unlock(r);
    ring_put(r);
}

size_t trace_read(struct process *p, u64 offset, char *buf, size_t capacity) {
    struct trace_ring *r = ring_get(p);
    if (r == nullptr) {
        return 0;
    }
    trace_ring_lock(r);
    u64 first = r->total > TRACE_BYTES ? r->total - TRACE_BYTES : 0;
    size_t n = 0;
    for (u64 at = first + offset; at < r->total && n < capacity; at++) {
        buf[n++] = r->text[at % TRACE_BYTES];
    }
    trace_ring_unlock(r);
    ring_put(r);
    return n;
}
