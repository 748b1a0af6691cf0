// SPDX-License-Identifier: MIT
// What a file is: stat in all forms, access, readlink, statfs.
#include "linux_impl.h"

static u32 dev_major(u64 dev) { return (u32)((dev >> 8 & 0xfff) | (dev >> 32 & 0xfffff000)); }
static u32 dev_minor(u64 dev) { return (u32)((dev & 0xff) | (dev >> 12 & 0xffffff00)); }

static struct linux_timespec time_of(struct timespec64 t) {
    return (struct linux_timespec){t.sec, t.nsec};
}

static i64 stat_out(u64 va, const struct vattr *a) {
    struct linux_stat s = {
        .dev = a->dev,
        .ino = a->ino,
        .nlink = a->nlink,
        .mode = a->mode,
        .uid = a->uid,
        .gid = a->gid,
        .rdev = a->rdev,
        .size = (i64)a->size,
        .blksize = a->blksize,
        .blocks = (i64)a->blocks_512,
        .atime = time_of(a->atime),
        .mtime = time_of(a->mtime),
        .ctime = time_of(a->ctime),
    };
    return copy_out(user(va), &s, sizeof(s));
}

// Files without a place in a file system (eventfd and the like).
static void anonymous_attr(struct vattr *a) {
    *a = (struct vattr){.mode = 0600, .nlink = 1, .ino = 1, .blksize = 4096};
}

static err_t attr_of_fd(int fd, struct vattr *a) {
    struct fd_ref r;
    TRY(fd_get(fd, &r));
    struct path place;
    file_place(r.file, &place);
    err_t err = ERR_OK;
    if (place.vnode == nullptr) {
        anonymous_attr(a);
    } else {
        err = vfs_getattr(&place, a);
    }
    fd_put(&r);
    return err;
}

static err_t attr_at(int dirfd, u64 path, u32 at_flags, struct vattr *a) {
    if (at_flags & LINUX_AT_EMPTY_PATH && dirfd != LINUX_AT_FDCWD) {
        const char *text;
        TRY(path_string(user(path), 0, &text));
        if (text[0] == 0) {
            return attr_of_fd(dirfd, a);
        }
    }
    struct path p;
    TRY(place_find(dirfd, user(path), at_flags, !(at_flags & LINUX_AT_SYMLINK_NOFOLLOW), &p));
    err_t err = vfs_getattr(&p, a);
    path_put(&p);
    return err;
}

i64 linux_stat(struct trap_frame *f) {
    struct vattr a;
    PASS(attr_at(LINUX_AT_FDCWD, arg0(f), 0, &a));
    return stat_out(arg1(f), &a);
}
i64 linux_lstat(struct trap_frame *f) {
    struct vattr a;
    PASS(attr_at(LINUX_AT_FDCWD, arg0(f), LINUX_AT_SYMLINK_NOFOLLOW, &a));
    return stat_out(arg1(f), &a);
}
i64 linux_fstat(struct trap_frame *f) {
    struct vattr a;
    PASS(attr_of_fd((int)arg0(f), &a));
    return stat_out(arg1(f), &a);
}
i64 linux_newfstatat(struct trap_frame *f) {
    u32 flags = (u32)arg3(f);
    struct vattr a;
    if (flags & ~(u32)(LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_NO_AUTOMOUNT | LINUX_AT_EMPTY_PATH)) {
        return ERR_INVAL;
    }
    PASS(attr_at((int)arg0(f), arg1(f), flags, &a));
    return stat_out(arg2(f), &a);
}

static struct linux_statx_time statx_time(struct timespec64 t) {
    return (struct linux_statx_time){t.sec, t.nsec, 0};
}

i64 linux_statx(struct trap_frame *f) {
    u32 flags = (u32)arg2(f), mask = (u32)arg3(f);
    struct vattr a;
    if (flags & ~(u32)(LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_NO_AUTOMOUNT | LINUX_AT_EMPTY_PATH |
                       LINUX_AT_STATX_SYNC) ||
        (flags & LINUX_AT_STATX_SYNC) == LINUX_AT_STATX_SYNC || mask & 0x80000000) {
        return ERR_INVAL;
    }
    PASS(attr_at((int)arg0(f), arg1(f), flags, &a));
    struct linux_statx s = {
        .mask = 0x7ff | (a.btime.sec != 0 ? 0x800u : 0u), // basic statistics; btime if it is known
        .blksize = a.blksize,
        .nlink = a.nlink,
        .uid = a.uid,
        .gid = a.gid,
        .mode = (u16)a.mode,
        .ino = a.ino,
        .size = a.size,
        .blocks = a.blocks_512,
        .atime = statx_time(a.atime),
        .btime = statx_time(a.btime),
        .ctime = statx_time(a.ctime),
        .mtime = statx_time(a.mtime),
        .rdev_major = dev_major(a.rdev),
        .rdev_minor = dev_minor(a.rdev),
        .dev_major = dev_major(a.dev),
        .dev_minor = dev_minor(a.dev),
    };
    return copy_out(user(arg4(f)), &s, sizeof(s));
}

// ---- access

static i64 access_at(int dirfd, u64 path, u64 mode, u32 flags) {
    if (mode & ~(u64)7 ||
        flags & ~(u32)(LINUX_AT_EACCESS | LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_EMPTY_PATH)) {
        return ERR_INVAL;
    }
    struct path p;
    PASS(place_find(dirfd, user(path), flags, !(flags & LINUX_AT_SYMLINK_NOFOLLOW), &p));
    err_t err =
        mode == 0 ? ERR_OK : vfs_access(&p, cred_now(), (u32)mode, !(flags & LINUX_AT_EACCESS));
    path_put(&p);
    return err;
}
i64 linux_access(struct trap_frame *f) {
    return access_at(LINUX_AT_FDCWD, arg0(f), (u32)arg1(f), 0);
}
i64 linux_faccessat(struct trap_frame *f) {
    return access_at((int)arg0(f), arg1(f), (u32)arg2(f), 0);
}
i64 linux_faccessat2(struct trap_frame *f) {
    return access_at((int)arg0(f), arg1(f), (u32)arg2(f), (u32)arg3(f));
}

// ---- readlink

static i64 readlink_at(int dirfd, u64 path, u64 out, u64 capacity) {
    if ((i32)capacity <= 0) {
        return ERR_INVAL;
    }
    const char *text;
    struct path p;
    PASS(path_string(user(path), 0, &text));
    bool by_fd = text[0] == 0 && dirfd != LINUX_AT_FDCWD;
    PASS(place_find(dirfd, user(path), by_fd ? LINUX_AT_EMPTY_PATH : 0, false, &p));
    struct user_thread *t = user_thread_current();
    size_t len = 0;
    err_t err = ERR_OK;
    if (t->path_buf[1] == nullptr) {
        err = heap_alloc(VFS_PATH_MAX, (void **)&t->path_buf[1]);
    }
    if (err == ERR_OK && p.vnode->type != VNODE_LNK) {
        err = by_fd ? ERR_NOENT : ERR_INVAL;
    }
    if (err == ERR_OK) {
        err = vfs_readlink(&p, t->path_buf[1], VFS_PATH_MAX, &len);
    }
    path_put(&p);
    len = MIN(len, (u64)(u32)capacity);
    err = err == ERR_OK ? copy_out(user(out), t->path_buf[1], len) : err;
    return err == ERR_OK ? (i64)len : (i64)err;
}
i64 linux_readlink(struct trap_frame *f) {
    return readlink_at(LINUX_AT_FDCWD, arg0(f), arg1(f), arg2(f));
}
i64 linux_readlinkat(struct trap_frame *f) {
    return readlink_at((int)arg0(f), arg1(f), arg2(f), arg3(f));
}

// ---- statfs

static i64 statfs_out(const struct path *p, u64 va) {
    struct statfs_info i = {};
    PASS(vfs_statfs(p, &i));
    struct linux_statfs s = {
        .type = (i64)i.type,
        .bsize = (i64)i.bsize,
        .blocks = (i64)i.blocks,
        .bfree = (i64)i.bfree,
        .bavail = (i64)i.bavail,
        .files = (i64)i.files,
        .ffree = (i64)i.ffree,
        .fsid = {(i32)i.fsid, (i32)(i.fsid >> 32)},
        .namelen = (i64)i.namelen,
        .frsize = (i64)i.frsize,
        .flags = (i64)i.flags | 0x20, // ST_VALID
    };
    return copy_out(user(va), &s, sizeof(s));
}
i64 linux_statfs(struct trap_frame *f) {
    struct path p;
    PASS(place_find(LINUX_AT_FDCWD, user(arg0(f)), 0, true, &p));
    i64 result = statfs_out(&p, arg1(f));
    path_put(&p);
    return result;
}
i64 linux_fstatfs(struct trap_frame *f) {
    struct fd_ref r;
    PASS(fd_get((int)arg0(f), &r));
    struct path place;
    file_place(r.file, &place);
    i64 result = place.vnode == nullptr ? (i64)ERR_NOSYS : statfs_out(&place, arg1(f));
    fd_put(&r);
    return result;
}
