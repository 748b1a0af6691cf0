// SPDX-License-Identifier: MIT
// Shared inside vfs only.
#pragma once
#include <kernel/base/log.h>
#include <kernel/base/panic.h>
#include <lib/mem.h>
#include <lib/path.h>
#include <mm/heap/heap.h>
#include <mm/vm/space.h>
#include <vfs/path.h>

constexpr u32 S_IFMT_BITS = 0170000, S_ISUID_BIT = 04000, S_ISGID_BIT = 02000, S_ISVTX_BIT = 01000;
static inline u32 mode_of_type(enum vnode_type t) { return (u32)t << 12; }

// ---- name.c
enum name_result : u8 { NAME_HIT, NAME_NEGATIVE, NAME_MISS };
void name_init(void);
// The root of all names; *out has one reference.
err_t name_create_root(struct vnode *root, struct name_entry **out);
void name_get(struct name_entry *e);
void name_put(struct name_entry *e); // null is fine; may sleep
struct name_entry *name_parent_get(struct name_entry *e,
                                   struct vnode **dir); // null at the root; both with references
// HIT: *out has references. Does not sleep. Entries kept with NAME_VERIFY are a MISS.
enum name_result name_find(const struct path *dir, const struct path_part *part, struct path *out);
// What the cache may do with an answer of the file system.
enum name_keep : u8 {
    NAME_KEEP,
    NAME_VERIFY, // may mean something else next time: ask, but for the same vnode use the same
                 // entry
    NAME_FORGET, // the entry only serves the one who asked
};
// Remembers that `part` in dir is v (reference taken), or with v null that there is nothing.
// The directory is locked. out may be null.
err_t name_add(const struct path *dir, const struct path_part *part, struct vnode *v,
               enum name_keep keep, struct path *out);
// Forgets part in dir, negative entries too. gone: entries in use are shown as deleted.
void name_forget(struct vnode *dir, const char *name, size_t len, bool gone);
struct name_move {
    const struct path *from_dir, *to_dir;
    const struct path_part *from, *to;
    struct name_entry *entry; // of `from`, with a reference held by the caller
};
err_t name_move(const struct name_move *m);
err_t name_exchange(struct name_entry *a, struct name_entry *b);
void name_purge(void); // forgets everything that nobody uses
u32 name_references(const struct name_entry *e);
bool name_is_below(const struct name_entry *e, const struct name_entry *above); // or the same

// ---- walk.c
struct walk {
    const struct walk_base *base;
    const struct cred *cred;
    struct path cur; // references
    const char *rest;
    struct page *buffer; // holds `rest` after a symbolic link
    u32 links;
    u32 flags;
};
err_t walk_begin(struct walk *w, const struct walk_base *b, const char *path, u32 flags);
void walk_end(struct walk *w); // puts cur and the buffer
// Goes on to the directory of the last component. part->len 0: the path is w->cur itself.
err_t walk_to_last(struct walk *w, struct path_part *part);
// One ordinary name (not . or ..) in w->cur; crosses mounts; ERR_NOENT. out has references.
err_t walk_child(struct walk *w, const struct path_part *part, struct path *out);
// Same with the directory already locked by the caller; does not cross mounts.
err_t walk_child_locked(const struct path *dir, const struct path_part *part, struct path *out);
enum name_keep walk_keep_new(const struct vnode *dir); // for a name just made
err_t walk_dot_dot(struct walk *w);
err_t walk_follow(struct walk *w,
                  const struct path *link); // link is in w->cur; puts nothing of link
err_t walk_dir_check(struct walk *w);       // w->cur is a directory one may pass
static inline bool path_same(const struct path *a, const struct path *b) {
    return a->vnode == b->vnode && a->name == b->name;
}

// ---- attr.c
err_t attr_get(struct vnode *v, struct vattr *out); // with dev and rdev filled in
err_t attr_write_check(struct vnode *v);            // ERR_ROFS, ERR_HISTORY_SEALED
err_t attr_sticky_check(struct vnode *dir, struct vnode *victim, const struct cred *cred);
err_t attr_for_create(struct vnode *dir, const struct cred *cred, struct vattr *init);
void attr_drop_setid(struct vnode *v, const struct cred *cred); // after a write; v locked
err_t attr_truncate_locked(struct vnode *v, u64 bytes);

// ---- mount.c
struct mount_tree {
    struct mutex lock;
    struct list all; // in order of mounting
};
DECLARE_MUTEX_CLASS(vfs_mounts, struct mount_tree, lock)
extern struct mount_tree vfs_mount_tree;
void mount_cross(struct path *p); // to the root of what is mounted on p, if anything
void mount_pipes_init(void);

// ---- file.c and friends
extern const struct file_ops path_file_ops; // O_PATH
extern const struct file_ops pipe_file_ops;
err_t file_alloc(const struct path *p, u32 flags, const struct cred *cred, struct file **out);
void file_put_later(void *f); // file_put from any context that may not sleep long: a worker does it
err_t fifo_open(struct vnode *v, struct file *f);
void locks_drop_all(struct vnode *v); // vnode is going away
