// SPDX-License-Identifier: MIT
// Files as objects: vnodes, the operations a file system fills in, mounts.
#pragma once
#include <kernel/object/object.h>
#include <lib/list.h>
#include <mm/vm/object.h>

constexpr size_t VFS_NAME_MAX = 255;
constexpr size_t VFS_PATH_MAX = 4096; // NUL included
constexpr u32 VFS_LINKS_MAX = 40;

enum vnode_type : u8 {
    VNODE_FIFO = 1,
    VNODE_CHR = 2,
    VNODE_DIR = 4,
    VNODE_BLK = 6,
    VNODE_REG = 8,
    VNODE_LNK = 10,
    VNODE_SOCK = 12
}; // DT_ values; type << 12 = S_IFMT bits

struct timespec64 {
    i64 sec;
    u32 nsec;
};
static inline struct timespec64 timespec_from_ns(u64 ns) {
    return (struct timespec64){(i64)(ns / NS_PER_SEC), (u32)(ns % NS_PER_SEC)};
}
struct vattr {
    u32 mode; // S_IFMT | permissions
    u32 uid, gid, nlink;
    u64 ino, size, blocks_512, rdev;
    u64 dev; // st_dev
    u32 blksize;
    struct timespec64 atime, mtime, ctime, btime;
};
enum vattr_mask : u32 {
    VATTR_MODE = 1,
    VATTR_UID = 2,
    VATTR_GID = 4,
    VATTR_SIZE = 8,
    VATTR_ATIME = 16,
    VATTR_MTIME = 32,
    VATTR_CTIME = 64,
    VATTR_TIMES_NOW = 128
}; // vfs_setattr only: ATIME and MTIME are the present (write permission is enough)

struct vnode;
struct mount;
struct file;
struct path;      // vfs/file.h
struct dir_sink { // getdents: fs calls add for each entry; false: full, stop before this one
    bool (*add)(struct dir_sink *s, const char *name, size_t len, u64 ino, enum vnode_type type,
                u64 next_cookie);
};
// Dir ops get `dir` locked (vnode mutex) by the VFS unless noted; names are checked (1..255, no '/', no NUL, not . or ..).
// The VFS has checked permissions. Returned vnodes carry a reference for the caller. All may sleep.
struct vnode_ops {
    err_t (*lookup)(struct vnode *dir, const char *name, size_t len,
                    struct vnode **out); // ERR_NOENT
    err_t (*create)(struct vnode *dir, const char *name, size_t len, const struct vattr *init,
                    struct vnode **out); // any type but symlink; init: mode uid gid rdev
    err_t (*symlink)(struct vnode *dir, const char *name, size_t len, const char *target,
                     const struct vattr *init, struct vnode **out);
    err_t (*link)(struct vnode *dir, const char *name, size_t len, struct vnode *target);
    err_t (*unlink)(struct vnode *dir, const char *name, size_t len,
                    struct vnode *victim); // also rmdir: victim is a directory
    err_t (*rename)(struct vnode *from_dir, const char *from, size_t from_len, struct vnode *to_dir,
                    const char *to, size_t to_len,
                    u32 flags); // both dirs locked; flags RENAME_NOREPLACE 1, EXCHANGE 2
    err_t (*readlink)(struct vnode *v, char *buf, size_t capacity, size_t *len);
    err_t (*readdir)(
        struct vnode *dir, u64 cookie,
        struct dir_sink *
            sink); // entries after cookie (0: from the start), without . and .. (the VFS adds them); cookies >= 3
    err_t (*getattr)(struct vnode *v, struct vattr *out); // not locked
    err_t (*setattr)(struct vnode *v, u32 mask,
                     const struct vattr *a);        // locked; size changes included
    err_t (*open)(struct vnode *v, struct file *f); // may set f->ops, f->data; null: plain file
    void (*close)(
        struct vnode *v,
        struct file
            *f); // last reference of an open file; a version boundary for tfs if it was written
    err_t (*sync)(struct vnode *v, bool data_only); // fsync
    err_t (*fallocate)(struct vnode *v, u32 mode, u64 offset, u64 bytes);
    err_t (*seek)(struct vnode *v, u64 offset, bool hole,
                  u64 *out); // SEEK_DATA/HOLE; null: generic
    err_t (*getxattr)(struct vnode *v, const char *name, void *buf, size_t capacity, size_t *bytes);
    err_t (*setxattr)(struct vnode *v, const char *name, const void *value, size_t bytes,
                      u32 flags);
    err_t (*removexattr)(struct vnode *v, const char *name);
    err_t (*listxattr)(struct vnode *v, char *buf, size_t capacity, size_t *bytes);
    void (*inactive)(struct vnode *v); // last reference gone, the vnode is freed after this
    // Symbolic links that name a place and not a text (/proc/N/fd/M, /proc/N/exe): *out with references. Null: by readlink. Not locked.
    err_t (*follow)(struct vnode *link, const struct cred *cred, struct path *out);
    err_t (*permission)(struct vnode *v, const struct cred *cred,
                        u32 rwx); // null: mode bits of getattr. Not locked
    err_t (*prepare_write)(
        struct vnode *v, u64 offset,
        size_t bytes); // locked; before data goes into the page cache: ERR_NOSPC, ERR_FBIG
    void (*wrote)(struct vnode *v, size_t bytes); // locked; data went in: mtime and ctime are now
    err_t (*tmpfile)(struct vnode *dir, const struct vattr *init, struct vnode **out); // O_TMPFILE
};
enum vnode_flags : u32 {
    VNODE_NO_NAME_CACHE = 1,
    VNODE_PAST = 2,
    VNODE_ROOT = 4
}; // NO_NAME_CACHE on a dir: its lookups are not cached
struct vnode {
    struct ref refs;
    struct mutex lock;
    enum vnode_type type;        // [I]
    u32 flags;                   // [I]
    u64 ino;                     // [I]
    u64 rdev;                    // [I]
    struct mount *mount;         // [I]
    const struct vnode_ops *ops; // [I]
    void *fs;                    // [I] the file system's
    struct vm_object
        *object; // regular files: page cache, owned by the file system's node; else null
    struct mount *covered_by; // mount on top of this directory (vfs_mounts lock)
    struct list mount_node;   // the fs's own table
    struct waitq lock_queue;  // waiters for record locks
    struct list record_locks; // POSIX and flock locks, under lock
    void *pipe;               // FIFO: struct pipe while open
    _Atomic u32 writers;      // open for writing (ETXTBSY)
    _Atomic u32 execs;        // mapped as a program
};
DECLARE_MUTEX_CLASS(vnode, struct vnode, lock)

err_t vnode_alloc(struct mount *m, enum vnode_type type, u64 ino, const struct vnode_ops *ops,
                  struct vnode **out); // one reference
void vnode_get(struct vnode *v);
void vnode_put(struct vnode *v);
bool vnode_get_if_live(struct vnode *v);

struct statfs_info {
    u64 type, bsize, blocks, bfree, bavail, files, ffree, fsid, namelen, frsize, flags;
};
struct mount_ops {
    err_t (*statfs)(struct mount *m, struct statfs_info *out);
    err_t (*sync)(struct mount *m);    // everything durable
    err_t (*unmount)(struct mount *m); // after the last vnode is gone
    bool (*busy)(struct mount *m);     // unmounting would have to wait for somebody; may be null
    void (*detached)(
        struct mount
            *m); // before: nobody can reach it any more, the root is still there; may be null
};
enum mount_flags : u32 { MOUNT_RDONLY = 1, MOUNT_NOSUID = 2, MOUNT_NODEV = 4, MOUNT_NOEXEC = 8 };
struct mount {
    struct list node;
    const char *fs_name; // "tfs", "tmpfs", ...
    char source[64];
    char point[256]; // for /proc/mounts
    u32 flags;
    u64 dev;              // st_dev
    struct vnode *root;   // owned
    struct vnode *covers; // owned; null for the root mount
    struct mount *parent;
    const struct mount_ops *ops;
    void *fs;
    // below: the VFS's own
    struct name_entry *covers_name; // reference
    char options[96];               // as given, for /proc/mounts
    u32 id;                         // for /proc/N/mountinfo and fdinfo, from 1
    bool bind;                      // root belongs to another mount
    _Atomic u64 vnode_count;        // vnodes that name this mount
};
struct fs_type {
    const char *name;
    // Allocates the mount from the heap (the VFS frees it after ops->unmount) and fills root, ops, fs, dev.
    err_t (*mount)(const char *source, u32 flags, const char *options, struct mount **out);
    bool on_disk; // the source is a block device
    struct fs_type *next;
};
void vfs_register_fs(struct fs_type *t);
u64 vfs_anonymous_dev(void); // a fresh st_dev (major 0) for a mount without a device
// Opens device nodes; filled in by fs/devfs.
extern err_t (*vfs_char_open)(u64 rdev, struct vnode *v, struct file *f);
extern err_t (*vfs_block_open)(u64 rdev, struct vnode *v, struct file *f);
