// SPDX-License-Identifier: MIT
// Open files, whatever they are: life, and the checks before the file's own operations. A file with
// a seek operation has a position; reads and writes without an own position hold its lock, so that
// two of them do not use the same bytes (POSIX.1-2017 2.9.7). Files without one (terminals, pipes)
// are never locked here: a read may wait for ever.
#include "vfs_impl.h"
#include <kernel/sched/work.h>

static _Atomic(struct file *) dead_files;
static void release_dead(struct work *w);
static struct work release_work = {.node = LIST_INIT(release_work.node), .fn = release_dead};

static bool counts_as_writer(const struct file *f) {
    return f->vnode != nullptr && f->vnode->type == VNODE_REG && (f->flags & O_PATH) == 0 &&
           (f->flags & O_ACCMODE) != O_RDONLY;
}

err_t file_alloc(const struct path *p, u32 flags, const struct cred *cred, struct file **out) {
    struct file *f;
    TRY(heap_new(&f));
    ref_init(&f->refs);
    mutex_init(&f->lock);
    f->flags = flags;
    if (p != nullptr) {
        path_get(p);
        f->path = *p;
        f->vnode = p->vnode;
        vnode_get(f->vnode);
    }
    cred_get(cred);
    f->cred = cred;
    if (counts_as_writer(f)) {
        f->vnode->writers++;
    }
    *out = f;
    return ERR_OK;
}

err_t file_create(const struct file_ops *ops, void *data, u32 flags, const struct cred *cred,
                  struct file **out) {
    struct file *f;
    TRY(file_alloc(nullptr, flags, cred, &f));
    f->ops = ops;
    f->data = data;
    *out = f;
    return ERR_OK;
}

void file_get(struct file *f) { ref_get(&f->refs); }

static void file_release(struct file *f) {
    struct vnode *v = f->vnode;
    if (v != nullptr) {
        record_locks_drop(v, f); // flock
    }
    if (f->ops != nullptr && f->ops->release != nullptr) {
        f->ops->release(f);
    }
    if (v != nullptr) {
        if (f->ops != nullptr && (f->flags & O_PATH) == 0 && v->ops->close != nullptr) {
            v->ops->close(v, f);
        }
        if (counts_as_writer(f)) {
            v->writers--;
        }
    }
    path_put(&f->path);
    vnode_put(v);
    cred_put(f->cred);
    heap_free(&f);
}

void file_put(struct file *f) {
    if (ref_put(&f->refs)) {
        file_release(f);
    }
}

static void release_dead(struct work *w) {
    unused_arg(w);
    struct file *f = __c11_atomic_exchange(&dead_files, nullptr, __ATOMIC_ACQ_REL);
    while (f != nullptr) {
        struct file *next = f->next_dead;
        file_release(f);
        f = next;
    }
}

// Mappings are dropped with locks held that rank above those a release takes.
void file_put_later(void *file) {
    struct file *f = file;
    if (!ref_put(&f->refs)) {
        return;
    }
    f->next_dead = dead_files;
    while (!__c11_atomic_compare_exchange_weak(&dead_files, &f->next_dead, f, __ATOMIC_RELEASE,
                                               __ATOMIC_RELAXED)) {
    }
    work_queue(&release_work);
}

typedef err_t (*transfer_fn)(struct file *f, struct vm_span span, u64 *pos, size_t *done);

static err_t transfer(struct file *f, transfer_fn fn, struct vm_span span, u64 *pos_or_null,
                      size_t *done) {
    size_t got = 0;
    err_t err;
    if (f->ops->seek == nullptr) {
        if (pos_or_null != nullptr) {
            return ERR_SPIPE;
        }
        u64 none = 0;
        err = fn(f, span, &none, &got);
    } else if (pos_or_null != nullptr) {
        err = fn(f, span, pos_or_null, &got);
    } else {
        GUARD(file_pos, f);
        u64 pos = f->pos;
        err = fn(f, span, &pos, &got);
        f->pos = pos;
    }
    *done = got;
    return got != 0 ? ERR_OK : err; // what was moved counts
}

err_t file_read(struct file *f, struct vm_span span, u64 *pos_or_null, size_t *done) {
    *done = 0;
    if ((f->flags & O_PATH) != 0 || (f->flags & O_ACCMODE) == O_WRONLY) {
        return ERR_BADF;
    }
    return f->ops->read == nullptr ? ERR_INVAL : transfer(f, f->ops->read, span, pos_or_null, done);
}

err_t file_write(struct file *f, struct vm_span span, u64 *pos_or_null, size_t *done) {
    *done = 0;
    if ((f->flags & O_PATH) != 0 || (f->flags & O_ACCMODE) == O_RDONLY) {
        return ERR_BADF;
    }
    return f->ops->write == nullptr ? ERR_INVAL
                                    : transfer(f, f->ops->write, span, pos_or_null, done);
}

err_t file_seek(struct file *f, i64 offset, int whence, u64 *out) {
    if ((f->flags & O_PATH) != 0) {
        return ERR_BADF;
    }
    if (f->ops->seek == nullptr) {
        return ERR_SPIPE;
    }
    GUARD(file_pos, f);
    u64 pos = f->pos;
    TRY(f->ops->seek(f, offset, whence, &pos));
    f->pos = pos;
    *out = pos;
    return ERR_OK;
}

err_t file_seek_plain(struct file *f, i64 offset, int whence, u64 *pos) {
    unused_arg(f);
    i64 base = whence == 1 ? (i64)*pos : 0;
    i64 to;
    if (whence < 0 || whence > 1 || __builtin_add_overflow(base, offset, &to) || to < 0) {
        return ERR_INVAL;
    }
    *pos = (u64)to;
    return ERR_OK;
}

u32 file_poll(struct file *f, struct poll_table *t) {
    if ((f->flags & O_PATH) != 0) {
        return POLL_NVAL;
    }
    return f->ops->poll == nullptr ? POLL_IN | POLL_OUT : f->ops->poll(f, t);
}

err_t file_ioctl(struct file *f, u32 request, u64 arg, i64 *result) {
    if ((f->flags & O_PATH) != 0) {
        return ERR_BADF;
    }
    *result = 0;
    return f->ops->ioctl == nullptr ? ERR_NOTTY : f->ops->ioctl(f, request, arg, result);
}

err_t file_readdir(struct file *f, struct dir_sink *sink) {
    if ((f->flags & O_PATH) != 0) {
        return ERR_BADF;
    }
    if (f->ops->readdir == nullptr) {
        return ERR_NOTDIR;
    }
    GUARD(file_pos, f);
    u64 cookie = f->pos;
    err_t err = f->ops->readdir(f, sink, &cookie);
    f->pos = cookie;
    return err;
}

const struct file_ops path_file_ops = {};

err_t vfs_file_truncate(struct file *f, u64 bytes) {
    if ((f->flags & O_PATH) != 0) {
        return ERR_BADF;
    }
    struct vnode *v = f->vnode;
    if (v == nullptr || v->type != VNODE_REG || (f->flags & O_ACCMODE) == O_RDONLY) {
        return ERR_INVAL;
    }
    TRY(attr_write_check(v));
    GUARD(vnode, v);
    f->written = true;
    TRY(attr_truncate_locked(v, bytes));
    attr_drop_setid(v, f->cred);
    return ERR_OK;
}

err_t vfs_file_sync(struct file *f, bool data_only) {
    if ((f->flags & O_PATH) != 0) {
        return ERR_BADF;
    }
    if (f->ops->sync != nullptr) {
        return f->ops->sync(f, data_only);
    }
    struct vnode *v = f->vnode;
    if (v == nullptr || (v->type != VNODE_REG && v->type != VNODE_DIR)) {
        return ERR_INVAL;
    }
    return v->ops->sync == nullptr ? ERR_OK : v->ops->sync(v, data_only);
}

err_t vfs_file_allocate(struct file *f, u32 mode, u64 offset, u64 bytes) {
    struct vnode *v = f->vnode;
    if ((f->flags & O_PATH) != 0 || (f->flags & O_ACCMODE) == O_RDONLY) {
        return ERR_BADF;
    }
    u64 end;
    if (bytes == 0 || __builtin_add_overflow(offset, bytes, &end) || (i64)offset < 0) {
        return ERR_INVAL;
    }
    if (v == nullptr || v->type != VNODE_REG) {
        return v != nullptr && v->type == VNODE_FIFO ? ERR_SPIPE : ERR_NODEV;
    }
    if (end > (u64)INT64_MAX) {
        return ERR_FBIG;
    }
    if (v->ops->fallocate == nullptr) {
        return ERR_OPNOTSUPP;
    }
    TRY(attr_write_check(v));
    GUARD(vnode, v);
    f->written = true;
    return v->ops->fallocate(v, mode, offset, bytes);
}
