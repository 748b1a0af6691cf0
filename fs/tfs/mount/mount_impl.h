// SPDX-License-Identifier: MIT
// Shared inside fs/tfs/mount only.
#pragma once
#include <fs/tfs/core/tfs.h>
#include <fs/tfs/mount/tfs_mount.h>
#include <io/block/block.h>
#include <kernel/base/log.h>
#include <kernel/base/panic.h>
#include <kernel/sched/timer.h>
#include <lib/error.h>
#include <lib/mem.h>
#include <lib/text.h>
#include <mm/heap/heap.h>
#include <vfs/path.h>

constexpr u32 TFS_BUCKETS = 1024;
constexpr u32 READ_AHEAD_SLOTS = 8;
constexpr u32 READ_AHEAD_PAGES = 16;
constexpr u32 BOUNCE_PAGES = 16;

struct tfs_node;
struct read_ahead { // table lock; contents belong to who made it busy
    struct tfs_node *owner;
    u8 *buf; // READ_AHEAD_PAGES pages, or null
    u64 first, generation, used;
    u32 bytes;
    bool busy;
};

struct tfs_volume {    // one mounted device
    struct mutex lock; // tfs_mount class: one flush to the core at a time
    struct spinlock
        table_lock; // vnode_table class: buckets, dirty, attributes of nodes, read-ahead slots
    struct tfs *core;
    struct mount *mount;
    struct block_device *device;
    bool read_only;
    struct list *buckets;
    struct list dirty; // nodes with data to flush; each is pinned by a vnode reference
    struct waitq gone; // a node left the table
    _Atomic u64 gone_count, node_count;
    _Atomic u64 dirty_bytes; // written since flushed, an estimate
    u64 dirty_bytes_max;
    _Atomic i64 space_bytes;               // left on the volume, an estimate
    u8 *bounce;                            // lock
    _Atomic(struct thread *) stamp_thread; // whose writes to the core carry stamp_ns as their time
    u64 stamp_ns;
    struct read_ahead ahead[READ_AHEAD_SLOTS];
    u64 ahead_clock;
    struct thread *committer;
    struct waitq committer_wake;
    _Atomic bool stopping, stopped, failed;
    _Atomic u64 complained_ns;
    struct list node; // all volumes
};
DECLARE_MUTEX_CLASS(tfs_mount, struct tfs_volume, lock)
DECLARE_SPIN_CLASS(vnode_table, struct tfs_volume, table_lock)

enum node_kind : u8 {
    NODE_PRESENT,
    NODE_PAST,     // the inode as of `at`
    NODE_TIME_DIR, // the hidden .time of a directory
};
struct tfs_node {            // vnode->fs
    struct vm_object object; // regular files; the node goes with it
    struct tfs_volume *volume;
    struct vnode *vnode; // borrowed: it outlives its place in the table
    u64 ino, at;         // [I] at: TFS_NOW or a moment
    enum node_kind kind; // [I]
    struct list hash_node;
    struct list dirty_node;
    bool in_dirty;               // table lock
    bool attr_valid;             // table lock
    u64 attr_changes;            // table lock: counts invalidations
    struct tfs_attr attr;        // table lock
    _Atomic u64 touched_ns;      // time of the last write not yet in the core, or 0
    _Atomic u64 unflushed_bytes; // our part of volume->dirty_bytes
    _Atomic u64 generation;      // of the data in the core, for read-ahead
    u64 next_index;              // object lock: page that a sequential reader wants next
};
static inline struct tfs_node *tfs_vnode_of(const struct vnode *v) { return v->fs; }
static inline struct tfs_name tfs_name_of(const char *bytes, size_t len) {
    return (struct tfs_name){bytes, len};
}
static inline u64 timespec_ns(struct timespec64 t) {
    return t.sec < 0 ? 0 : (u64)t.sec * NS_PER_SEC + t.nsec;
}

// ---- env.c
void tfs_env_init(struct tfs_env *env, struct tfs_volume *vol);

// ---- node.c
extern const struct vnode_ops tfs_present_ops, tfs_past_ops, tfs_time_dir_ops;
// The vnode of (at, ino), one reference; ERR_NOENT when the inode is not there.
err_t tfs_vnode_get(struct tfs_volume *vol, enum node_kind kind, u64 at, u64 ino,
                    struct vnode **out);
struct vnode *tfs_vnode_find_live(struct tfs_volume *vol,
                                  u64 ino); // of the present, with a reference, or null
err_t tfs_vnode_attr(struct tfs_node *n, struct tfs_attr *out);
void tfs_vnode_changed(struct tfs_node *n); // the core knows better now
err_t tfs_vnode_getattr(struct vnode *v, struct vattr *out);
void tfs_vnode_inactive(struct vnode *v);

// ---- data.c
extern const struct vm_object_ops tfs_object_ops, tfs_past_object_ops;
void tfs_mark_dirty(struct tfs_node *n);
err_t tfs_vnode_flush(struct tfs_node *n);      // cached data -> core
err_t tfs_volume_flush(struct tfs_volume *vol); // of all nodes
void tfs_read_ahead_forget(struct tfs_node *n);
err_t tfs_prepare_write(struct vnode *v, u64 offset, size_t bytes);
void tfs_wrote(struct vnode *v, size_t bytes);
void tfs_close(struct vnode *v, struct file *f);
err_t tfs_sync(struct vnode *v, bool data_only);
err_t tfs_seek_data(struct vnode *v, u64 offset, bool hole, u64 *out);
void tfs_space_refresh(struct tfs_volume *vol);
void tfs_complain(struct tfs_volume *vol, const char *what, u64 ino, err_t err);

// ---- names.c
err_t tfs_op_lookup(struct vnode *dir, const char *name, size_t len, struct vnode **out);
err_t tfs_op_create(struct vnode *dir, const char *name, size_t len, const struct vattr *init,
                    struct vnode **out);
err_t tfs_op_symlink(struct vnode *dir, const char *name, size_t len, const char *target,
                     const struct vattr *init, struct vnode **out);
err_t tfs_op_link(struct vnode *dir, const char *name, size_t len, struct vnode *target);
err_t tfs_op_unlink(struct vnode *dir, const char *name, size_t len, struct vnode *victim);
err_t tfs_op_rename(struct vnode *from_dir, const char *from, size_t from_len, struct vnode *to_dir,
                    const char *to, size_t to_len, u32 flags);
err_t tfs_op_readlink(struct vnode *v, char *buf, size_t capacity, size_t *len);
err_t tfs_op_readdir(struct vnode *dir, u64 cookie, struct dir_sink *sink);
err_t tfs_op_tmpfile(struct vnode *dir, const struct vattr *init, struct vnode **out);

// ---- attr.c
err_t tfs_op_setattr(struct vnode *v, u32 mask, const struct vattr *a);
err_t tfs_op_fallocate(struct vnode *v, u32 mode, u64 offset, u64 bytes);
err_t tfs_op_getxattr(struct vnode *v, const char *name, void *buf, size_t capacity, size_t *bytes);
err_t tfs_op_setxattr(struct vnode *v, const char *name, const void *value, size_t bytes,
                      u32 flags);
err_t tfs_op_removexattr(struct vnode *v, const char *name);
err_t tfs_op_listxattr(struct vnode *v, char *buf, size_t capacity, size_t *bytes);

// ---- past.c
u64 tfs_moment_dev(const struct tfs_volume *vol, u64 at); // st_dev of a moment
err_t tfs_moment_of(struct tfs_volume *vol, const char *text, size_t len,
                    u64 *at); // ERR_NOENT: no such moment
// `.time` and name@@TIME in a directory of the present that has no such literal name.
err_t tfs_past_lookup(struct tfs_node *dir, const char *name, size_t len, struct vnode **out);
err_t tfs_time_dir_lookup(struct vnode *dir, const char *name, size_t len, struct vnode **out);
err_t tfs_time_dir_readdir(struct vnode *dir, u64 cookie, struct dir_sink *sink);
err_t tfs_past_permission(struct vnode *v, const struct cred *cred, u32 rwx);
