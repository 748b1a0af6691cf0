// SPDX-License-Identifier: MIT
// mount and umount2, and extended attributes.
#include "linux_impl.h"

// ---- mounts

enum mount_call_flags : u64 {
    MS_RDONLY = 1,
    MS_NOSUID = 2,
    MS_NODEV = 4,
    MS_NOEXEC = 8,
    MS_REMOUNT = 32,
    MS_BIND = 4096,
    MS_MOVE = 8192,
    MS_PROPAGATION = 0x1e0000, // UNBINDABLE PRIVATE SLAVE SHARED
};
constexpr u32 KEPT_FLAGS = MOUNT_RDONLY | MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC;
constexpr size_t NAME_BYTES = 64, OPTIONS_BYTES = 96;

static err_t short_string(char *to, size_t capacity, u64 va) {
    size_t len;
    to[0] = 0;
    if (va == 0) {
        return ERR_OK;
    }
    err_t err = copy_in_string(to, capacity, user(va), &len);
    return err == ERR_NAMETOOLONG ? ERR_INVAL : err;
}

static i64 remount(struct at *a, u64 flags) {
    struct path p;
    PASS(at_walk(a, WALK_FOLLOW, &p));
    err_t err = ERR_INVAL;
    struct mount *m = p.vnode->mount;
    if (p.vnode->type == VNODE_DIR && m->root == p.vnode) {
        if (flags & MS_RDONLY && !(m->flags & MOUNT_RDONLY)) {
            (void)vfs_sync_all();
        }
        m->flags = (m->flags & ~KEPT_FLAGS) | ((u32)flags & KEPT_FLAGS);
        err = ERR_OK;
    }
    path_put(&p);
    return err;
}

static const char *alias_of(const char *type) {
    return text_equal(type, "devtmpfs") ? "devfs" : text_equal(type, "ramfs") ? "tmpfs" : type;
}

static i64 mount_new(struct at *a, u64 source_va, u64 type_va, u64 data_va, u64 flags) {
    char type[NAME_BYTES], options[OPTIONS_BYTES], source[NAME_BYTES];
    PASS(short_string(type, sizeof(type), type_va));
    PASS(short_string(options, sizeof(options), data_va));
    PASS(short_string(source, sizeof(source), source_va));
    if (type_va == 0) {
        return ERR_INVAL;
    }
    return vfs_mount(&a->base, source[0] == 0 ? "none" : source, a->path, alias_of(type),
                     (u32)flags & KEPT_FLAGS, options);
}

i64 linux_mount(struct trap_frame *f) {
    struct at a;
    u64 flags = arg3(f);
    const char *from;
    if ((flags & 0xffff0000) == 0xc0ed0000) { // the magic of old programs
        flags &= 0xffff;
    }
    if (!cred_is_root(cred_now())) {
        return ERR_PERM;
    }
    PASS(at_begin(&a, LINUX_AT_FDCWD, user(arg1(f)), 0));
    i64 result;
    if (flags & MS_REMOUNT) {
        result = remount(&a, flags);
    } else if (flags & MS_BIND) {
        err_t err = path_string(user(arg0(f)), 1, &from);
        result = err == ERR_OK ? vfs_bind(&a.base, from, a.path) : err;
    } else if (flags & MS_PROPAGATION) {
        result = 0; // there is one name space, so nothing propagates
    } else if (flags & MS_MOVE) {
        result = ERR_INVAL;
    } else {
        result = mount_new(&a, arg0(f), arg2(f), arg4(f), flags);
    }
    at_end(&a);
    return result;
}

i64 linux_umount2(struct trap_frame *f) {
    struct at a;
    if (!cred_is_root(cred_now())) {
        return ERR_PERM;
    }
    if (arg1(f) & ~(u64)15) {
        return ERR_INVAL;
    }
    PASS(at_begin(&a, LINUX_AT_FDCWD, user(arg0(f)), 0));
    err_t err = vfs_unmount(&a.base, a.path);
    at_end(&a);
    return err;
}

// ---- extended attributes

constexpr size_t XATTR_NAME_MAX = 255, XATTR_VALUE_MAX = 65536;

// Where the attribute belongs: by path (following or not) or by descriptor. *out with references.
static err_t xattr_place(struct trap_frame *f, int how, struct path *out) {
    if (how == 2) {
        struct fd_ref r;
        TRY(fd_get_io((int)arg0(f), &r));
        file_place(r.file, out);
        err_t err = out->vnode == nullptr ? ERR_OPNOTSUPP : ERR_OK;
        if (err == ERR_OK) {
            path_get(out);
        }
        fd_put(&r);
        return err;
    }
    return place_find(LINUX_AT_FDCWD, user(arg0(f)), 0, how == 0, out);
}
static err_t xattr_name(u64 va, char *name) {
    size_t len;
    err_t err = copy_in_string(name, XATTR_NAME_MAX + 1, user(va), &len);
    return err == ERR_NAMETOOLONG || (err == ERR_OK && len == 0) ? ERR_RANGE : err;
}

static i64 xattr_get(struct trap_frame *f, int how) {
    struct path p;
    char name[XATTR_NAME_MAX + 1], *buf = nullptr;
    size_t capacity = MIN(arg3(f), XATTR_VALUE_MAX), bytes = 0;
    PASS(xattr_name(arg1(f), name));
    PASS(xattr_place(f, how, &p));
    err_t err = capacity == 0 ? ERR_OK : heap_alloc(capacity, (void **)&buf);
    if (err == ERR_OK) {
        err = vfs_getxattr(&p, cred_now(), name, buf, capacity, &bytes);
    }
    if (err == ERR_OK && capacity != 0) {
        err = copy_out(user(arg2(f)), buf, bytes);
    }
    heap_free(&buf);
    path_put(&p);
    return err == ERR_OK ? (i64)bytes : (i64)err;
}
static i64 xattr_set(struct trap_frame *f, int how) {
    struct path p;
    char name[XATTR_NAME_MAX + 1], *buf = nullptr;
    size_t bytes = arg3(f);
    if (arg4(f) & ~(u64)3) {
        return ERR_INVAL;
    }
    PASS(xattr_name(arg1(f), name));
    if (bytes > XATTR_VALUE_MAX) {
        return ERR_2BIG;
    }
    PASS(xattr_place(f, how, &p));
    err_t err = heap_alloc(MAX(bytes, (size_t)1), (void **)&buf);
    if (err == ERR_OK) {
        err = copy_in(buf, user(arg2(f)), bytes);
    }
    if (err == ERR_OK) {
        struct vm_span span = {.kernel = buf, .bytes = bytes};
        err = vfs_setxattr(&p, cred_now(), name, span, (u32)arg4(f));
    }
    heap_free(&buf);
    path_put(&p);
    return err;
}
static i64 xattr_list(struct trap_frame *f, int how) {
    struct path p;
    char *buf = nullptr;
    size_t capacity = MIN(arg2(f), XATTR_VALUE_MAX), bytes = 0;
    PASS(xattr_place(f, how, &p));
    err_t err = capacity == 0 ? ERR_OK : heap_alloc(capacity, (void **)&buf);
    if (err == ERR_OK) {
        err = vfs_listxattr(&p, buf, capacity, &bytes);
    }
    if (err == ERR_OK && capacity != 0) {
        err = copy_out(user(arg1(f)), buf, bytes);
    }
    heap_free(&buf);
    path_put(&p);
    return err == ERR_OK ? (i64)bytes : (i64)err;
}
static i64 xattr_remove(struct trap_frame *f, int how) {
    struct path p;
    char name[XATTR_NAME_MAX + 1];
    PASS(xattr_name(arg1(f), name));
    PASS(xattr_place(f, how, &p));
    err_t err = vfs_removexattr(&p, cred_now(), name);
    path_put(&p);
    return err;
}
i64 linux_getxattr(struct trap_frame *f) { return xattr_get(f, 0); }
i64 linux_lgetxattr(struct trap_frame *f) { return xattr_get(f, 1); }
i64 linux_fgetxattr(struct trap_frame *f) { return xattr_get(f, 2); }
i64 linux_setxattr(struct trap_frame *f) { return xattr_set(f, 0); }
i64 linux_lsetxattr(struct trap_frame *f) { return xattr_set(f, 1); }
i64 linux_fsetxattr(struct trap_frame *f) { return xattr_set(f, 2); }
i64 linux_listxattr(struct trap_frame *f) { return xattr_list(f, 0); }
i64 linux_llistxattr(struct trap_frame *f) { return xattr_list(f, 1); }
i64 linux_flistxattr(struct trap_frame *f) { return xattr_list(f, 2); }
i64 linux_removexattr(struct trap_frame *f) { return xattr_remove(f, 0); }
i64 linux_lremovexattr(struct trap_frame *f) { return xattr_remove(f, 1); }
i64 linux_fremovexattr(struct trap_frame *f) { return xattr_remove(f, 2); }
