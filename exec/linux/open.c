// SPDX-License-Identifier: MIT
// Descriptors: opening, closing, duplicating, fcntl, locks, pipes, directory listings, ioctl.
#include "linux_impl.h"
#include <stdatomic.h>

static u32 umask_now(void) { return process_current()->fs->umask; }

static i64 install(struct file *file, int lowest, bool cloexec) {
    int fd;
    err_t err = fd_install(file, lowest, cloexec, &fd);
    if (err != ERR_OK) {
        file_put(file);
        return err;
    }
    return fd;
}

static i64 open_at(int dirfd, u64 path, u64 flags, u64 mode) {
    struct at a;
    struct file *file;
    PASS(at_begin(&a, dirfd, user(path), 0));
    u32 permissions =
        flags & (O_CREAT | (O_TMPFILE & ~(u32)O_DIRECTORY)) ? (u32)mode & 07777 & ~umask_now() : 0;
    err_t err = vfs_open(&a.base, a.path, (u32)flags & ~(u32)O_CLOEXEC, permissions, &file);
    at_end(&a);
    if (err != ERR_OK) {
        return restartable(err);
    }
    return install(file, 0, (flags & O_CLOEXEC) != 0);
}
i64 linux_openat(struct trap_frame *f) { return open_at((int)arg0(f), arg1(f), arg2(f), arg3(f)); }
i64 linux_open(struct trap_frame *f) { return open_at(LINUX_AT_FDCWD, arg0(f), arg1(f), arg2(f)); }
i64 linux_creat(struct trap_frame *f) {
    return open_at(LINUX_AT_FDCWD, arg0(f), O_CREAT | O_WRONLY | O_TRUNC, arg1(f));
}
i64 linux_close(struct trap_frame *f) { return fd_close((int)arg0(f)); }
i64 linux_close_range(struct trap_frame *f) {
    if (arg2(f) & ~(u64)6) { // UNSHARE CLOEXEC
        return ERR_INVAL;
    }
    return fd_close_range((u32)arg0(f), (u32)arg1(f), (arg2(f) & 4) != 0);
}

// ---- duplicates

static i64 duplicate(int fd, int lowest, bool cloexec) {
    struct fd_ref r;
    PASS(fd_get(fd, &r));
    file_get(r.file);
    i64 result = install(r.file, lowest, cloexec);
    fd_put(&r);
    return result;
}
i64 linux_dup(struct trap_frame *f) { return duplicate((int)arg0(f), 0, false); }

static i64 duplicate_at(int fd, int to, bool cloexec) {
    struct fd_ref r;
    PASS(fd_get(fd, &r));
    file_get(r.file);
    struct file *file = r.file;
    fd_put(&r);
    err_t err = fd_install_at(file, to, cloexec);
    if (err != ERR_OK) {
        file_put(file);
        return err;
    }
    return to;
}
i64 linux_dup2(struct trap_frame *f) {
    int fd = (int)arg0(f), to = (int)arg1(f);
    if (fd == to) {
        struct fd_ref r;
        PASS(fd_get(fd, &r));
        fd_put(&r);
        return fd;
    }
    return duplicate_at(fd, to, false);
}
i64 linux_dup3(struct trap_frame *f) {
    int fd = (int)arg0(f), to = (int)arg1(f);
    if (fd == to || arg2(f) & ~(u64)O_CLOEXEC) {
        return ERR_INVAL;
    }
    return duplicate_at(fd, to, (arg2(f) & O_CLOEXEC) != 0);
}

// ---- pipes

static i64 make_pipe(u64 out, u32 flags) {
    if (flags & ~(u32)(O_CLOEXEC | O_NONBLOCK | O_DIRECT)) {
        return ERR_INVAL;
    }
    struct file *ends[2];
    PASS(pipe_create(flags & ~(u32)O_CLOEXEC, cred_now(), &ends[0], &ends[1]));
    bool cloexec = (flags & O_CLOEXEC) != 0;
    i64 first = install(ends[0], 0, cloexec);
    if (first < 0) {
        file_put(ends[1]);
        return first;
    }
    i64 second = install(ends[1], 0, cloexec);
    if (second < 0) {
        (void)fd_close((int)first);
        return second;
    }
    i32 fds[2] = {(i32)first, (i32)second};
    err_t err = copy_out(user(out), fds, sizeof(fds));
    if (err != ERR_OK) {
        (void)fd_close(fds[0]);
        (void)fd_close(fds[1]);
    }
    return err;
}
i64 linux_pipe(struct trap_frame *f) { return make_pipe(arg0(f), 0); }
i64 linux_pipe2(struct trap_frame *f) { return make_pipe(arg0(f), (u32)arg1(f)); }

// ---- fcntl

enum fcntl_command : u32 {
    F_DUPFD = 0,
    F_GETFD = 1,
    F_SETFD = 2,
    F_GETFL = 3,
    F_SETFL = 4,
    F_GETLK = 5,
    F_SETLK = 6,
    F_SETLKW = 7,
    F_SETOWN = 8,
    F_GETOWN = 9,
    F_OFD_GETLK = 36,
    F_OFD_SETLK = 37,
    F_OFD_SETLKW = 38,
    F_DUPFD_CLOEXEC = 1030,
    F_SETPIPE_SZ = 1031,
    F_GETPIPE_SZ = 1032,
};
constexpr i16 F_RDLCK = 0, F_WRLCK = 1, F_UNLCK = 2;
constexpr u32 SETTABLE = O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME;

static err_t lock_range(struct file *file, const struct linux_flock *l, struct record_lock *out) {
    i64 start = l->start;
    struct path place;
    struct vattr a = {};
    u64 pos = 0;
    if (l->whence == 1) {
        TRY(file_seek(file, 0, 1, &pos));
    } else if (l->whence == 2) {
        file_place(file, &place);
        TRY(vfs_getattr(&place, &a));
        pos = a.size;
    } else if (l->whence != 0) {
        return ERR_INVAL;
    }
    if (__builtin_add_overflow(start, (i64)pos, &start)) {
        return ERR_OVERFLOW;
    }
    i64 end = INT64_MAX;
    if (l->length > 0) {
        if (__builtin_add_overflow(start, l->length - 1, &end)) {
            return ERR_OVERFLOW;
        }
    } else if (l->length < 0) {
        end = start - 1;
        start += l->length;
    }
    if (start < 0) {
        return ERR_INVAL;
    }
    out->start = (u64)start;
    out->end = (u64)end;
    return ERR_OK;
}

static err_t lock_get(struct file *file, struct linux_flock *l, struct record_lock *wanted) {
    struct record_lock blocker;
    if (l->type == F_UNLCK) {
        return ERR_INVAL;
    }
    if (!record_lock_test(file, wanted, &blocker)) {
        l->type = F_UNLCK;
        return ERR_OK;
    }
    l->type = blocker.exclusive ? F_WRLCK : F_RDLCK;
    l->whence = 0;
    l->start = (i64)blocker.start;
    l->length = blocker.end >= INT64_MAX ? 0 : (i64)(blocker.end - blocker.start + 1);
    l->pid = (i32)blocker.pid;
    return ERR_OK;
}

static i64 record_lock_call(struct file *file, u32 command, u64 va) {
    struct linux_flock l;
    PASS(copy_in(&l, user(va), sizeof(l)));
    if (file->vnode == nullptr || l.type < 0 || l.type > F_UNLCK) {
        return ERR_INVAL;
    }
    bool by_file = command >= F_OFD_GETLK;
    struct record_lock wanted = {.exclusive = l.type == F_WRLCK,
                                 .owner = by_file ? (void *)file : (void *)process_current(),
                                 .pid = by_file ? (u32)-1 : process_current()->pid};
    PASS(lock_range(file, &l, &wanted));
    if (command == F_GETLK || command == F_OFD_GETLK) {
        PASS(lock_get(file, &l, &wanted));
        return copy_out(user(va), &l, sizeof(l));
    }
    u32 access = file->flags & O_ACCMODE;
    if ((l.type == F_RDLCK && access == O_WRONLY) || (l.type == F_WRLCK && access == O_RDONLY)) {
        return ERR_BADF;
    }
    bool wait = command == F_SETLKW || command == F_OFD_SETLKW;
    return restartable(record_lock_set(file, &wanted, l.type == F_UNLCK, wait));
}

static i64 fcntl_file(struct file *file, u32 command, u64 arg) {
    u64 bytes = 0;
    switch (command) {
    case F_GETFL:
        return (i64)(file->flags | (file->flags & O_PATH ? 0u : O_LARGEFILE));
    case F_SETFL:
        file->flags = (file->flags & ~SETTABLE) | ((u32)arg & SETTABLE);
        return 0;
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        return record_lock_call(file, command, arg);
    case F_SETOWN:
        file->owner_pid = (u32)arg;
        return 0;
    case F_GETOWN:
        return (i32)file->owner_pid;
    case F_GETPIPE_SZ:
    case F_SETPIPE_SZ:
        if (command == F_SETPIPE_SZ && (u32)arg == 0) {
            arg = 1; // rounded up to a page
        }
        PASS(pipe_resize(file, cred_now(), command == F_GETPIPE_SZ ? 0 : (u32)arg, &bytes));
        return (i64)bytes;
    default:
        return ERR_INVAL;
    }
}

i64 linux_fcntl(struct trap_frame *f) {
    int fd = (int)arg0(f);
    u32 command = (u32)arg1(f);
    bool cloexec, wanted = (arg2(f) & 1) != 0;
    if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) {
        struct fd_ref r;
        PASS(fd_get(fd, &r));
        fd_put(&r);
        if ((int)arg2(f) < 0 || arg2(f) >= process_rlimit(process_current(), LINUX_RLIMIT_NOFILE)) {
            return ERR_INVAL;
        }
        return duplicate(fd, (int)arg2(f), command == F_DUPFD_CLOEXEC);
    }
    if (command == F_GETFD || command == F_SETFD) {
        PASS(fd_flags(fd, &cloexec, command == F_SETFD ? &wanted : nullptr));
        return command == F_GETFD ? cloexec : 0;
    }
    struct fd_ref r;
    PASS(fd_get(fd, &r));
    i64 result = r.file->flags & O_PATH && command != F_GETFL
                     ? (i64)ERR_BADF
                     : fcntl_file(r.file, command, arg2(f));
    fd_put(&r);
    return result;
}

i64 linux_flock(struct trap_frame *f) {
    u32 how = (u32)arg1(f) & ~4u; // LOCK_NB
    if (how != 1 && how != 2 && how != 8) {
        return ERR_INVAL;
    }
    struct fd_ref r;
    PASS(fd_get_io((int)arg0(f), &r));
    struct record_lock wanted = {.end = INT64_MAX,
                                 .exclusive = how == 2,
                                 .flock = true,
                                 .owner = r.file,
                                 .pid = process_current()->pid};
    err_t err = r.file->vnode == nullptr
                    ? ERR_BADF
                    : record_lock_set(r.file, &wanted, how == 8, !(arg1(f) & 4));
    fd_put(&r);
    return restartable(err);
}

// ---- ioctl: what is the descriptor's own business; the rest goes to the object

i64 linux_ioctl(struct trap_frame *f) {
    constexpr u32 fionclex = 0x5450, fioclex = 0x5451, fionbio = 0x5421, fioasync = 0x5452;
    int fd = (int)arg0(f);
    u32 request = (u32)arg1(f);
    struct fd_ref r;
    PASS(fd_get_io(fd, &r));
    i64 result = 0;
    err_t err = ERR_OK;
    if (request == fioclex || request == fionclex) {
        bool ignored, set = request == fioclex;
        err = fd_flags(fd, &ignored, &set);
    } else if (request == fionbio || request == fioasync) {
        i32 on;
        u32 bit = request == fionbio ? O_NONBLOCK : O_ASYNC;
        err = copy_in(&on, user(arg2(f)), sizeof(on));
        if (err == ERR_OK) {
            r.file->flags = on ? r.file->flags | bit : r.file->flags & ~bit;
        }
    } else {
        err = file_ioctl(r.file, request, arg2(f), &result);
    }
    fd_put(&r);
    return err == ERR_OK ? result : (i64)restartable(err);
}

// ---- directory listings

struct dents {
    struct dir_sink sink;
    u64 at, end;
    bool old;   // getdents: the type follows the name
    bool first; // nothing added yet
    err_t err;
};

static bool dents_add(struct dir_sink *sink, const char *name, size_t len, u64 ino,
                      enum vnode_type type, u64 next_cookie) {
    struct dents *d = container_of(sink, struct dents, sink);
    size_t head = d->old ? 18 : LINUX_DIRENT64_NAME;
    size_t bytes = ALIGN_UP(head + len + 1 + d->old, 8);
    if (d->at + bytes > d->end) {
        d->err = d->first ? ERR_INVAL : ERR_OK;
        return false;
    }
    u8 record[280] = {};
    memcpy(record, &ino, 8);
    memcpy(record + 8, &next_cookie, 8);
    u16 record_bytes = (u16)bytes;
    memcpy(record + 16, &record_bytes, 2);
    if (d->old) {
        record[bytes - 1] = (u8)type;
    } else {
        record[18] = (u8)type;
    }
    memcpy(record + head, name, len);
    d->err = copy_out(user(d->at), record, bytes);
    if (d->err != ERR_OK) {
        return false;
    }
    d->first = false;
    d->at += bytes;
    return true;
}

static i64 list_directory(struct trap_frame *f, bool old) {
    struct fd_ref r;
    PASS(fd_get_io((int)arg0(f), &r));
    struct dents d = {.sink.add = dents_add,
                      .at = arg1(f),
                      .end = arg1(f) + (u32)arg2(f),
                      .old = old,
                      .first = true};
    struct vattr a = {.nlink = 1};
    struct path place;
    file_place(r.file, &place);
    err_t err =
        place.vnode != nullptr && place.vnode->type == VNODE_DIR ? vfs_getattr(&place, &a) : ERR_OK;
    if (err == ERR_OK) { // a removed directory has no entries, not even its own
        err = a.nlink == 0 ? ERR_NOENT : file_readdir(r.file, &d.sink);
    }
    fd_put(&r);
    if (d.at > arg1(f)) {
        return (i64)(d.at - arg1(f));
    }
    return err != ERR_OK ? (i64)err : (i64)d.err;
}
i64 linux_getdents64(struct trap_frame *f) { return list_directory(f, false); }
i64 linux_getdents(struct trap_frame *f) { return list_directory(f, true); }

i64 linux_umask(struct trap_frame *f) {
    return (i64)atomic_exchange(&process_current()->fs->umask, (u32)arg0(f) & 0777);
}
i64 linux_vhangup(struct trap_frame *f) {
    unused_arg(f);
    return cred_is_root(cred_now()) ? ERR_OK : ERR_PERM;
}
