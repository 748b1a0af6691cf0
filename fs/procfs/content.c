// SPDX-License-Identifier: MIT
// Files made of text. The text is made when somebody reads at offset 0 (or for the first time) and
// kept until the file is closed: a program that reads in small pieces sees one consistent text, and
// one that seeks back to 0 sees a new one. The buffer is doubled until the text fits.
#include "procfs_impl.h"
#include <kernel/base/log.h>
#include <mm/vm/copy.h>

constexpr size_t TEXT_FIRST = 4096, TEXT_MAX = 4 << 20, WRITE_MAX = 4096;
constexpr u64 KMSG_PERIOD_NS = 100 * NS_PER_MS;

struct proc_text { // file->data
    struct mutex lock;
    char *buf GUARDED_BY(lc_procfs); // null: not made yet
    size_t bytes GUARDED_BY(lc_procfs);
};
DECLARE_MUTEX_CLASS(procfs, struct proc_text, lock)

static struct proc_node *node_of(const struct file *f) { return f->vnode->fs; }

err_t proc_span_put(struct vm_span span, const char *src, size_t bytes) {
    if (span.kernel != nullptr) {
        memcpy(span.kernel, src, bytes);
        return ERR_OK;
    }
    return copy_out(span.user, src, bytes);
}

static err_t span_get(struct vm_span span, char *dst, size_t bytes) {
    if (span.kernel != nullptr) {
        memcpy(dst, span.kernel, bytes);
        return ERR_OK;
    }
    return copy_in(dst, span.user, bytes);
}

static err_t make_text(const struct proc_node *n, char **buf, size_t *bytes) {
    const struct proc_entry *e = n->entry;
    for (size_t capacity = TEXT_FIRST;; capacity *= 2) {
        char *p;
        TRY(heap_alloc(capacity, (void **)&p));
        struct text t;
        text_init(&t, p, capacity);
        err_t err = ERR_OK;
        if (e->content != nullptr) {
            text_add(&t, e->content);
        } else {
            err = e->show(n, &t);
        }
        if (err == ERR_OK && (!t.cut || capacity >= TEXT_MAX)) {
            *buf = p;
            *bytes = t.len;
            return ERR_OK;
        }
        heap_free(&p);
        TRY(err);
    }
}

// Asked again after the open: the process may have started a set-user-id program since.
static err_t still_allowed(const struct file *f, const struct proc_node *n) {
    return proc_node_gone(n) ? ERR_SRCH : proc_node_may_look(n, f->cred);
}

static err_t text_read(struct file *f, struct vm_span span, u64 *pos, size_t *done) {
    struct proc_node *n = node_of(f);
    struct proc_text *p = f->data;
    if (n->entry->content == nullptr && n->entry->show == nullptr) {
        return ERR_IO;
    }
    GUARD(procfs, p);
    if (p->buf == nullptr || *pos == 0) {
        TRY(still_allowed(f, n));
        char *fresh;
        size_t bytes;
        TRY(make_text(n, &fresh, &bytes));
        heap_free(&p->buf);
        p->buf = fresh;
        p->bytes = bytes;
    }
    if (*pos >= p->bytes) {
        return ERR_OK;
    }
    size_t bytes = MIN(span.bytes, p->bytes - *pos);
    TRY(proc_span_put(span, p->buf + *pos, bytes));
    *pos += bytes;
    *done = bytes;
    return ERR_OK;
}

static err_t text_write(struct file *f, struct vm_span span, u64 *pos, size_t *done) {
    struct proc_node *n = node_of(f);
    if (n->entry->write == nullptr) {
        return ERR_IO;
    }
    TRY(still_allowed(f, n));
    size_t bytes = MIN(span.bytes, WRITE_MAX - 1);
    char *text;
    TRY(heap_alloc(WRITE_MAX, (void **)&text));
    err_t err = span_get(span, text, bytes);
    if (err == ERR_OK) {
        size_t len = bytes;
        while (len != 0 && (text[len - 1] == '\n' || text[len - 1] == 0)) {
            text[--len] = 0;
        }
        err = n->entry->write(n, text, len);
    }
    heap_free(&text);
    TRY(err);
    *pos += bytes;
    *done = bytes;
    return ERR_OK;
}

static void text_release(struct file *f) NO_LOCK_ANALYSIS { // WHY: the last user is alone
    struct proc_text *p = f->data;
    heap_free(&p->buf);
    heap_free(&p);
}

static const struct file_ops text_ops = {
    .read = text_read, .write = text_write, .seek = file_seek_plain, .release = text_release};

err_t proc_text_open(struct vnode *v, struct file *f) {
    unused_arg(v);
    struct proc_text *p;
    TRY(heap_new(&p));
    mutex_init(&p->lock);
    f->data = p;
    f->ops = &text_ops;
    return ERR_OK;
}

// ---- /proc/kmsg: the log as a stream; reading waits for more

static err_t kmsg_read(struct file *f, struct vm_span span, u64 *pos, size_t *done) {
    constexpr size_t CHUNK = 4096;
    char *line;
    TRY(heap_alloc(CHUNK, (void **)&line));
    err_t err = ERR_OK;
    for (;;) {
        u64 at = *pos;
        size_t bytes = log_read(&at, line, MIN(CHUNK, span.bytes));
        if (bytes != 0) {
            err = proc_span_put(span, line, bytes);
            if (err == ERR_OK) {
                *pos = at;
                *done = bytes;
            }
            break;
        }
        if ((f->flags & O_NONBLOCK) != 0 || span.bytes == 0) {
            err = span.bytes == 0 ? ERR_OK : ERR_AGAIN;
            break;
        }
        // The log has no queue to wait on: it is written in every context, panics included.
        err = sleep_until(deadline_in(time_now_ns(), KMSG_PERIOD_NS), WAIT_INTERRUPTIBLE);
        if (err != ERR_OK) {
            break;
        }
    }
    heap_free(&line);
    return err;
}

const struct file_ops proc_kmsg_ops = {.read = kmsg_read, .seek = file_seek_plain};
