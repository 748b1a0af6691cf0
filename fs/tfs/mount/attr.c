// SPDX-License-Identifier: MIT
// Changes of attributes and size. Cached data goes to the core first: what is set then stays, and
// is not overwritten by the time stamp of an older write.
#include "mount_impl.h"

// The page cache is cut first: a write-back under way ends there, and none can bring the old size
// back into the core.
static err_t set_size(struct tfs_node *n, u64 bytes) {
    u64 old = n->object.size_bytes;
    if (bytes > TFS_FILE_BYTES_MAX) {
        return ERR_FBIG;
    }
    n->generation++;
    vm_object_truncate(&n->object, bytes);
    err_t err = tfs_truncate(n->volume->core, n->ino, bytes);
    if (err != ERR_OK) {
        vm_object_truncate(&n->object, old);
    }
    n->generation++;
    return err;
}

err_t tfs_op_setattr(struct vnode *v, u32 mask, const struct vattr *a) {
    struct tfs_node *n = tfs_vnode_of(v);
    if ((mask & VATTR_SIZE) != 0) {
        TRY(set_size(n, a->size));
        n->touched_ns = 0; // the truncation's own time is newer
    }
    mask &= ~(u32)VATTR_SIZE;
    err_t err = ERR_OK;
    if (mask != 0) {
        if (v->object != nullptr) {
            TRY(tfs_vnode_flush(n));
        }
        static_assert((u32)VATTR_MODE == TFS_SET_MODE && (u32)VATTR_UID == TFS_SET_UID &&
                      (u32)VATTR_GID == TFS_SET_GID && (u32)VATTR_ATIME == TFS_SET_ATIME &&
                      (u32)VATTR_MTIME == TFS_SET_MTIME && (u32)VATTR_CTIME == TFS_SET_CTIME);
        struct tfs_setattr set = {.mask = mask,
                                  .mode = a->mode & 07777,
                                  .uid = a->uid,
                                  .gid = a->gid,
                                  .atime_ns = timespec_ns(a->atime),
                                  .mtime_ns = timespec_ns(a->mtime),
                                  .ctime_ns = timespec_ns(a->ctime)};
        err = tfs_setattr(n->volume->core, n->ino, &set);
    }
    tfs_vnode_changed(n);
    return err;
}

err_t tfs_op_fallocate(struct vnode *v, u32 mode, u64 offset, u64 bytes) {
    struct tfs_node *n = tfs_vnode_of(v);
    bool punch = mode == (TFS_FALLOC_PUNCH_HOLE | TFS_FALLOC_KEEP_SIZE);
    if (!punch && (mode & ~TFS_FALLOC_KEEP_SIZE) != 0) {
        return ERR_OPNOTSUPP;
    }
    if (offset + bytes > TFS_FILE_BYTES_MAX) {
        return ERR_FBIG;
    }
    TRY(tfs_vnode_flush(n));
    n->generation++;
    TRY(tfs_fallocate(n->volume->core, n->ino, mode, offset, bytes));
    n->generation++;
    if (punch) {
        vm_object_drop(&n->object, offset / PAGE_SIZE, (offset + bytes - 1) / PAGE_SIZE);
    } else if ((mode & TFS_FALLOC_KEEP_SIZE) == 0 && offset + bytes > n->object.size_bytes) {
        vm_object_truncate(&n->object, offset + bytes);
    }
    tfs_vnode_changed(n);
    return ERR_OK;
}

static struct tfs_name name_of(const char *name) { return tfs_name_of(name, strlen(name)); }

err_t tfs_op_getxattr(struct vnode *v, const char *name, void *buf, size_t capacity,
                      size_t *bytes) {
    struct tfs_node *n = tfs_vnode_of(v);
    size_t got;
    struct tfs_buf to = {buf, capacity};
    TRY(tfs_xattr_get(n->volume->core, n->at, n->ino, name_of(name), to, &got));
    if (capacity != 0 && got > capacity) {
        return ERR_RANGE;
    }
    *bytes = got;
    return ERR_OK;
}

err_t tfs_op_setxattr(struct vnode *v, const char *name, const void *value, size_t bytes,
                      u32 flags) {
    struct tfs_node *n = tfs_vnode_of(v);
    struct tfs_bytes from = {value, bytes};
    TRY(tfs_xattr_set(n->volume->core, n->ino, name_of(name), from, flags));
    tfs_vnode_changed(n);
    return ERR_OK;
}

err_t tfs_op_removexattr(struct vnode *v, const char *name) {
    struct tfs_node *n = tfs_vnode_of(v);
    TRY(tfs_xattr_remove(n->volume->core, n->ino, name_of(name)));
    tfs_vnode_changed(n);
    return ERR_OK;
}

struct names {
    char *buf;
    size_t capacity, used;
};

static bool add_name(void *arg, struct tfs_name name, size_t value_len) {
    unused_arg(value_len);
    struct names *l = arg;
    if (l->used + name.len + 1 <= l->capacity) {
        memcpy(l->buf + l->used, name.bytes, name.len);
        l->buf[l->used + name.len] = 0;
    }
    l->used += name.len + 1;
    return true;
}

err_t tfs_op_listxattr(struct vnode *v, char *buf, size_t capacity, size_t *bytes) {
    struct tfs_node *n = tfs_vnode_of(v);
    struct names l = {buf, capacity, 0};
    TRY(tfs_xattr_list(n->volume->core, n->at, n->ino, add_name, &l));
    if (capacity != 0 && l.used > capacity) {
        return ERR_RANGE;
    }
    *bytes = l.used;
    return ERR_OK;
}
