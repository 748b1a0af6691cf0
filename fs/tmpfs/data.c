// SPDX-License-Identifier: MIT
// Contents, attributes and extended attributes. The limit counts pages really there; it is looked
// at before each write, so what memory mappings add shows at the next one.
#include "tmpfs_impl.h"

constexpr u32 FALLOC_KEEP_SIZE = 1, FALLOC_PUNCH_HOLE = 2;
constexpr u32 XATTR_CREATE = 1, XATTR_REPLACE = 2;
constexpr size_t XATTR_BYTES_MAX = 65536;

static u64 pages_of(struct vm_object *o) {
    GUARD(vm_object, o);
    return o->page_count;
}

void tmpfs_recount(struct tmpfs_node *n) {
    u64 pages = pages_of(n->object);
    n->fs->pages_used += pages - n->pages_counted; // wraps to a subtraction
    n->pages_counted = pages;
}

static u64 ns_of(struct timespec64 t) { return (u64)t.sec * NS_PER_SEC + t.nsec; }

err_t tmpfs_setattr(struct vnode *v, u32 mask, const struct vattr *a) {
    struct tmpfs_node *n = tmpfs_node(v);
    u64 now = time_wall_ns();
    if ((mask & VATTR_SIZE) != 0) {
        vm_object_truncate(n->object, a->size);
        tmpfs_recount(n);
    }
    GUARD(tmpfs, n->fs);
    if ((mask & VATTR_SIZE) != 0) {
        n->mtime_ns = now;
    }
    if ((mask & VATTR_MODE) != 0) {
        n->mode = (n->mode & 0170000) | (a->mode & 07777);
    }
    if ((mask & VATTR_UID) != 0) {
        n->uid = a->uid;
    }
    if ((mask & VATTR_GID) != 0) {
        n->gid = a->gid;
    }
    if ((mask & VATTR_ATIME) != 0) {
        n->atime_ns = ns_of(a->atime);
    }
    if ((mask & VATTR_MTIME) != 0) {
        n->mtime_ns = ns_of(a->mtime);
    }
    n->ctime_ns = (mask & VATTR_CTIME) != 0 ? ns_of(a->ctime) : now;
    return ERR_OK;
}

err_t tmpfs_prepare_write(struct vnode *v, u64 offset, size_t bytes) {
    unused_arg(offset);
    struct tmpfs *t = tmpfs_node(v)->fs;
    // Pages that are there already need none; a full file system may still be written inside its
    // files.
    u64 used = t->pages_used;
    if (used + bytes_to_pages(bytes) <= t->pages_max) {
        return ERR_OK;
    }
    u64 end = v->object->size_bytes;
    return offset + bytes <= end ? ERR_OK : ERR_NOSPC;
}

void tmpfs_wrote(struct vnode *v, size_t bytes) {
    unused_arg(bytes);
    struct tmpfs_node *n = tmpfs_node(v);
    tmpfs_recount(n);
    GUARD(tmpfs, n->fs);
    n->mtime_ns = n->ctime_ns = time_wall_ns();
}

// A page that is there is data, any other is a hole; the end of the file counts as a hole.
err_t tmpfs_seek(struct vnode *v, u64 offset, bool hole, u64 *out) {
    struct vm_object *o = v->object;
    u64 size = o->size_bytes;
    if (offset >= size) {
        return ERR_NXIO;
    }
    u64 next;
    for (u64 index = offset / PAGE_SIZE;; index++) {
        bool found = vm_object_next(o, index, &next) == ERR_OK && next * PAGE_SIZE < size;
        if (!hole && !found) {
            return ERR_NXIO;
        }
        if (!hole || !found || next != index) {
            u64 at = (hole ? index : next) * PAGE_SIZE;
            *out = MIN(MAX(offset, at), size);
            return ERR_OK;
        }
    }
}

static err_t zero_part(struct vm_object *o, u64 offset, u64 bytes) {
    struct page *p;
    err_t err = vm_object_find(o, offset / PAGE_SIZE, &p);
    if (err == ERR_NOENT) {
        return ERR_OK;
    }
    TRY(err);
    memset((u8 *)page_ptr(p) + offset % PAGE_SIZE, 0, bytes);
    page_put(p);
    return ERR_OK;
}

static err_t punch(struct vm_object *o, u64 offset, u64 end) {
    u64 first = ALIGN_UP(offset, PAGE_SIZE);
    u64 last = ALIGN_DOWN(end, PAGE_SIZE);
    if (first > last) { // inside one page
        return zero_part(o, offset, end - offset);
    }
    TRY(zero_part(o, offset, first - offset));
    TRY(zero_part(o, last, end - last));
    if (first < last) {
        vm_object_drop(o, first / PAGE_SIZE, last / PAGE_SIZE - 1);
    }
    return ERR_OK;
}

err_t tmpfs_fallocate(struct vnode *v, u32 mode, u64 offset, u64 bytes) {
    struct tmpfs_node *n = tmpfs_node(v);
    u64 size = n->object->size_bytes;
    if (mode == (FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE)) {
        u64 end = MIN(offset + bytes, ALIGN_UP(size, PAGE_SIZE));
        if (offset < end) {
            TRY(punch(n->object, offset, end));
        }
        tmpfs_wrote(v, 0);
        return ERR_OK;
    }
    if ((mode & ~FALLOC_KEEP_SIZE) != 0) {
        return ERR_OPNOTSUPP;
    }
    if (n->fs->pages_used + bytes_to_pages(bytes) > n->fs->pages_max) {
        return ERR_NOSPC;
    }
    if ((mode & FALLOC_KEEP_SIZE) == 0 && offset + bytes > size) {
        vm_object_truncate(n->object, offset + bytes);
    }
    tmpfs_wrote(v, 0);
    return ERR_OK;
}

static struct tmpfs_xattr *xattr_find(struct tmpfs_node *n, const char *name) {
    struct tmpfs_xattr *x;
    list_for_each(x, &n->xattrs, node) {
        if (text_equal(x->name, name)) {
            return x;
        }
    }
    return nullptr;
}

static void xattr_free(struct tmpfs_xattr *x) {
    list_remove(&x->node);
    heap_free(&x->name);
    heap_free(&x->value);
    heap_free(&x);
}

void tmpfs_xattrs_free(struct tmpfs_node *n) {
    while (!list_empty(&n->xattrs)) {
        xattr_free(list_first(&n->xattrs, struct tmpfs_xattr, node));
    }
}

err_t tmpfs_getxattr(struct vnode *v, const char *name, void *buf, size_t capacity, size_t *bytes) {
    struct tmpfs_node *n = tmpfs_node(v);
    GUARD(tmpfs, n->fs);
    struct tmpfs_xattr *x = xattr_find(n, name);
    if (x == nullptr) {
        return ERR_NODATA;
    }
    if (capacity != 0 && capacity < x->bytes) {
        return ERR_RANGE;
    }
    memcpy(buf, x->value, MIN(capacity, x->bytes));
    *bytes = x->bytes;
    return ERR_OK;
}

static err_t xattr_new(const char *name, const void *value, size_t bytes,
                       struct tmpfs_xattr **out) {
    struct tmpfs_xattr *x;
    TRY(heap_new(&x));
    list_init(&x->node);
    size_t name_bytes = strlen(name) + 1;
    err_t err = heap_alloc(name_bytes, (void **)&x->name);
    if (err == ERR_OK) {
        err = heap_alloc(MAX(bytes, (size_t)1), &x->value);
    }
    if (err != ERR_OK) {
        xattr_free(x);
        return err;
    }
    memcpy(x->name, name, name_bytes);
    memcpy(x->value, value, bytes);
    x->bytes = bytes;
    *out = x;
    return ERR_OK;
}

err_t tmpfs_setxattr(struct vnode *v, const char *name, const void *value, size_t bytes,
                     u32 flags) {
    struct tmpfs_node *n = tmpfs_node(v);
    if (bytes > XATTR_BYTES_MAX) {
        return ERR_NOSPC;
    }
    struct tmpfs_xattr *fresh;
    TRY(xattr_new(name, value, bytes, &fresh));
    GUARD(tmpfs, n->fs);
    struct tmpfs_xattr *old = xattr_find(n, name);
    if ((old != nullptr && (flags & XATTR_CREATE) != 0) ||
        (old == nullptr && (flags & XATTR_REPLACE) != 0)) {
        xattr_free(fresh);
        return old != nullptr ? ERR_EXIST : ERR_NODATA;
    }
    if (old != nullptr) {
        xattr_free(old);
    }
    list_push_back(&n->xattrs, &fresh->node);
    n->ctime_ns = time_wall_ns();
    return ERR_OK;
}

err_t tmpfs_removexattr(struct vnode *v, const char *name) {
    struct tmpfs_node *n = tmpfs_node(v);
    GUARD(tmpfs, n->fs);
    struct tmpfs_xattr *x = xattr_find(n, name);
    if (x == nullptr) {
        return ERR_NODATA;
    }
    xattr_free(x);
    n->ctime_ns = time_wall_ns();
    return ERR_OK;
}

err_t tmpfs_listxattr(struct vnode *v, char *buf, size_t capacity, size_t *bytes) {
    struct tmpfs_node *n = tmpfs_node(v);
    GUARD(tmpfs, n->fs);
    size_t total = 0;
    struct tmpfs_xattr *x;
    list_for_each(x, &n->xattrs, node) {
        size_t len = strlen(x->name) + 1;
        if (capacity != 0) {
            if (total + len > capacity) {
                return ERR_RANGE;
            }
            memcpy(buf + total, x->name, len);
        }
        total += len;
    }
    *bytes = total;
    return ERR_OK;
}
