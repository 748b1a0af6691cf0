// SPDX-License-Identifier: MIT
// Open files: what a descriptor refers to.
#pragma once
#include <vfs/vnode.h>

enum open_flags : u32 { // Linux's values
    O_RDONLY = 0,
    O_WRONLY = 1,
    O_RDWR = 2,
    O_ACCMODE = 3,
    O_CREAT = 0100,
    O_EXCL = 0200,
    O_NOCTTY = 0400,
    O_TRUNC = 01000,
    O_APPEND = 02000,
    O_NONBLOCK = 04000,
    O_DSYNC = 010000,
    O_ASYNC = 020000,
    O_DIRECT = 040000,
    O_LARGEFILE = 0100000,
    O_DIRECTORY = 0200000,
    O_NOFOLLOW = 0400000,
    O_NOATIME = 01000000,
    O_CLOEXEC = 02000000,
    O_SYNC = 04010000,
    O_PATH = 010000000,
    O_TMPFILE = 020200000,
};
struct path {
    struct vnode *vnode;
    struct name_entry *name;
}; // vfs/path.h
struct file;
// Operations of a file that is not plain (pipe, device, procfs file). Positions: `*pos` is read and moved by the op; pread passes its own.
// No vnode lock is held. Null ops give the errno Linux gives.
struct file_ops {
    err_t (*read)(struct file *f, struct vm_span span, u64 *pos, size_t *done);
    err_t (*write)(struct file *f, struct vm_span span, u64 *pos, size_t *done);
    u32 (*poll)(struct file *f, struct poll_table *t);
    err_t (*ioctl)(struct file *f, u32 request, u64 arg, i64 *result); // ERR_NOTTY
    err_t (*map)(struct file *f, u64 offset, u64 bytes,
                 struct vm_object **out); // object with a reference
    err_t (*seek)(struct file *f, i64 offset, int whence,
                  u64 *pos); // null: not seekable (ERR_SPIPE)
    err_t (*readdir)(struct file *f, struct dir_sink *sink, u64 *cookie);
    void (*release)(struct file *f);
    err_t (*sync)(struct file *f, bool data_only); // fsync; null: the vnode's
};
struct file {
    struct ref refs;
    struct mutex lock; // file_pos class
    _Atomic u32 flags; // open_flags without creation flags
    u64 pos GUARDED_BY(lc_file_pos);
    struct vnode
        *vnode;       // reference; null for anonymous (pipes have one too, from an internal mount)
    struct path path; // references, for /proc/N/fd and getcwd
    const struct file_ops *ops;
    void *data;              // ops' own
    const struct cred *cred; // opener, reference
    bool written;            // something was written through it
    u32 owner_pid;           // F_SETOWN
    struct file *next_dead;  // vfs/file.c: waiting to be released
};
DECLARE_MUTEX_CLASS(file_pos, struct file, lock)
void file_get(struct file *f);
void file_put(struct file *f);               // the last one releases
extern const struct file_ops vnode_file_ops; // plain files and directories

err_t file_read(struct file *f, struct vm_span span, u64 *pos_or_null,
                size_t *done); // null: the file's own position
err_t file_write(struct file *f, struct vm_span span, u64 *pos_or_null, size_t *done);
err_t file_seek(struct file *f, i64 offset, int whence, u64 *out);
u32 file_poll(struct file *f, struct poll_table *t);
err_t file_ioctl(struct file *f, u32 request, u64 arg, i64 *result);
err_t file_readdir(struct file *f,
                   struct dir_sink *sink); // from the file's position, with . and ..
// The seek operation of a file whose size does not matter (whence 0, 1).
err_t file_seek_plain(struct file *f, i64 offset, int whence, u64 *pos);
err_t file_create(const struct file_ops *ops, void *data, u32 flags, const struct cred *cred,
                  struct file **out); // anonymous

// F_GETPIPE_SZ, F_SETPIPE_SZ (bytes 0: only ask). ERR_BADF: no pipe; ERR_BUSY, ERR_PERM, ERR_NOMEM.
err_t pipe_resize(struct file *f, const struct cred *cred, u64 bytes, u64 *now);
err_t pipe_create(u32 flags, const struct cred *cred, struct file **read_end,
                  struct file **write_end);
// Record locks. owner: process for POSIX locks, the file for flock.
struct record_lock {
    struct list node;
    u64 start, end;
    bool exclusive, flock;
    void *owner;
    u32 pid;
};
err_t record_lock_set(struct file *f, const struct record_lock *wanted, bool unlock,
                      bool wait); // ERR_AGAIN, ERR_INTR, ERR_DEADLK
bool record_lock_test(struct file *f, const struct record_lock *wanted,
                      struct record_lock *blocker);
void record_locks_drop(struct vnode *v, void *owner);
