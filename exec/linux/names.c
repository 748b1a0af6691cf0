// SPDX-License-Identifier: MIT
// Changing the tree of names and the attributes of what it names: mkdir, unlink, rename, link,
// chmod, chown, times, chdir.
#include "linux_impl.h"

static u32 umask_now(void) { return process_current()->fs->umask; }

static i64 make_node(int dirfd, u64 path, u32 mode, u64 rdev) {
    struct at a;
    u32 type = mode & 0170000;
    if (type == 0) {
        mode |= type = 0100000;
    }
    if (type == 0040000) {
        return ERR_PERM; // by mkdir only
    }
    if (type != 0100000 && type != 0010000 && type != 0020000 && type != 0060000 &&
        type != 0140000) {
        return ERR_INVAL;
    }
    if ((type == 0020000 || type == 0060000) && !cred_is_root(cred_now())) {
        return ERR_PERM;
    }
    const struct cred *c = cred_now();
    struct vattr init = {
        .mode = mode & ~umask_now(), .uid = c->fsuid, .gid = c->fsgid, .rdev = rdev};
    PASS(at_begin(&a, dirfd, user(path), 0));
    err_t err = vfs_create(&a.base, a.path, &init);
    at_end(&a);
    return err;
}

static i64 make_directory(int dirfd, u64 path, u32 mode) {
    struct at a;
    const struct cred *c = cred_now();
    struct vattr init = {
        .mode = (mode & 01777 & ~umask_now()) | 0040000, .uid = c->fsuid, .gid = c->fsgid};
    PASS(at_begin(&a, dirfd, user(path), 0));
    err_t err = vfs_create(&a.base, a.path, &init);
    at_end(&a);
    return err;
}
i64 linux_mkdir(struct trap_frame *f) {
    return make_directory(LINUX_AT_FDCWD, arg0(f), (u32)arg1(f));
}
i64 linux_mkdirat(struct trap_frame *f) {
    return make_directory((int)arg0(f), arg1(f), (u32)arg2(f));
}
i64 linux_mknod(struct trap_frame *f) {
    return make_node(LINUX_AT_FDCWD, arg0(f), (u32)arg1(f), (u32)arg2(f));
}
i64 linux_mknodat(struct trap_frame *f) {
    return make_node((int)arg0(f), arg1(f), (u32)arg2(f), (u32)arg3(f));
}

static i64 unlink_at(int dirfd, u64 path, bool directory) {
    struct at a;
    PASS(at_begin(&a, dirfd, user(path), 0));
    err_t err = vfs_unlink(&a.base, a.path, directory);
    at_end(&a);
    return err;
}
i64 linux_unlink(struct trap_frame *f) { return unlink_at(LINUX_AT_FDCWD, arg0(f), false); }
i64 linux_rmdir(struct trap_frame *f) { return unlink_at(LINUX_AT_FDCWD, arg0(f), true); }
i64 linux_unlinkat(struct trap_frame *f) {
    if (arg2(f) & ~(u64)LINUX_AT_REMOVEDIR) {
        return ERR_INVAL;
    }
    return unlink_at((int)arg0(f), arg1(f), (arg2(f) & LINUX_AT_REMOVEDIR) != 0);
}

struct two { // "from" and "to" of one call
    int from_fd, to_fd;
    u64 from, to;
    u32 flags;
};
static i64 rename_at(struct two t) {
    struct at a, b;
    if (t.flags & ~3u || t.flags == 3) {
        return ERR_INVAL;
    }
    PASS(at_begin(&a, t.from_fd, user(t.from), 0));
    err_t err = at_begin(&b, t.to_fd, user(t.to), 1);
    if (err == ERR_OK) {
        err = vfs_rename(&a.base, a.path, &b.base, b.path, t.flags);
        at_end(&b);
    }
    at_end(&a);
    return err;
}
i64 linux_rename(struct trap_frame *f) {
    return rename_at((struct two){LINUX_AT_FDCWD, LINUX_AT_FDCWD, arg0(f), arg1(f), 0});
}
i64 linux_renameat(struct trap_frame *f) {
    return rename_at((struct two){(int)arg0(f), (int)arg2(f), arg1(f), arg3(f), 0});
}
i64 linux_renameat2(struct trap_frame *f) {
    return rename_at((struct two){(int)arg0(f), (int)arg2(f), arg1(f), arg3(f), (u32)arg4(f)});
}

static i64 link_at(struct two t) {
    struct at a, b;
    if (t.flags & ~(u32)(LINUX_AT_SYMLINK_FOLLOW | LINUX_AT_EMPTY_PATH)) {
        return ERR_INVAL;
    }
    PASS(at_begin(&a, t.from_fd, user(t.from), 0));
    err_t err = at_begin(&b, t.to_fd, user(t.to), 1);
    if (err == ERR_OK) {
        err = vfs_link(&a.base, a.path, t.flags & LINUX_AT_SYMLINK_FOLLOW ? WALK_FOLLOW : 0,
                       &b.base, b.path);
        at_end(&b);
    }
    at_end(&a);
    return err;
}
i64 linux_link(struct trap_frame *f) {
    return link_at((struct two){LINUX_AT_FDCWD, LINUX_AT_FDCWD, arg0(f), arg1(f), 0});
}
i64 linux_linkat(struct trap_frame *f) {
    return link_at((struct two){(int)arg0(f), (int)arg2(f), arg1(f), arg3(f), (u32)arg4(f)});
}

static i64 symlink_at(u64 target, int dirfd, u64 path) {
    const char *text;
    struct at a;
    PASS(path_string(user(target), 1, &text));
    if (text[0] == 0) {
        return ERR_NOENT;
    }
    PASS(at_begin(&a, dirfd, user(path), 0));
    err_t err = vfs_symlink(&a.base, text, a.path);
    at_end(&a);
    return err;
}
i64 linux_symlink(struct trap_frame *f) { return symlink_at(arg0(f), LINUX_AT_FDCWD, arg1(f)); }
i64 linux_symlinkat(struct trap_frame *f) { return symlink_at(arg0(f), (int)arg1(f), arg2(f)); }

// ---- attributes

static i64 set_at(int dirfd, u64 path, u32 at_flags, u32 mask, const struct vattr *v) {
    struct path p;
    PASS(place_find(dirfd, user(path), at_flags, !(at_flags & LINUX_AT_SYMLINK_NOFOLLOW), &p));
    err_t err = mask == 0 ? ERR_OK : vfs_setattr(&p, cred_now(), mask, v);
    path_put(&p);
    return err;
}

static i64 set_fd(int fd, u32 mask, const struct vattr *v) {
    struct fd_ref r;
    PASS(fd_get_io(fd, &r));
    struct path place;
    file_place(r.file, &place);
    err_t err = place.vnode == nullptr ? ERR_INVAL : ERR_OK;
    if (err == ERR_OK && mask != 0) {
        err = vfs_setattr(&place, cred_now(), mask, v);
    }
    fd_put(&r);
    return err;
}

i64 linux_chmod(struct trap_frame *f) {
    struct vattr v = {.mode = (u32)arg1(f) & 07777};
    return set_at(LINUX_AT_FDCWD, arg0(f), 0, VATTR_MODE, &v);
}
i64 linux_fchmod(struct trap_frame *f) {
    struct vattr v = {.mode = (u32)arg1(f) & 07777};
    return set_fd((int)arg0(f), VATTR_MODE, &v);
}
i64 linux_fchmodat(struct trap_frame *f) {
    struct vattr v = {.mode = (u32)arg2(f) & 07777};
    return set_at((int)arg0(f), arg1(f), 0, VATTR_MODE, &v);
}

static u32 owner_mask(u64 uid, u64 gid) {
    return ((u32)uid == ~(u32)0 ? 0u : VATTR_UID) | ((u32)gid == ~(u32)0 ? 0u : VATTR_GID);
}
static i64 chown_at(int dirfd, u64 path, u64 uid, u64 gid, u32 flags) {
    struct vattr v = {.uid = (u32)uid, .gid = (u32)gid};
    if (flags & ~(u32)(LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_EMPTY_PATH)) {
        return ERR_INVAL;
    }
    return set_at(dirfd, path, flags, owner_mask(uid, gid), &v);
}
i64 linux_chown(struct trap_frame *f) {
    return chown_at(LINUX_AT_FDCWD, arg0(f), arg1(f), arg2(f), 0);
}
i64 linux_lchown(struct trap_frame *f) {
    return chown_at(LINUX_AT_FDCWD, arg0(f), arg1(f), arg2(f), LINUX_AT_SYMLINK_NOFOLLOW);
}
i64 linux_fchownat(struct trap_frame *f) {
    return chown_at((int)arg0(f), arg1(f), arg2(f), arg3(f), (u32)arg4(f));
}
i64 linux_fchown(struct trap_frame *f) {
    struct vattr v = {.uid = (u32)arg1(f), .gid = (u32)arg2(f)};
    return set_fd((int)arg0(f), owner_mask(arg1(f), arg2(f)), &v);
}

// ---- times

constexpr i64 UTIME_NOW = 0x3fffffff, UTIME_OMIT = 0x3ffffffe;

static err_t times_decide(const struct linux_timespec ts[2], u32 *mask, struct vattr *v) {
    struct timespec64 now = timespec_from_ns(time_wall_ns());
    *mask = 0;
    if (ts[0].nsec == UTIME_NOW && ts[1].nsec == UTIME_NOW) {
        *mask = VATTR_TIMES_NOW; // write permission is enough for this
    }
    for (int i = 0; i < 2; i++) {
        struct timespec64 *to = i == 0 ? &v->atime : &v->mtime;
        if (ts[i].nsec == UTIME_OMIT) {
            continue;
        }
        if (ts[i].nsec != UTIME_NOW && (u64)ts[i].nsec >= NS_PER_SEC) {
            return ERR_INVAL;
        }
        *to = ts[i].nsec == UTIME_NOW ? now : (struct timespec64){ts[i].sec, (u32)ts[i].nsec};
        *mask |= i == 0 ? VATTR_ATIME : VATTR_MTIME;
    }
    return ERR_OK;
}

static i64 set_times(int dirfd, u64 path, u32 flags, const struct linux_timespec ts[2]) {
    static const struct linux_timespec both_now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
    struct vattr v = {};
    u32 mask;
    PASS(times_decide(ts == nullptr ? both_now : ts, &mask, &v));
    if (path == 0) {
        if (dirfd == LINUX_AT_FDCWD) {
            return ERR_FAULT;
        }
        return flags != 0 ? (i64)ERR_INVAL : set_fd(dirfd, mask, &v);
    }
    return set_at(dirfd, path, flags, mask, &v);
}

i64 linux_utimensat(struct trap_frame *f) {
    struct linux_timespec ts[2];
    u32 flags = (u32)arg3(f);
    if (flags & ~(u32)(LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_EMPTY_PATH)) {
        return ERR_INVAL;
    }
    if (arg2(f) != 0) {
        PASS(copy_in(ts, user(arg2(f)), sizeof(ts)));
        if (ts[0].nsec == UTIME_OMIT && ts[1].nsec == UTIME_OMIT) {
            return 0;
        }
    }
    return set_times((int)arg0(f), arg1(f), flags, arg2(f) == 0 ? nullptr : ts);
}

static i64 set_times_us(int dirfd, u64 path, u64 va) {
    struct linux_timeval tv[2];
    struct linux_timespec ts[2];
    if (va == 0) {
        return set_times(dirfd, path, 0, nullptr);
    }
    PASS(copy_in(tv, user(va), sizeof(tv)));
    for (int i = 0; i < 2; i++) {
        if ((u64)tv[i].usec >= 1000000) {
            return ERR_INVAL;
        }
        ts[i] = (struct linux_timespec){tv[i].sec, tv[i].usec * 1000};
    }
    return set_times(dirfd, path, 0, ts);
}
i64 linux_utimes(struct trap_frame *f) { return set_times_us(LINUX_AT_FDCWD, arg0(f), arg1(f)); }
i64 linux_futimesat(struct trap_frame *f) { return set_times_us((int)arg0(f), arg1(f), arg2(f)); }
i64 linux_utime(struct trap_frame *f) {
    i64 seconds[2];
    if (arg1(f) == 0) {
        return set_times(LINUX_AT_FDCWD, arg0(f), 0, nullptr);
    }
    PASS(copy_in(seconds, user(arg1(f)), sizeof(seconds)));
    struct linux_timespec ts[2] = {{seconds[0], 0}, {seconds[1], 0}};
    return set_times(LINUX_AT_FDCWD, arg0(f), 0, ts);
}

// ---- where the process is

static void set_cwd(struct path *to) { // takes over the references
    struct fs_context *c = process_current()->fs;
    fs_context_lock(c);
    struct path old = c->cwd;
    c->cwd = *to;
    fs_context_unlock(c);
    path_put(&old);
}

i64 linux_chdir(struct trap_frame *f) {
    struct path p;
    struct at a;
    PASS(at_begin(&a, LINUX_AT_FDCWD, user(arg0(f)), 0));
    err_t err = at_walk(&a, WALK_FOLLOW | WALK_DIRECTORY, &p);
    if (err == ERR_OK) {
        err = vfs_permission(p.vnode, cred_now(), 1);
        if (err != ERR_OK) {
            path_put(&p);
        }
    }
    at_end(&a);
    if (err == ERR_OK) {
        set_cwd(&p);
    }
    return err;
}

i64 linux_fchdir(struct trap_frame *f) {
    struct fd_ref r;
    PASS(fd_get((int)arg0(f), &r));
    struct path p;
    file_place(r.file, &p);
    err_t err = p.vnode == nullptr || p.vnode->type != VNODE_DIR
                    ? ERR_NOTDIR
                    : vfs_permission(p.vnode, cred_now(), 1);
    if (err == ERR_OK) {
        path_get(&p);
        set_cwd(&p);
    }
    fd_put(&r);
    return err;
}

i64 linux_chroot(struct trap_frame *f) {
    struct path p;
    if (!cred_is_root(cred_now())) {
        return ERR_PERM;
    }
    PASS(place_find(LINUX_AT_FDCWD, user(arg0(f)), 0, true, &p));
    if (p.vnode->type != VNODE_DIR) {
        path_put(&p);
        return ERR_NOTDIR;
    }
    struct fs_context *c = process_current()->fs;
    fs_context_lock(c);
    struct path old = c->root;
    c->root = p;
    fs_context_unlock(c);
    path_put(&old);
    return 0;
}

i64 linux_getcwd(struct trap_frame *f) {
    struct path root, cwd;
    PASS(process_paths(process_current(), &root, &cwd));
    char *buf = nullptr;
    size_t len = 0;
    err_t err = heap_alloc(VFS_PATH_MAX, (void **)&buf);
    if (err == ERR_OK) {
        err = vfs_path_text(&cwd, &root, true, buf, VFS_PATH_MAX, &len);
    }
    constexpr char mark[] = " (deleted)";
    if (err == ERR_OK && len >= sizeof(mark) - 1 &&
        memcmp(buf + len - (sizeof(mark) - 1), mark, sizeof(mark) - 1) == 0) {
        err = ERR_NOENT;
    }
    if (err == ERR_OK && len + 1 > arg1(f)) {
        err = ERR_RANGE;
    }
    if (err == ERR_OK) {
        err = copy_out(user(arg0(f)), buf, len + 1);
    }
    heap_free(&buf);
    path_put(&root);
    path_put(&cwd);
    return err == ERR_OK ? (i64)(len + 1) : (i64)err;
}
