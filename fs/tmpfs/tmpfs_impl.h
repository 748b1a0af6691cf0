// SPDX-License-Identifier: MIT
// Shared inside tmpfs only.
#pragma once
#include <fs/tmpfs/tmpfs.h>
#include <kernel/base/lock.h>
#include <kernel/sched/timer.h>
#include <lib/mem.h>
#include <lib/text.h>
#include <lib/tree.h>
#include <mm/heap/heap.h>

struct tmpfs {         // one mount
    struct mutex lock; // tmpfs class: all names, attributes and link counts of this mount
    struct mount *mount;
    _Atomic u64 pages_used, pages_max;
    _Atomic u64 nodes;
    _Atomic u64 next_ino;
};
DECLARE_MUTEX_CLASS(tmpfs, struct tmpfs, lock)

struct tmpfs_name {
    struct tree_node by_hash, by_cookie;
    u64 hash, cookie;
    struct vnode *vnode; // reference
    u16 len;
    char bytes[];
};
struct tmpfs_xattr {
    struct list node;
    char *name;
    void *value;
    size_t bytes;
};
struct tmpfs_node { // vnode->fs
    struct tmpfs *fs;
    struct vnode *vnode;
    struct vm_object *object; // regular files; reference
    char *target;             // symlinks
    u32 mode, uid, gid, nlink;
    u64 rdev;
    u64 atime_ns, mtime_ns, ctime_ns, btime_ns;
    u64 pages_counted;
    struct tree names, cookies; // directories
    u64 next_cookie, name_count;
    bool removed; // an empty directory without a name takes no new ones
    struct list xattrs;
};
static inline struct tmpfs_node *tmpfs_node(const struct vnode *v) { return v->fs; }

extern const struct vnode_ops tmpfs_ops;
// One reference; not yet named (nlink 0).
err_t tmpfs_node_create(struct tmpfs *t, const struct vattr *init, struct vnode **out);
// names.c; the tmpfs lock is held
struct tmpfs_name *tmpfs_name_find(struct tmpfs_node *dir, const char *name, size_t len)
    REQUIRES(lc_tmpfs);
err_t tmpfs_name_insert(struct tmpfs_node *dir, const char *name, size_t len, struct vnode *v)
    REQUIRES(lc_tmpfs); // takes a reference
void tmpfs_name_remove(struct tmpfs_node *dir, struct tmpfs_name *n)
    REQUIRES(lc_tmpfs); // frees n, not its reference
void tmpfs_names_free(struct tmpfs_node *dir);
err_t tmpfs_lookup(struct vnode *dir, const char *name, size_t len, struct vnode **out);
err_t tmpfs_create(struct vnode *dir, const char *name, size_t len, const struct vattr *init,
                   struct vnode **out);
err_t tmpfs_symlink(struct vnode *dir, const char *name, size_t len, const char *target,
                    const struct vattr *init, struct vnode **out);
err_t tmpfs_link(struct vnode *dir, const char *name, size_t len, struct vnode *target);
err_t tmpfs_unlink(struct vnode *dir, const char *name, size_t len, struct vnode *victim);
err_t tmpfs_rename(struct vnode *from_dir, const char *from, size_t from_len, struct vnode *to_dir,
                   const char *to, size_t to_len, u32 flags);
err_t tmpfs_readdir(struct vnode *dir, u64 cookie, struct dir_sink *sink);
err_t tmpfs_tmpfile(struct vnode *dir, const struct vattr *init, struct vnode **out);
// data.c
err_t tmpfs_setattr(struct vnode *v, u32 mask, const struct vattr *a);
err_t tmpfs_prepare_write(struct vnode *v, u64 offset, size_t bytes);
void tmpfs_wrote(struct vnode *v, size_t bytes);
err_t tmpfs_seek(struct vnode *v, u64 offset, bool hole, u64 *out);
err_t tmpfs_fallocate(struct vnode *v, u32 mode, u64 offset, u64 bytes);
err_t tmpfs_getxattr(struct vnode *v, const char *name, void *buf, size_t capacity, size_t *bytes);
err_t tmpfs_setxattr(struct vnode *v, const char *name, const void *value, size_t bytes, u32 flags);
err_t tmpfs_removexattr(struct vnode *v, const char *name);
err_t tmpfs_listxattr(struct vnode *v, char *buf, size_t capacity, size_t *bytes);
void tmpfs_xattrs_free(struct tmpfs_node *n);
void tmpfs_recount(struct tmpfs_node *n); // pages of the file, after they may have changed
