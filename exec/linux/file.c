// SPDX-License-Identifier: MIT
// Data of open files: read, write and their vector forms, positions, sizes, durability.
#include "linux_impl.h"

constexpr u64 TRANSFER_MAX = 0x7ffff000; // one call moves at most this much, as in Linux
constexpr u32 IOV_CHUNK = 8;
constexpr size_t PIPE_ATOMIC = 4096;

static void signal_self(int sig) {
    struct user_thread *t = user_thread_current();
    struct siginfo info = {
        .signo = sig, .code = LINUX_SI_USER, .pid = t->process->pid, .uid = t->cred->uid};
    GUARD(proc_table, &proc_table);
    (void)signal_send_thread_locked(t, &info);
}
static void broken_pipe(err_t err) {
    if (err == ERR_PIPE) {
        signal_self(LINUX_SIGPIPE);
    }
}
// A write to a pipe that got part of its bytes in and then lost its reader says so by the signal
// only.
static void short_write(struct file *f) {
    if (f->vnode != nullptr && f->vnode->type == VNODE_FIFO && !(f->flags & O_NONBLOCK) &&
        file_poll(f, nullptr) & POLL_ERR) {
        signal_self(LINUX_SIGPIPE);
    }
}
static err_t beyond_limit(void) {
    signal_self(LINUX_SIGXFSZ);
    return ERR_FBIG;
}

// RLIMIT_FSIZE: cuts a write to a regular file at the limit; beyond it SIGXFSZ and ERR_FBIG.
static err_t size_limit(struct file *f, const u64 *pos, u64 *bytes) {
    u64 limit = process_rlimit(process_current(), LINUX_RLIMIT_FSIZE), at = 0;
    if (likely(limit == LINUX_RLIM_INFINITY) || f->vnode == nullptr ||
        f->vnode->type != VNODE_REG || *bytes == 0) {
        return ERR_OK;
    }
    struct path place;
    struct vattr a = {};
    if (f->flags & O_APPEND) {
        file_place(f, &place);
        TRY(vfs_getattr(&place, &a));
        at = a.size;
    } else if (pos != nullptr) {
        at = *pos;
    } else {
        TRY(file_seek(f, 0, 1, &at));
    }
    if (at >= limit) {
        return beyond_limit();
    }
    *bytes = MIN(*bytes, limit - at);
    return ERR_OK;
}

static i64 one_transfer(int fd, struct vm_span span, u64 *pos, bool write) {
    struct fd_ref r;
    size_t done = 0;
    PASS(fd_get_io(fd, &r));
    if ((i64)span.bytes < 0) {
        fd_put(&r);
        return ERR_INVAL;
    }
    span.bytes = MIN(span.bytes, TRANSFER_MAX);
    err_t err = ERR_OK;
    if (!write) {
        err = file_read(r.file, span, pos, &done);
    } else {
        err = size_limit(r.file, pos, &span.bytes);
        err = err == ERR_OK ? file_write(r.file, span, pos, &done) : err;
        if (unlikely(done < span.bytes && err == ERR_OK)) {
            short_write(r.file);
        }
    }
    fd_put(&r);
    if (unlikely(err != ERR_OK)) {
        if (write) {
            broken_pipe(err);
        }
        return restartable(err);
    }
    return (i64)done;
}

i64 linux_read(struct trap_frame *f) {
    return one_transfer((int)arg0(f), (struct vm_span){.user = user(arg1(f)), .bytes = arg2(f)},
                        nullptr, false);
}
i64 linux_write(struct trap_frame *f) {
    return one_transfer((int)arg0(f), (struct vm_span){.user = user(arg1(f)), .bytes = arg2(f)},
                        nullptr, true);
}

static err_t seekable(int fd) {
    struct fd_ref r;
    TRY(fd_get_io(fd, &r));
    err_t err = r.file->ops == nullptr || r.file->ops->seek == nullptr ? ERR_SPIPE : ERR_OK;
    fd_put(&r);
    return err;
}

static i64 positioned(struct trap_frame *f, bool write) {
    u64 pos = arg3(f);
    if ((i64)pos < 0) {
        return ERR_INVAL;
    }
    PASS(seekable((int)arg0(f)));
    return one_transfer((int)arg0(f), (struct vm_span){.user = user(arg1(f)), .bytes = arg2(f)},
                        &pos, write);
}
i64 linux_pread64(struct trap_frame *f) { return positioned(f, false); }
i64 linux_pwrite64(struct trap_frame *f) { return positioned(f, true); }

// ---- vectors

struct vector {
    struct file *file;
    u64 *pos; // or null
    bool write;
    u64 base;
    u32 count;
    u64 total, done;
};

static err_t vector_measure(struct vector *v) {
    struct linux_iovec iov[IOV_CHUNK];
    if (v->count > LINUX_IOV_MAX) {
        return ERR_INVAL;
    }
    for (u32 i = 0; i < v->count; i += IOV_CHUNK) {
        u32 n = MIN(v->count - i, IOV_CHUNK);
        TRY(copy_in(iov, user(v->base + i * sizeof(*iov)), n * sizeof(*iov)));
        for (u32 k = 0; k < n; k++) {
            if ((i64)iov[k].bytes < 0) {
                return ERR_INVAL;
            }
            v->total = MIN(v->total + iov[k].bytes, TRANSFER_MAX);
        }
    }
    return ERR_OK;
}

// One piece. *more: the caller may go on with the next.
static err_t vector_piece(struct vector *v, struct vm_span span, bool *more) {
    size_t done = 0;
    err_t err = v->write ? file_write(v->file, span, v->pos, &done)
                         : file_read(v->file, span, v->pos, &done);
    v->done += done;
    *more = err == ERR_OK && done == span.bytes;
    if (v->done > 0 && *more && !v->write && v->file->vnode != nullptr &&
        v->file->vnode->type != VNODE_REG) {
        *more = (file_poll(v->file, nullptr) & POLL_IN) != 0; // what is there now is enough
    }
    return err;
}

static err_t vector_run(struct vector *v) {
    struct linux_iovec iov[IOV_CHUNK];
    bool more = true;
    for (u32 i = 0; i < v->count && more; i += IOV_CHUNK) {
        u32 n = MIN(v->count - i, IOV_CHUNK);
        TRY(copy_in(iov, user(v->base + i * sizeof(*iov)), n * sizeof(*iov)));
        for (u32 k = 0; k < n && more; k++) {
            u64 bytes = MIN(iov[k].bytes, v->total - v->done);
            if (bytes == 0) {
                continue;
            }
            TRY(vector_piece(v, (struct vm_span){.user = user(iov[k].base), .bytes = bytes},
                             &more));
        }
    }
    return ERR_OK;
}

// Small writes to pipes and terminals leave as one piece, so that lines of several writers never
// mix.
static err_t vector_gather(struct vector *v) {
    struct user_thread *t = user_thread_current();
    if (t->path_buf[1] == nullptr) {
        TRY(heap_alloc(VFS_PATH_MAX, (void **)&t->path_buf[1]));
    }
    struct linux_iovec iov[IOV_CHUNK];
    TRY(copy_in(iov, user(v->base), v->count * sizeof(*iov)));
    size_t at = 0;
    for (u32 k = 0; k < v->count; k++) {
        u64 bytes = MIN(iov[k].bytes, v->total - at);
        TRY(copy_in(t->path_buf[1] + at, user(iov[k].base), bytes));
        at += bytes;
    }
    bool more;
    return vector_piece(v, (struct vm_span){.kernel = t->path_buf[1], .bytes = at}, &more);
}

static i64 vector(int fd, u64 base, u64 count, u64 *pos, bool write) {
    struct fd_ref r;
    if (pos != nullptr) {
        if ((i64)*pos < 0) {
            return ERR_INVAL;
        }
        PASS(seekable(fd));
    }
    PASS(fd_get_io(fd, &r));
    struct vector v = {
        .file = r.file, .pos = pos, .write = write, .base = base, .count = (u32)count};
    err_t err = count > LINUX_IOV_MAX ? ERR_INVAL : vector_measure(&v);
    if (err == ERR_OK && write) {
        err = size_limit(r.file, pos, &v.total);
    }
    if (err == ERR_OK && v.total == 0) { // rights are still checked
        size_t done = 0;
        struct vm_span none = {.user = UPTR_NULL};
        err = write ? file_write(r.file, none, pos, &done) : file_read(r.file, none, pos, &done);
    } else if (err == ERR_OK) {
        bool plain = r.file->vnode != nullptr && r.file->vnode->type == VNODE_REG;
        bool gather =
            write && !plain && v.total <= PIPE_ATOMIC && v.count > 1 && v.count <= IOV_CHUNK;
        err = gather ? vector_gather(&v) : vector_run(&v);
    }
    fd_put(&r);
    if (v.done > 0) {
        return (i64)v.done;
    }
    if (write) {
        broken_pipe(err);
    }
    return restartable(err);
}

i64 linux_readv(struct trap_frame *f) {
    return vector((int)arg0(f), arg1(f), arg2(f), nullptr, false);
}
i64 linux_writev(struct trap_frame *f) {
    return vector((int)arg0(f), arg1(f), arg2(f), nullptr, true);
}
i64 linux_preadv(struct trap_frame *f) {
    u64 pos = arg3(f);
    return vector((int)arg0(f), arg1(f), arg2(f), &pos, false);
}
i64 linux_pwritev(struct trap_frame *f) {
    u64 pos = arg3(f);
    return vector((int)arg0(f), arg1(f), arg2(f), &pos, true);
}
static i64 vector2(struct trap_frame *f, bool write) {
    u64 pos = arg3(f);
    if (arg5(f) != 0) {
        return ERR_OPNOTSUPP;
    }
    return vector((int)arg0(f), arg1(f), arg2(f), (i64)pos == -1 ? nullptr : &pos, write);
}
i64 linux_preadv2(struct trap_frame *f) { return vector2(f, false); }
i64 linux_pwritev2(struct trap_frame *f) { return vector2(f, true); }

// ---- positions, sizes, durability

i64 linux_lseek(struct trap_frame *f) {
    struct fd_ref r;
    u64 pos = 0;
    PASS(fd_get_io((int)arg0(f), &r));
    err_t err = (u32)arg2(f) > 4 ? ERR_INVAL : file_seek(r.file, (i64)arg1(f), (int)arg2(f), &pos);
    fd_put(&r);
    return err == ERR_OK ? (i64)pos : (i64)err;
}

static bool within_limit(u64 bytes) {
    return bytes <= process_rlimit(process_current(), LINUX_RLIMIT_FSIZE);
}

i64 linux_ftruncate(struct trap_frame *f) {
    struct fd_ref r;
    if ((i64)arg1(f) < 0) {
        return ERR_INVAL;
    }
    PASS(fd_get_io((int)arg0(f), &r));
    err_t err = within_limit(arg1(f)) ? vfs_file_truncate(r.file, arg1(f)) : beyond_limit();
    fd_put(&r);
    return err;
}

i64 linux_truncate(struct trap_frame *f) {
    struct path p;
    if ((i64)arg1(f) < 0) {
        return ERR_INVAL;
    }
    PASS(place_find(LINUX_AT_FDCWD, user(arg0(f)), 0, true, &p));
    err_t err = within_limit(arg1(f)) ? vfs_truncate(&p, cred_now(), arg1(f)) : beyond_limit();
    path_put(&p);
    return err;
}

i64 linux_fallocate(struct trap_frame *f) {
    struct fd_ref r;
    PASS(fd_get_io((int)arg0(f), &r));
    err_t err = (i64)arg2(f) < 0 || (i64)arg3(f) <= 0
                    ? ERR_INVAL
                    : vfs_file_allocate(r.file, (u32)arg1(f), arg2(f), arg3(f));
    fd_put(&r);
    return err;
}

static i64 sync_file(int fd, bool data_only) {
    struct fd_ref r;
    PASS(fd_get_io(fd, &r));
    err_t err = r.file->vnode == nullptr ? ERR_INVAL : vfs_file_sync(r.file, data_only);
    fd_put(&r);
    return err;
}
i64 linux_fsync(struct trap_frame *f) { return sync_file((int)arg0(f), false); }
i64 linux_fdatasync(struct trap_frame *f) { return sync_file((int)arg0(f), true); }
i64 linux_sync_file_range(struct trap_frame *f) { return sync_file((int)arg0(f), true); }
i64 linux_sync(struct trap_frame *f) {
    unused_arg(f);
    (void)vfs_sync_all(); // sync(2) has no way to tell
    return 0;
}
i64 linux_syncfs(struct trap_frame *f) {
    struct fd_ref r;
    PASS(fd_get_io((int)arg0(f), &r));
    struct mount *m = r.file->vnode == nullptr ? nullptr : r.file->vnode->mount;
    err_t err =
        m != nullptr && m->ops != nullptr && m->ops->sync != nullptr ? vfs_sync_all() : ERR_OK;
    fd_put(&r);
    return err;
}

static i64 hint(int fd) {
    struct fd_ref r;
    PASS(fd_get_io(fd, &r));
    bool pipe = r.file->ops == nullptr || r.file->ops->seek == nullptr;
    fd_put(&r);
    return pipe ? ERR_SPIPE : ERR_OK;
}
i64 linux_fadvise64(struct trap_frame *f) {
    i64 err = hint((int)arg0(f));
    return err == 0 && (u32)arg3(f) > 5 ? ERR_INVAL : err;
}
i64 linux_readahead(struct trap_frame *f) {
    i64 err = hint((int)arg0(f));
    return err == ERR_SPIPE ? ERR_INVAL : err;
}

// ---- from file to file

struct transfer {
    struct file *in, *out;
    u64 *in_pos, *out_pos;
    u64 bytes, done;
};

static err_t transfer_run(struct transfer *x, char *buf, size_t capacity) {
    while (x->done < x->bytes) {
        size_t got = 0, put = 0;
        u64 in_before = x->in_pos == nullptr ? 0 : *x->in_pos;
        struct vm_span span = {.kernel = buf, .bytes = MIN(x->bytes - x->done, capacity)};
        TRY(file_read(x->in, span, x->in_pos, &got));
        if (got == 0) {
            return ERR_OK;
        }
        span.bytes = got;
        err_t err = file_write(x->out, span, x->out_pos, &put);
        x->done += put;
        if (put < got) { // what was read too much goes back
            u64 ignored;
            if (x->in_pos != nullptr) {
                *x->in_pos = in_before + put;
            } else {
                (void)file_seek(x->in, -(i64)(got - put), 1, &ignored);
            }
        }
        if (err != ERR_OK || put < got) {
            return err;
        }
    }
    return ERR_OK;
}

static err_t transfer(struct transfer *x) {
    constexpr size_t buffer_bytes = 32 * 1024;
    char *buf;
    if ((x->in->flags & O_ACCMODE) == O_WRONLY || (x->out->flags & O_ACCMODE) == O_RDONLY) {
        return ERR_BADF;
    }
    TRY(heap_alloc(buffer_bytes, (void **)&buf));
    err_t err = transfer_run(x, buf, buffer_bytes);
    heap_free(&buf);
    return x->done > 0 ? ERR_OK : err;
}

i64 linux_sendfile(struct trap_frame *f) {
    struct fd_ref in, out;
    u64 pos = 0;
    bool has_pos = arg2(f) != 0;
    if (has_pos) {
        PASS(copy_in(&pos, user(arg2(f)), sizeof(pos)));
    }
    PASS(fd_get_io((int)arg0(f), &out));
    err_t err = fd_get_io((int)arg1(f), &in);
    struct transfer x = {};
    if (err == ERR_OK) {
        x = (struct transfer){.in = in.file,
                              .out = out.file,
                              .in_pos = has_pos ? &pos : nullptr,
                              .bytes = MIN(arg3(f), TRANSFER_MAX)};
        bool plain = in.file->vnode != nullptr &&
                     (in.file->vnode->type == VNODE_REG || in.file->vnode->type == VNODE_BLK);
        err = plain && !(out.file->flags & O_APPEND) ? transfer(&x) : ERR_INVAL;
        fd_put(&in);
    }
    fd_put(&out);
    if (err == ERR_OK && has_pos) {
        err = copy_out(user(arg2(f)), &pos, sizeof(pos));
    }
    broken_pipe(err);
    return err == ERR_OK ? (i64)x.done : (i64)restartable(err);
}

static err_t optional_pos(u64 va, u64 *pos, u64 **out) {
    *out = va == 0 ? nullptr : pos;
    return va == 0 ? ERR_OK : copy_in(pos, user(va), sizeof(*pos));
}

static err_t copy_range_check(const struct file *in, const struct file *out) {
    if (in->vnode == nullptr || out->vnode == nullptr) {
        return ERR_INVAL;
    }
    if (in->vnode->type == VNODE_DIR || out->vnode->type == VNODE_DIR) {
        return ERR_ISDIR;
    }
    if (in->vnode->type != VNODE_REG || out->vnode->type != VNODE_REG) {
        return ERR_INVAL;
    }
    return out->flags & O_APPEND ? ERR_BADF : ERR_OK;
}

i64 linux_copy_file_range(struct trap_frame *f) {
    struct fd_ref in, out;
    u64 in_at = 0, out_at = 0;
    struct transfer x = {.bytes = MIN(arg4(f), TRANSFER_MAX)};
    if (arg5(f) != 0) {
        return ERR_INVAL;
    }
    PASS(optional_pos(arg1(f), &in_at, &x.in_pos));
    PASS(optional_pos(arg3(f), &out_at, &x.out_pos));
    PASS(fd_get_io((int)arg0(f), &in));
    err_t err = fd_get_io((int)arg2(f), &out);
    if (err == ERR_OK) {
        x.in = in.file;
        x.out = out.file;
        err = copy_range_check(in.file, out.file);
        err = err == ERR_OK ? transfer(&x) : err;
        fd_put(&out);
    }
    fd_put(&in);
    if (err == ERR_OK && x.in_pos != nullptr) {
        err = copy_out(user(arg1(f)), &in_at, sizeof(in_at));
    }
    if (err == ERR_OK && x.out_pos != nullptr) {
        err = copy_out(user(arg3(f)), &out_at, sizeof(out_at));
    }
    return err == ERR_OK ? (i64)x.done : (i64)err;
}
