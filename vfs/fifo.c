// SPDX-License-Identifier: MIT
// Opening pipes: pipe(2) on a vnode of an internal mount, and FIFOs, whose open waits for the other
// end (POSIX.1-2017 open): reading waits for a writer, writing for a reader (O_NONBLOCK: ERR_NXIO),
// both at once never wait. An end that came and went while we slept counts: the `ever` counters
// tell.
#include "pipe_impl.h"
#include <kernel/sched/timer.h>

static err_t pipe_getattr(struct vnode *v, struct vattr *out) {
    struct timespec64 made = timespec_from_ns((u64)(uintptr_t)v->fs);
    *out = (struct vattr){.mode = mode_of_type(VNODE_FIFO) | 0600,
                          .nlink = 1,
                          .ino = v->ino,
                          .atime = made,
                          .mtime = made,
                          .ctime = made,
                          .btime = made};
    return ERR_OK;
}

static const struct vnode_ops pipe_vnode_ops = {.getattr = pipe_getattr};
static struct mount pipe_mount = {.fs_name = "pipefs"};
static _Atomic u64 pipe_ino;

void mount_pipes_init(void) {
    list_init(&pipe_mount.node);
    pipe_mount.dev = vfs_anonymous_dev();
}

static err_t open_end(struct vnode *v, struct pipe *p, u32 flags, const struct cred *cred,
                      struct file **out) {
    struct path place = {.vnode = v};
    struct file *f;
    TRY(file_alloc(&place, flags, cred, &f));
    f->ops = &pipe_file_ops;
    f->data = p;
    *out = f;
    return ERR_OK;
}

err_t pipe_create(u32 flags, const struct cred *cred, struct file **read_end,
                  struct file **write_end) {
    struct vnode *v;
    TRY(vnode_alloc(&pipe_mount, VNODE_FIFO, ++pipe_ino, &pipe_vnode_ops, &v));
    v->fs = (void *)(uintptr_t)time_wall_ns(); // WHY: the only attribute a pipe has
    struct pipe *p;
    err_t err = pipe_alloc(&p);
    if (err != ERR_OK) {
        vnode_put(v);
        return err;
    }
    v->pipe = p;
    u32 kept = flags & (O_NONBLOCK | O_DIRECT);
    struct file *r;
    struct file *w;
    p->readers = 1; // one at a time: putting a file takes its end away again
    p->readers_ever = 1;
    err = open_end(v, p, kept | O_RDONLY, cred, &r);
    if (err != ERR_OK) {
        v->pipe = nullptr;
        pipe_free(p);
        vnode_put(v);
        return err;
    }
    err = open_end(v, p, kept | O_WRONLY, cred, &w);
    if (err != ERR_OK) {
        file_put(r);
        vnode_put(v);
        return err;
    }
    p->writers = 1;
    p->writers_ever = 1;
    vnode_put(v);
    *read_end = r;
    *write_end = w;
    return ERR_OK;
}

static err_t get_pipe(struct vnode *v, struct pipe **out) REQUIRES(lc_vnode) {
    if (v->pipe == nullptr) {
        struct pipe *p;
        TRY(pipe_alloc(&p));
        v->pipe = p;
    }
    *out = v->pipe;
    return ERR_OK;
}

struct opening {
    struct pipe *pipe;
    u64 readers_seen, writers_seen;
    bool wait_reader, wait_writer;
};

static err_t join_pipe(struct vnode *v, struct file *f, struct opening *o) {
    GUARD(vnode, v);
    TRY(get_pipe(v, &o->pipe));
    struct pipe *p = o->pipe;
    u32 mode = f->flags & O_ACCMODE;
    bool nonblock = (f->flags & O_NONBLOCK) != 0;
    if (mode == O_WRONLY && nonblock && p->readers == 0) {
        if (pipe_unused(p)) {
            v->pipe = nullptr;
            pipe_free(p);
        }
        return ERR_NXIO;
    }
    o->readers_seen = p->readers_ever;
    o->writers_seen = p->writers_ever;
    if (mode != O_WRONLY) {
        p->readers++;
        p->readers_ever++;
    }
    if (mode != O_RDONLY) {
        p->writers++;
        p->writers_ever++;
    }
    o->wait_writer = mode == O_RDONLY && !nonblock && p->writers == 0;
    o->wait_reader = mode == O_WRONLY && p->readers == 0;
    if (o->wait_reader || o->wait_writer) {
        p->opening++;
    }
    waitq_wake_all(&p->opened);
    return ERR_OK;
}

static bool met(const struct opening *o) {
    return (!o->wait_writer || o->pipe->writers_ever != o->writers_seen) &&
           (!o->wait_reader || o->pipe->readers_ever != o->readers_seen);
}

static void leave(struct vnode *v, u32 mode, struct pipe *p, bool give_up) {
    GUARD(vnode, v);
    p->opening--;
    if (!give_up) {
        return;
    }
    if (mode == O_RDONLY) {
        p->readers--;
    } else {
        p->writers--;
    }
    if (pipe_unused(p)) {
        v->pipe = nullptr;
        pipe_free(p);
    } else {
        waitq_wake_all(&p->readable);
        waitq_wake_all(&p->writable);
    }
}

err_t fifo_open(struct vnode *v, struct file *f) {
    struct opening o = {};
    TRY(join_pipe(v, f, &o));
    if (o.wait_reader || o.wait_writer) {
        err_t err = WAIT_UNTIL(&o.pipe->opened, met(&o), WAIT_INTERRUPTIBLE, DEADLINE_NEVER);
        leave(v, f->flags & O_ACCMODE, o.pipe, err != ERR_OK);
        if (err != ERR_OK) {
            return ERR_RESTARTSYS;
        }
    }
    f->ops = &pipe_file_ops;
    f->data = o.pipe;
    return ERR_OK;
}
