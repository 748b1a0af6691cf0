// SPDX-License-Identifier: MIT
// Where path calls start: root, current directory or a directory descriptor, and the path itself in
// the thread's own buffer. A context used by one thread only is borrowed, a shared one is
// referenced for the time of the call.
#include "linux_impl.h"
#include <stdatomic.h>

err_t path_string(struct uptr path, int slot, const char **out) {
    struct user_thread *t = user_thread_current();
    if (t->path_buf[slot] == nullptr) {
        TRY(heap_alloc(VFS_PATH_MAX, (void **)&t->path_buf[slot]));
    }
    size_t len;
    TRY(copy_in_string(t->path_buf[slot], VFS_PATH_MAX, path, &len));
    *out = t->path_buf[slot];
    return ERR_OK;
}

void file_place(struct file *f, struct path *out) {
    *out = f->path;
    if (out->vnode == nullptr) {
        out->vnode = f->vnode;
    }
}

static err_t at_directory(struct at *a, int dirfd) {
    TRY(fd_get(dirfd, &a->dir));
    a->has_dir = true;
    file_place(a->dir.file, &a->base.cwd);
    if (a->base.cwd.vnode == nullptr || a->base.cwd.vnode->type != VNODE_DIR) {
        at_end(a);
        return ERR_NOTDIR;
    }
    return ERR_OK;
}

err_t at_begin(struct at *a, int dirfd, struct uptr path, int slot) {
    *a = (struct at){.base.cred = cred_now()};
    TRY(path_string(path, slot, &a->path));
    struct process *p = process_current();
    if (atomic_load_explicit(&p->fs->refs.count, memory_order_relaxed) == 1) {
        a->base.root = p->fs->root;
        a->base.cwd = p->fs->cwd;
    } else {
        TRY(process_paths(p, &a->base.root, &a->base.cwd));
        a->owned = true;
    }
    if (dirfd == LINUX_AT_FDCWD || a->path[0] == '/') {
        return ERR_OK;
    }
    if (a->path[0] == 0) { // whatever the descriptor is
        at_end(a);
        return ERR_NOENT;
    }
    if (a->owned) { // the directory takes the place of cwd
        path_put(&a->base.cwd);
    }
    return at_directory(a, dirfd);
}

void at_end(struct at *a) {
    if (a->owned) {
        path_put(&a->base.root);
        if (!a->has_dir) {
            path_put(&a->base.cwd);
        }
    }
    if (a->has_dir) {
        fd_put(&a->dir);
    }
}

err_t at_walk(struct at *a, u32 walk_flags, struct path *out) {
    return vfs_walk(&a->base, a->path, walk_flags, out);
}

// The place of a descriptor itself, with references.
static err_t place_of_fd(int fd, struct path *out) {
    if (fd == LINUX_AT_FDCWD) {
        return process_paths(process_current(), nullptr, out);
    }
    struct fd_ref r;
    TRY(fd_get(fd, &r));
    file_place(r.file, out);
    err_t err = out->vnode == nullptr ? ERR_BADF : ERR_OK;
    if (err == ERR_OK) {
        path_get(out);
    }
    fd_put(&r);
    return err;
}

err_t place_find(int dirfd, struct uptr path, u32 at_flags, bool follow, struct path *out) {
    const char *text;
    if (at_flags & LINUX_AT_EMPTY_PATH) {
        TRY(path_string(path, 0, &text));
        if (text[0] == 0) {
            return place_of_fd(dirfd, out);
        }
    }
    struct at a;
    TRY(at_begin(&a, dirfd, path, 0));
    err_t err = at_walk(&a, follow ? WALK_FOLLOW : 0, out);
    at_end(&a);
    return err;
}
