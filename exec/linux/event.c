// SPDX-License-Identifier: MIT
// eventfd and memfd.
#include "linux_impl.h"
#include <stdatomic.h>

static i64 install(const struct file_ops *ops, void *data, u32 flags, bool cloexec) {
    struct file *file;
    int fd;
    PASS(file_create(ops, data, flags, cred_now(), &file));
    err_t err = fd_install(file, 0, cloexec, &fd);
    if (err != ERR_OK) {
        file_put(file);
        return err;
    }
    return fd;
}

static err_t span_in(void *to, struct vm_span s, size_t bytes) {
    if (s.kernel != nullptr) {
        memcpy(to, s.kernel, bytes);
        return ERR_OK;
    }
    return copy_in(to, s.user, bytes);
}
static err_t span_out(struct vm_span s, const void *from, size_t bytes) {
    if (s.kernel != nullptr) {
        memcpy(s.kernel, from, bytes);
        return ERR_OK;
    }
    return copy_out(s.user, from, bytes);
}

// ---- eventfd

constexpr u64 EVENT_MAX = ~(u64)0 - 1;
struct event {
    _Atomic u64 count;
    bool semaphore;
    struct waitq queue;
};

static bool event_take(struct event *e, u64 *value) {
    u64 now = e->count;
    while (now != 0) {
        *value = e->semaphore ? 1 : now;
        if (atomic_compare_exchange_weak(&e->count, &now, now - *value)) {
            return true;
        }
    }
    return false;
}
static bool event_add(struct event *e, u64 value) {
    u64 now = e->count;
    while (value <= EVENT_MAX - now) {
        if (atomic_compare_exchange_weak(&e->count, &now, now + value)) {
            return true;
        }
    }
    return false;
}
static err_t event_read(struct file *f, struct vm_span span, u64 *pos, size_t *done) {
    struct event *e = f->data;
    u64 value = 0;
    unused_arg(pos);
    if (span.bytes < sizeof(value)) {
        return ERR_INVAL;
    }
    if (!event_take(e, &value)) {
        if (f->flags & O_NONBLOCK) {
            return ERR_AGAIN;
        }
        TRY(WAIT_UNTIL(&e->queue, event_take(e, &value), WAIT_INTERRUPTIBLE, DEADLINE_NEVER));
    }
    waitq_wake_all(&e->queue);
    *done = sizeof(value);
    return span_out(span, &value, sizeof(value));
}
static err_t event_write(struct file *f, struct vm_span span, u64 *pos, size_t *done) {
    struct event *e = f->data;
    u64 value;
    unused_arg(pos);
    if (span.bytes < sizeof(value)) {
        return ERR_INVAL;
    }
    TRY(span_in(&value, span, sizeof(value)));
    if (value == ~(u64)0) {
        return ERR_INVAL;
    }
    if (!event_add(e, value)) {
        if (f->flags & O_NONBLOCK) {
            return ERR_AGAIN;
        }
        TRY(WAIT_UNTIL(&e->queue, event_add(e, value), WAIT_INTERRUPTIBLE, DEADLINE_NEVER));
    }
    waitq_wake_all(&e->queue);
    *done = sizeof(value);
    return ERR_OK;
}
static u32 event_poll(struct file *f, struct poll_table *t) {
    struct event *e = f->data;
    poll_watch(t, &e->queue);
    u64 now = e->count;
    return (now > 0 ? (u32)POLL_IN : 0) | (now < EVENT_MAX ? (u32)POLL_OUT : 0);
}
static void event_release(struct file *f) { heap_free_raw(f->data); }
static const struct file_ops event_ops = {
    .read = event_read, .write = event_write, .poll = event_poll, .release = event_release};

static i64 event_create(u64 initial, u32 flags) {
    struct event *e;
    if (flags & ~(u32)(O_CLOEXEC | O_NONBLOCK | 1)) {
        return ERR_INVAL;
    }
    PASS(heap_new(&e));
    waitq_init(&e->queue);
    e->count = initial;
    e->semaphore = flags & 1;
    return install(&event_ops, e, O_RDWR | (flags & O_NONBLOCK), (flags & O_CLOEXEC) != 0);
}
i64 linux_eventfd(struct trap_frame *f) { return event_create((u32)arg0(f), 0); }
i64 linux_eventfd2(struct trap_frame *f) { return event_create((u32)arg0(f), (u32)arg1(f)); }

// ---- memfd: an unnamed file on the tmpfs at /dev/shm or /tmp

i64 linux_memfd_create(struct trap_frame *f) {
    struct process *p = process_current();
    char name[256];
    size_t len;
    if (arg1(f) & ~(u64)3) { // CLOEXEC, ALLOW_SEALING
        return ERR_INVAL;
    }
    err_t err = copy_in_string(name, 250, user(arg0(f)), &len);
    PASS(err == ERR_NAMETOOLONG ? ERR_INVAL : err);
    struct walk_base base = {.cred = &cred_root};
    struct file *file;
    PASS(process_paths(p, &base.root, &base.cwd));
    err = vfs_open(&base, "/dev/shm", O_RDWR | O_TMPFILE, 0777, &file);
    if (err != ERR_OK) {
        err = vfs_open(&base, "/tmp", O_RDWR | O_TMPFILE, 0777, &file);
    }
    path_put(&base.root);
    path_put(&base.cwd);
    PASS(err);
    int fd;
    err = fd_install(file, 0, (arg1(f) & 1) != 0, &fd);
    if (err != ERR_OK) {
        file_put(file);
        return err;
    }
    return fd;
}
