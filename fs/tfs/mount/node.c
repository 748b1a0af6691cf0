// SPDX-License-Identifier: MIT
// In-memory inodes: a table of vnodes by (kind, moment, inode number), so that each file has one
// page cache at a time.
//
// A node leaves the table in `inactive`, after its data went to the core; whoever looks it up
// meanwhile waits for that, else two caches of one file would exist. Present nodes hold a tfs_open
// reference: a file whose last name goes lives on until then. Attributes are cached: `attr` is what
// the core said; size (object.size_bytes) and the time of unflushed writes (touched_ns) are ahead
// of it.
#include "mount_impl.h"

static struct list *bucket_of(struct tfs_volume *vol, enum node_kind kind, u64 at, u64 ino) {
    u64 h = (ino ^ (at * 0x9e3779b97f4a7c15) ^ kind) * 0xff51afd7ed558ccd;
    return &vol->buckets[(h >> 40) % TFS_BUCKETS];
}

static struct tfs_node *find_locked(struct tfs_volume *vol, enum node_kind kind, u64 at, u64 ino)
    REQUIRES(lc_vnode_table) {
    struct tfs_node *n;
    list_for_each(n, bucket_of(vol, kind, at, ino), hash_node) {
        if (n->ino == ino && n->at == at && n->kind == kind) {
            return n;
        }
    }
    return nullptr;
}

enum found : u8 { FOUND_LIVE, FOUND_DYING, FOUND_NONE };

static enum found find_live(struct tfs_volume *vol, enum node_kind kind, u64 at, u64 ino,
                            struct vnode **out, u64 *gone_seen) {
    GUARD(vnode_table, vol);
    *gone_seen = vol->gone_count;
    struct tfs_node *n = find_locked(vol, kind, at, ino);
    if (n == nullptr) {
        return FOUND_NONE;
    }
    if (!vnode_get_if_live(n->vnode)) {
        return FOUND_DYING;
    }
    *out = n->vnode;
    return FOUND_LIVE;
}

struct vnode *tfs_vnode_find_live(struct tfs_volume *vol, u64 ino) {
    struct vnode *v = nullptr;
    u64 seen;
    return find_live(vol, NODE_PRESENT, TFS_NOW, ino, &v, &seen) == FOUND_LIVE ? v : nullptr;
}

static bool insert(struct tfs_volume *vol, struct tfs_node *n) {
    GUARD(vnode_table, vol);
    if (find_locked(vol, n->kind, n->at, n->ino) != nullptr) {
        return false;
    }
    list_push_back(bucket_of(vol, n->kind, n->at, n->ino), &n->hash_node);
    vol->node_count++;
    return true;
}

static const struct vnode_ops *ops_of(enum node_kind kind) {
    switch (kind) {
    case NODE_PRESENT:
        return &tfs_present_ops;
    case NODE_PAST:
        return &tfs_past_ops;
    case NODE_TIME_DIR:
        break;
    }
    return &tfs_time_dir_ops;
}

static void set_up(struct tfs_node *n, struct vnode *v) {
    n->vnode = v;
    v->fs = n;
    v->rdev = n->attr.rdev;
    list_init(&n->hash_node);
    list_init(&n->dirty_node);
    if (n->kind == NODE_PAST) {
        v->flags |= VNODE_PAST;
    }
    if (n->kind == NODE_TIME_DIR) {
        v->flags |= VNODE_NO_NAME_CACHE | VNODE_PAST;
    }
    if (v->type == VNODE_REG) {
        vm_object_init(&n->object, n->kind == NODE_PRESENT ? &tfs_object_ops : &tfs_past_object_ops,
                       v);
        n->object.size_bytes = n->attr.size;
        v->object = &n->object;
    }
}

// Builds a node for an inode that the core knows; not yet in the table.
static err_t make(struct tfs_volume *vol, enum node_kind kind, u64 at, u64 ino,
                  struct tfs_node **out) {
    struct tfs_node *n;
    TRY(heap_new(&n));
    n->volume = vol;
    n->kind = kind;
    n->at = at;
    n->ino = ino;
    struct vnode *v = nullptr;
    err_t err = tfs_getattr(vol->core, at, ino, &n->attr);
    if (err == ERR_OK && kind == NODE_TIME_DIR) {
        n->attr.mode = (n->attr.mode & 07777) | (u32)VNODE_DIR << 12;
    }
    if (err == ERR_OK) {
        err = vnode_alloc(vol->mount, (enum vnode_type)(n->attr.mode >> 12),
                          kind == NODE_TIME_DIR ? ino | (u64)1 << 62 : ino, ops_of(kind), &v);
    }
    if (err != ERR_OK) {
        heap_free(&n);
        return err;
    }
    set_up(n, v);
    n->attr_valid = true;
    *out = n;
    return ERR_OK;
}

static void discard(struct tfs_node *n) {
    struct vnode *v = n->vnode;
    v->fs = nullptr; // inactive knows
    bool has_object = v->object != nullptr;
    vnode_put(v);
    if (has_object) {
        vm_object_put(&n->object);
    } else {
        heap_free(&n);
    }
}

err_t tfs_vnode_get(struct tfs_volume *vol, enum node_kind kind, u64 at, u64 ino,
                    struct vnode **out) {
    for (;;) {
        u64 seen;
        enum found found = find_live(vol, kind, at, ino, out, &seen);
        if (found == FOUND_LIVE) {
            return ERR_OK;
        }
        if (found == FOUND_DYING) {
            (void)WAIT_UNTIL(&vol->gone, vol->gone_count != seen, WAIT_SOLID, DEADLINE_NEVER);
            continue;
        }
        if (kind == NODE_PRESENT) {
            TRY(tfs_open(vol->core, ino)); // before the attributes: from here on it stays
        }
        struct tfs_node *n = nullptr;
        err_t err = make(vol, kind, at, ino, &n);
        if (err == ERR_OK && insert(vol, n)) {
            *out = n->vnode;
            return ERR_OK;
        }
        if (n != nullptr) {
            discard(n); // somebody was faster
        }
        if (kind == NODE_PRESENT) {
            (void)tfs_release(vol->core, ino);
        }
        TRY(err);
    }
}

static bool copy_attr(struct tfs_node *n, struct tfs_attr *out, u64 *changes) {
    GUARD(vnode_table, n->volume);
    *changes = n->attr_changes;
    if (n->attr_valid) {
        *out = n->attr;
    }
    return n->attr_valid;
}

static void keep_attr(struct tfs_node *n, const struct tfs_attr *a, u64 changes) {
    GUARD(vnode_table, n->volume);
    if (n->attr_changes == changes) {
        n->attr = *a;
        n->attr_valid = true;
    }
}

err_t tfs_vnode_attr(struct tfs_node *n, struct tfs_attr *out) {
    u64 changes;
    if (!copy_attr(n, out, &changes)) {
        TRY(tfs_getattr(n->volume->core, n->at, n->ino, out));
        keep_attr(n, out, changes);
    }
    return ERR_OK;
}

void tfs_vnode_changed(struct tfs_node *n) {
    GUARD(vnode_table, n->volume);
    n->attr_valid = false;
    n->attr_changes++;
}

err_t tfs_vnode_getattr(struct vnode *v, struct vattr *out) {
    struct tfs_node *n = tfs_vnode_of(v);
    struct tfs_attr a;
    TRY(tfs_vnode_attr(n, &a));
    u64 touched = n->touched_ns;
    if (touched != 0) {
        a.mtime_ns = a.ctime_ns = touched;
    }
    *out = (struct vattr){.mode = ((u32)v->type << 12) | (a.mode & 07777),
                          .uid = a.uid,
                          .gid = a.gid,
                          .nlink = a.nlink,
                          .ino = v->ino,
                          .size = v->object != nullptr ? v->object->size_bytes : a.size,
                          .blocks_512 = a.blocks_512,
                          .rdev = a.rdev,
                          .dev = n->kind != NODE_PAST ? 0 : tfs_moment_dev(n->volume, n->at),
                          .atime = timespec_from_ns(a.atime_ns),
                          .mtime = timespec_from_ns(a.mtime_ns),
                          .ctime = timespec_from_ns(a.ctime_ns),
                          .btime = timespec_from_ns(a.btime_ns)};
    return ERR_OK;
}

static void leave_table(struct tfs_node *n) {
    struct tfs_volume *vol = n->volume;
    vnode_table_lock(vol);
    assert(!n->in_dirty);
    list_remove(&n->hash_node);
    vol->node_count--;
    vol->gone_count++;
    vnode_table_unlock(vol);
    waitq_wake_all(&vol->gone);
}

void tfs_vnode_inactive(struct vnode *v) {
    struct tfs_node *n = tfs_vnode_of(v);
    if (n == nullptr) {
        return; // never was in the table
    }
    if (n->kind == NODE_PRESENT) {
        struct tfs_attr a;
        bool has_name = tfs_vnode_attr(n, &a) != ERR_OK || a.nlink != 0;
        if (v->object != nullptr && has_name) {
            err_t err = tfs_vnode_flush(n);
            if (err != ERR_OK) {
                tfs_complain(n->volume, "data lost", n->ino, err);
            }
        }
        n->volume->dirty_bytes -= n->unflushed_bytes;
        err_t err = tfs_release(n->volume->core, n->ino);
        if (err != ERR_OK) {
            tfs_complain(n->volume, "removing an unnamed file", n->ino, err);
        }
    }
    tfs_read_ahead_forget(n);
    leave_table(n);
    if (v->object != nullptr) {
        v->object = nullptr;
        vm_object_put(&n->object); // frees the node
    } else {
        heap_free(&n);
    }
}

static err_t sealed_setattr(struct vnode *v, u32 mask, const struct vattr *a) {
    unused_arg(v);
    unused_arg(mask);
    unused_arg(a);
    return ERR_HISTORY_SEALED;
}

const struct vnode_ops tfs_present_ops = {
    .lookup = tfs_op_lookup,
    .create = tfs_op_create,
    .symlink = tfs_op_symlink,
    .link = tfs_op_link,
    .unlink = tfs_op_unlink,
    .rename = tfs_op_rename,
    .readlink = tfs_op_readlink,
    .readdir = tfs_op_readdir,
    .getattr = tfs_vnode_getattr,
    .setattr = tfs_op_setattr,
    .close = tfs_close,
    .sync = tfs_sync,
    .fallocate = tfs_op_fallocate,
    .seek = tfs_seek_data,
    .getxattr = tfs_op_getxattr,
    .setxattr = tfs_op_setxattr,
    .removexattr = tfs_op_removexattr,
    .listxattr = tfs_op_listxattr,
    .inactive = tfs_vnode_inactive,
    .prepare_write = tfs_prepare_write,
    .wrote = tfs_wrote,
    .tmpfile = tfs_op_tmpfile,
};

// The past has no operation that changes anything.
const struct vnode_ops tfs_past_ops = {
    .lookup = tfs_op_lookup,
    .readlink = tfs_op_readlink,
    .readdir = tfs_op_readdir,
    .getattr = tfs_vnode_getattr,
    .setattr = sealed_setattr,
    .seek = tfs_seek_data,
    .getxattr = tfs_op_getxattr,
    .listxattr = tfs_op_listxattr,
    .inactive = tfs_vnode_inactive,
    .permission = tfs_past_permission,
};

const struct vnode_ops tfs_time_dir_ops = {
    .lookup = tfs_time_dir_lookup,
    .readdir = tfs_time_dir_readdir,
    .getattr = tfs_vnode_getattr,
    .setattr = sealed_setattr,
    .inactive = tfs_vnode_inactive,
};
