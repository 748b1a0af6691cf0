// SPDX-License-Identifier: MIT
// Plain files and directories as open files. Data moves through the page cache (the vnode's
// vm_object). Writers hold the vnode's lock from finding the end (O_APPEND) to the last byte, so
// appends never mix and each write is seen as a whole by other writers.
#include "vfs_impl.h"
#include <mm/vm/copy.h>

enum seek_whence { SEEK_FROM_SET, SEEK_FROM_CUR, SEEK_FROM_END, SEEK_TO_DATA, SEEK_TO_HOLE };
constexpr u32 FIONREAD_REQUEST = 0x541B;

static err_t plain_read(struct file *f, struct vm_span span, u64 *pos, size_t *done) {
    struct vnode *v = f->vnode;
    if (v->type == VNODE_DIR) {
        return ERR_ISDIR;
    }
    if (v->object == nullptr) {
        return ERR_INVAL;
    }
    if (*pos > (u64)INT64_MAX) {
        return ERR_INVAL;
    }
    err_t err = vm_object_read(v->object, *pos, span, done);
    *pos += *done;
    return err;
}

static err_t write_locked(struct file *f, struct vm_span span, u64 *pos, size_t *done)
    REQUIRES(lc_vnode) {
    struct vnode *v = f->vnode;
    if ((f->flags & O_APPEND) != 0) {
        *pos = v->object->size_bytes;
    }
    u64 end;
    if (__builtin_add_overflow(*pos, span.bytes, &end) || end > (u64)INT64_MAX) {
        return ERR_FBIG;
    }
    if (v->ops->prepare_write != nullptr) {
        TRY(v->ops->prepare_write(v, *pos, span.bytes));
    }
    err_t err = vm_object_write(v->object, *pos, span, done);
    *pos += *done;
    if (*done != 0) {
        f->written = true;
        if (v->ops->wrote != nullptr) {
            v->ops->wrote(v, *done);
        }
        attr_drop_setid(v, f->cred);
    }
    return err;
}

static err_t plain_write(struct file *f, struct vm_span span, u64 *pos, size_t *done) {
    struct vnode *v = f->vnode;
    if (v->object == nullptr) {
        return ERR_INVAL;
    }
    if (span.bytes == 0) {
        return ERR_OK;
    }
    vnode_lock(v);
    err_t err = write_locked(f, span, pos, done);
    vnode_unlock(v);
    if (*done != 0 && (f->flags & O_DSYNC) != 0 && v->ops->sync != nullptr) {
        err_t sync_err = v->ops->sync(v, (f->flags & O_SYNC) != O_SYNC);
        if (sync_err != ERR_OK) {
            *done = 0; // the caller was promised durable bytes
            return sync_err;
        }
    }
    return err;
}

static err_t find_data(struct vnode *v, u64 offset, bool hole, u64 *out) {
    if (v->ops->seek != nullptr) {
        return v->ops->seek(v, offset, hole, out);
    }
    u64 size = v->object->size_bytes;
    if (offset >= size) {
        return ERR_NXIO;
    }
    *out = hole ? size : offset;
    return ERR_OK;
}

static err_t plain_seek(struct file *f, i64 offset, int whence, u64 *pos) {
    struct vnode *v = f->vnode;
    i64 base = 0;
    switch (whence) {
    case SEEK_FROM_SET:
        break;
    case SEEK_FROM_CUR:
        base = (i64)*pos;
        break;
    case SEEK_FROM_END: {
        struct vattr a;
        if (v->object != nullptr) {
            base = (i64)v->object->size_bytes;
        } else if (v->type != VNODE_DIR) {
            TRY(attr_get(v, &a));
            base = (i64)a.size;
        }
        break;
    }
    case SEEK_TO_DATA:
    case SEEK_TO_HOLE:
        if (v->object == nullptr) {
            return ERR_INVAL;
        }
        return offset < 0 ? ERR_NXIO : find_data(v, (u64)offset, whence == SEEK_TO_HOLE, pos);
    default:
        return ERR_INVAL;
    }
    i64 to;
    if (__builtin_add_overflow(base, offset, &to)) {
        return ERR_OVERFLOW;
    }
    if (to < 0) {
        return ERR_INVAL;
    }
    *pos = (u64)to;
    return ERR_OK;
}

static err_t plain_ioctl(struct file *f, u32 request, u64 arg, i64 *result) {
    unused_arg(result);
    struct vnode *v = f->vnode;
    if (request != FIONREAD_REQUEST || v->object == nullptr) {
        return ERR_NOTTY;
    }
    file_pos_lock(f);
    u64 pos = f->pos;
    file_pos_unlock(f);
    u64 size = v->object->size_bytes;
    i32 left = (i32)MIN(size > pos ? size - pos : 0, (u64)INT32_MAX);
    return copy_out((struct uptr){arg}, &left, sizeof left);
}

static err_t plain_map(struct file *f, u64 offset, u64 bytes, struct vm_object **out) {
    unused_arg(offset);
    unused_arg(bytes);
    struct vnode *v = f->vnode;
    if (v->object == nullptr) {
        return ERR_NODEV;
    }
    if ((f->flags & O_ACCMODE) == O_RDWR) {
        f->written = true; // stores through the mapping are written when the file goes
    }
    vm_object_get(v->object);
    *out = v->object;
    return ERR_OK;
}

struct cookie_sink { // notes how far the caller's sink came
    struct dir_sink sink;
    struct dir_sink *to;
    u64 *cookie;
};

static bool cookie_add(struct dir_sink *s, const char *name, size_t len, u64 ino,
                       enum vnode_type type, u64 next_cookie) {
    struct cookie_sink *c = container_of(s, struct cookie_sink, sink);
    if (!c->to->add(c->to, name, len, ino, type, next_cookie)) {
        return false;
    }
    *c->cookie = next_cookie;
    return true;
}

static u64 parent_ino(struct file *f) {
    struct vnode *up = nullptr;
    struct name_entry *e = name_parent_get(f->path.name, &up);
    if (e == nullptr) {
        return f->vnode->ino;
    }
    u64 ino = up->ino;
    name_put(e);
    vnode_put(up);
    return ino;
}

static err_t plain_readdir(struct file *f, struct dir_sink *sink, u64 *cookie) {
    struct vnode *v = f->vnode;
    if (v->type != VNODE_DIR || v->ops->readdir == nullptr) {
        return ERR_NOTDIR;
    }
    struct cookie_sink c = {.sink.add = cookie_add, .to = sink, .cookie = cookie};
    if (*cookie == 0 && !cookie_add(&c.sink, ".", 1, v->ino, VNODE_DIR, 1)) {
        return ERR_OK;
    }
    if (*cookie == 1 && !cookie_add(&c.sink, "..", 2, parent_ino(f), VNODE_DIR, 2)) {
        return ERR_OK;
    }
    GUARD(vnode, v);
    return v->ops->readdir(v, *cookie < 3 ? 0 : *cookie, &c.sink);
}

const struct file_ops vnode_file_ops = {
    .read = plain_read,
    .write = plain_write,
    .ioctl = plain_ioctl,
    .map = plain_map,
    .seek = plain_seek,
    .readdir = plain_readdir,
};
