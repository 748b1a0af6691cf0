// SPDX-License-Identifier: MIT
// Names: path walk, name cache, and the operations on paths that system calls are made of.
// A struct path names a place: vnode plus name entry (parent chain), so that getcwd and /proc/N/fd can tell it, also after renames.
#pragma once
#include <vfs/file.h>

struct
    name_entry; // vfs/name.c: one cached name in a directory; entries pin their parents; negative entries too

struct walk_base { // where a walk starts and who walks
    const struct cred *cred;
    struct path root, cwd; // borrowed
};
enum walk_flags : u32 { WALK_FOLLOW = 1, WALK_DIRECTORY = 2, WALK_NO_XDEV = 4, WALK_REAL_ID = 8 };

void path_get(const struct path *p);
void path_put(struct path *p); // nulls it
void vfs_init(void);
err_t vfs_mount_root(const char *fs_name, const char *source, u32 flags, const char *options);
struct path vfs_root(void); // with references

// Resolves a path. Errors as Linux: NOENT NOTDIR LOOP ACCES NAMETOOLONG.
err_t vfs_walk(const struct walk_base *b, const char *path, u32 flags, struct path *out);
// mode: permission bits, the caller's umask already taken off.
err_t vfs_open(const struct walk_base *b, const char *path, u32 open_flags, u32 mode,
               struct file **out);
err_t vfs_open_path(const struct path *p, u32 open_flags, const struct cred *cred,
                    struct file **out); // reopen what a path names
err_t vfs_create(const struct walk_base *b, const char *path,
                 const struct vattr *init); // mknod, mkdir by init->mode
err_t vfs_symlink(const struct walk_base *b, const char *target, const char *path);
err_t vfs_link(const struct walk_base *from_base, const char *from, u32 flags,
               const struct walk_base *to_base, const char *to);
err_t vfs_unlink(const struct walk_base *b, const char *path, bool directory);
err_t vfs_rename(const struct walk_base *from_base, const char *from,
                 const struct walk_base *to_base, const char *to, u32 flags);
err_t vfs_getattr(const struct path *p, struct vattr *out);
err_t vfs_setattr(const struct path *p, const struct cred *cred, u32 mask,
                  const struct vattr *a); // checks ownership rules, clears setuid bits
err_t vfs_truncate(const struct path *p, const struct cred *cred, u64 bytes);
err_t vfs_access(const struct path *p, const struct cred *cred, u32 rwx, bool real_ids);
err_t vfs_readlink(const struct path *p, char *buf, size_t capacity, size_t *len);
err_t vfs_mount(const struct walk_base *b, const char *source, const char *point,
                const char *fs_name, u32 flags, const char *options);
err_t vfs_bind(const struct walk_base *b, const char *from, const char *to);
err_t vfs_unmount(const struct walk_base *b, const char *point);
err_t vfs_sync_all(void);
err_t vfs_shutdown(void); // syncs and unmounts everything
// Text of a path as seen from root ("(unreachable)" rules as Linux; deleted: " (deleted)" appended when marked).
err_t vfs_path_text(const struct path *p, const struct path *root, bool mark_deleted, char *buf,
                    size_t capacity, size_t *len);
err_t vfs_permission(struct vnode *v, const struct cred *cred, u32 rwx); // 4 2 1
void vfs_each_mount(bool (*fn)(const struct mount *m, void *arg), void *arg);
void vfs_each_fs_type(bool (*fn)(const struct fs_type *t, void *arg),
                      void *arg); // the newest first

// What remains for system calls on open files and attributes.
err_t vfs_file_truncate(struct file *f, u64 bytes);  // ftruncate: ERR_INVAL unless open for writing
err_t vfs_file_sync(struct file *f, bool data_only); // fsync, fdatasync
err_t vfs_file_allocate(struct file *f, u32 mode, u64 offset, u64 bytes); // fallocate
err_t vfs_statfs(const struct path *p, struct statfs_info *out);
err_t vfs_getxattr(const struct path *p, const struct cred *cred, const char *name, void *buf,
                   size_t capacity, size_t *bytes); // capacity 0: only the size; ERR_RANGE
err_t vfs_setxattr(const struct path *p, const struct cred *cred, const char *name,
                   struct vm_span value, u32 flags); // value: kernel memory
err_t vfs_removexattr(const struct path *p, const struct cred *cred, const char *name);
err_t vfs_listxattr(const struct path *p, char *buf, size_t capacity, size_t *bytes);
// The rule of permission bits alone, for file systems with an own `permission`.
err_t vfs_permission_by_mode(const struct vattr *a, const struct cred *cred, u32 rwx);
