// SPDX-License-Identifier: MIT
// Pipes and FIFOs. A pipe is a ring of bytes over single pages, made when first needed; an empty
// pipe starts again at its first page, so that small traffic stays in one. Writes of up to
// ATOMIC_BYTES_MAX go in as a whole (POSIX PIPE_BUF).
//
// Life: the pipe hangs at its vnode (an anonymous one of the internal mount, or the FIFO's) from
// the first open to the last close; `readers`, `writers` and the pointer change under the vnode's
// lock, the ring under the pipe's own.
#include "pipe_impl.h"
#include <mm/vm/copy.h>

constexpr u32 PIPE_PAGES_DEFAULT = 16;
constexpr u32 PIPE_PAGES_MAX = 256; // 1 MiB, Linux's pipe-max-size
constexpr u64 ATOMIC_BYTES_MAX = 4096;
constexpr u32 FIONREAD_REQUEST = 0x541B;

err_t pipe_alloc(struct pipe **out) {
    struct pipe *p;
    TRY(heap_new(&p));
    err_t err = heap_alloc_array(PIPE_PAGES_DEFAULT, sizeof(struct page *), (void **)&p->pages);
    if (err != ERR_OK) {
        heap_free(&p);
        return err;
    }
    mutex_init(&p->lock);
    waitq_init(&p->readable);
    waitq_init(&p->writable);
    waitq_init(&p->opened);
    p->page_count = PIPE_PAGES_DEFAULT;
    *out = p;
    return ERR_OK;
}

void pipe_free(struct pipe *p) {
    for (u32 i = 0; i < p->page_count; i++) {
        if (p->pages[i] != nullptr) {
            page_put(p->pages[i]);
        }
    }
    heap_free(&p->pages);
    heap_free(&p);
}

static u64 capacity(const struct pipe *p) { return (u64)p->page_count * PAGE_SIZE; }
static u64 room(const struct pipe *p) { return capacity(p) - p->used; }

// The piece of the ring at byte position `at`, up to the end of its page.
static err_t piece(struct pipe *p, u64 at, bool make, u8 **ptr, size_t *bytes) {
    u64 in_ring = at % capacity(p);
    struct page **slot = &p->pages[in_ring / PAGE_SIZE];
    if (*slot == nullptr && make) {
        TRY(page_alloc(0, 0, slot));
    }
    assert(*slot != nullptr);
    *ptr = (u8 *)page_ptr(*slot) + in_ring % PAGE_SIZE;
    *bytes = PAGE_SIZE - in_ring % PAGE_SIZE;
    return ERR_OK;
}

static size_t span_in(void *dst, struct vm_span span, size_t at, size_t bytes) {
    if (span.kernel != nullptr) {
        memcpy(dst, (u8 *)span.kernel + at, bytes);
        return bytes;
    }
    return copy_in_partial(dst, uptr_add(span.user, at), bytes);
}

static size_t span_out(struct vm_span span, size_t at, const void *src, size_t bytes) {
    if (span.kernel != nullptr) {
        memcpy((u8 *)span.kernel + at, src, bytes);
        return bytes;
    }
    return copy_out_partial(uptr_add(span.user, at), src, bytes);
}

// Moves what there is; *done counts from where the span stands.
static err_t drain(struct pipe *p, struct vm_span span, size_t *done) REQUIRES(lc_pipe) {
    err_t err = ERR_OK;
    while (err == ERR_OK && p->used != 0 && *done < span.bytes) {
        u8 *ptr;
        size_t bytes;
        TRY(piece(p, p->start, false, &ptr, &bytes));
        bytes = MIN(MIN(bytes, p->used), span.bytes - *done);
        size_t moved = span_out(span, *done, ptr, bytes);
        *done += moved;
        p->used -= moved;
        p->start = p->used == 0 ? 0 : (p->start + moved) % capacity(p);
        err = moved < bytes ? ERR_FAULT : ERR_OK;
    }
    return err;
}

static err_t fill_up(struct pipe *p, struct vm_span span, size_t *done) REQUIRES(lc_pipe) {
    err_t err = ERR_OK;
    while (err == ERR_OK && room(p) != 0 && *done < span.bytes) {
        u8 *ptr;
        size_t bytes;
        TRY(piece(p, p->start + p->used, true, &ptr, &bytes));
        bytes = MIN(MIN(bytes, room(p)), span.bytes - *done);
        size_t moved = span_in(ptr, span, *done, bytes);
        *done += moved;
        p->used += moved;
        err = moved < bytes ? ERR_FAULT : ERR_OK;
    }
    return err;
}

// Readers wait for a first byte, small writers for room for all of theirs, large writers for half
// the ring: a wake a batch, not a wake a piece. So only crossing one of these lines is worth a
// wake.
static bool room_worth_waking(const struct pipe *p, u64 room_before) {
    u64 now = room(p);
    u64 half = capacity(p) / 2;
    return (room_before < ATOMIC_BYTES_MAX && now >= ATOMIC_BYTES_MAX) ||
           (room_before < half && now >= half) || p->used == 0;
}

static bool readable(const struct pipe *p) { return p->used != 0 || p->writers == 0; }

static err_t pipe_read(struct file *f, struct vm_span span, u64 *pos, size_t *done) {
    unused_arg(pos);
    struct pipe *p = f->data;
    if (span.bytes == 0) {
        return ERR_OK;
    }
    for (;;) {
        pipe_lock(p);
        bool had = p->used != 0;
        u64 room_before = room(p);
        bool end = !had && p->writers == 0; // under the lock: a writer's last bytes come before
        err_t err = drain(p, span, done);
        bool wake = room_worth_waking(p, room_before);
        pipe_unlock(p);
        if (had) {
            if (wake) {
                waitq_wake_all(&p->writable);
            }
            return *done != 0 ? ERR_OK : err;
        }
        if (end) {
            return ERR_OK;
        }
        if ((f->flags & O_NONBLOCK) != 0) {
            return ERR_AGAIN;
        }
        if (WAIT_UNTIL(&p->readable, readable(p), WAIT_INTERRUPTIBLE, DEADLINE_NEVER) != ERR_OK) {
            return ERR_RESTARTSYS;
        }
    }
}

// Room for the next step of a write with `left` bytes to go: small writes want all of theirs.
static bool writable(const struct pipe *p, size_t total, size_t left) {
    size_t batch = total <= ATOMIC_BYTES_MAX ? left : MIN(left, capacity(p) / 2);
    return p->readers == 0 || room(p) >= batch;
}

static err_t pipe_write(struct file *f, struct vm_span span, u64 *pos, size_t *done) {
    unused_arg(pos);
    struct pipe *p = f->data;
    err_t err = ERR_OK;
    while (*done < span.bytes && err == ERR_OK) {
        size_t before = *done;
        pipe_lock(p);
        bool was_empty = p->used == 0;
        if (p->readers == 0) {
            err = ERR_PIPE;
        } else if (span.bytes > ATOMIC_BYTES_MAX || writable(p, span.bytes, span.bytes - *done)) {
            err = fill_up(p, span, done);
        }
        pipe_unlock(p);
        if (*done != before) {
            if (was_empty) {
                waitq_wake_all(&p->readable);
            }
            continue;
        }
        if (err != ERR_OK) {
            break;
        }
        if ((f->flags & O_NONBLOCK) != 0) {
            err = ERR_AGAIN;
        } else if (WAIT_UNTIL(&p->writable, writable(p, span.bytes, span.bytes - *done),
                              WAIT_INTERRUPTIBLE, DEADLINE_NEVER) != ERR_OK) {
            err = ERR_RESTARTSYS;
        }
    }
    return err;
}

static u32 pipe_poll(struct file *f, struct poll_table *t) {
    struct pipe *p = f->data;
    u32 events = 0;
    if ((f->flags & O_ACCMODE) != O_WRONLY) {
        poll_watch(t, &p->readable);
        events |= p->used != 0 ? POLL_IN : 0;
        events |= p->writers == 0 && p->writers_ever != 0 ? POLL_HUP : 0;
    }
    if ((f->flags & O_ACCMODE) != O_RDONLY) {
        poll_watch(t, &p->writable);
        events |= room(p) >= ATOMIC_BYTES_MAX ? POLL_OUT : 0;
        events |= p->readers == 0 ? POLL_ERR : 0;
    }
    return events;
}

static err_t pipe_ioctl(struct file *f, u32 request, u64 arg, i64 *result) {
    unused_arg(result);
    if (request != FIONREAD_REQUEST) {
        return ERR_NOTTY;
    }
    struct pipe *p = f->data;
    i32 used = (i32)p->used;
    return copy_out((struct uptr){arg}, &used, sizeof used);
}

static void pipe_release(struct file *f) {
    struct pipe *p = f->data;
    struct vnode *v = f->vnode;
    u32 mode = f->flags & O_ACCMODE;
    vnode_lock(v);
    if (mode != O_WRONLY) {
        p->readers--;
    }
    if (mode != O_RDONLY) {
        p->writers--;
    }
    bool last = pipe_unused(p);
    if (last) {
        v->pipe = nullptr;
    } else { // under the lock: nobody else can free it now
        waitq_wake_all(&p->readable);
        waitq_wake_all(&p->writable);
    }
    vnode_unlock(v);
    if (last) {
        pipe_free(p);
    }
}

const struct file_ops pipe_file_ops = {
    .read = pipe_read,
    .write = pipe_write,
    .poll = pipe_poll,
    .ioctl = pipe_ioctl,
    .release = pipe_release,
};

// Copies the ring into a fresh one of `count` pages.
static err_t resize_locked(struct pipe *p, u32 count) REQUIRES(lc_pipe) {
    if ((u64)count * PAGE_SIZE < p->used) {
        return ERR_BUSY;
    }
    struct pipe next = {.page_count = count};
    TRY(heap_alloc_array(count, sizeof(struct page *), (void **)&next.pages));
    err_t err = ERR_OK;
    while (err == ERR_OK && next.used < p->used) {
        u8 *from;
        u8 *to;
        size_t have;
        size_t free_bytes;
        err = piece(p, p->start + next.used, false, &from, &have);
        if (err == ERR_OK) {
            err = piece(&next, next.used, true, &to, &free_bytes);
        }
        if (err == ERR_OK) {
            size_t bytes = MIN(MIN(have, free_bytes), p->used - next.used);
            memcpy(to, from, bytes);
            next.used += bytes;
        }
    }
    struct pipe old = *p;
    if (err == ERR_OK) {
        p->pages = next.pages;
        p->page_count = count;
        p->start = 0;
    } else {
        old.pages = next.pages;
        old.page_count = count;
    }
    for (u32 i = 0; i < old.page_count; i++) {
        if (old.pages[i] != nullptr) {
            page_put(old.pages[i]);
        }
    }
    heap_free(&old.pages);
    return err;
}

err_t pipe_resize(struct file *f, const struct cred *cred, u64 bytes, u64 *now) {
    if (f->ops != &pipe_file_ops) {
        return ERR_BADF;
    }
    struct pipe *p = f->data;
    GUARD(pipe, p);
    if (bytes != 0) {
        u64 count = bytes_to_pages(bytes);
        u32 rounded = 1;
        while (rounded < count && rounded <= PIPE_PAGES_MAX) {
            rounded *= 2;
        }
        if (rounded > PIPE_PAGES_MAX) {
            return cred->fsuid == 0 ? ERR_INVAL : ERR_PERM;
        }
        TRY(resize_locked(p, rounded));
        waitq_wake_all(&p->writable);
    }
    *now = capacity(p);
    return ERR_OK;
}
