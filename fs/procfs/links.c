// SPDX-License-Identifier: MIT
// Symbolic links. Most name a place itself and not its text: following /proc/N/fd/3 reaches the
// open file's vnode even when its name is gone.
#include "procfs_impl.h"
#include <mm/vm/copy.h>

err_t proc_self_readlink(const struct proc_node *n, char *buf, size_t capacity, size_t *len) {
    unused_arg(n);
    struct process *p = process_current();
    if (p == nullptr) {
        return ERR_NOENT;
    }
    char text[16];
    text_format(text, sizeof text, "%u", p->pid);
    return proc_link_text(text, buf, capacity, len);
}

err_t proc_thread_self_readlink(const struct proc_node *n, char *buf, size_t capacity,
                                size_t *len) {
    unused_arg(n);
    struct user_thread *t = user_thread_current();
    if (t == nullptr) {
        return ERR_NOENT;
    }
    char text[40];
    text_format(text, sizeof text, "%u/task/%u", t->process->pid, t->tid);
    return proc_link_text(text, buf, capacity, len);
}

err_t proc_mounts_readlink(const struct proc_node *n, char *buf, size_t capacity, size_t *len) {
    unused_arg(n);
    return proc_link_text("self/mounts", buf, capacity, len);
}

err_t proc_path_text(const struct path *p, char **out) {
    char *text;
    TRY(heap_alloc(VFS_PATH_MAX, (void **)&text));
    struct path root = {};
    struct process *reader = process_current();
    size_t len = 0;
    err_t err = reader == nullptr ? ERR_OK : process_paths(reader, &root, nullptr);
    if (err == ERR_OK) {
        err = vfs_path_text(p, root.name == nullptr ? nullptr : &root, true, text, VFS_PATH_MAX,
                            &len);
    }
    path_put(&root);
    if (err != ERR_OK) {
        heap_free(&text);
        return err;
    }
    *out = text;
    return ERR_OK;
}

err_t proc_place_readlink(const struct proc_node *n, char *buf, size_t capacity, size_t *len) {
    struct path place = {};
    err_t err = n->entry->follow(n, &place);
    if (err == ERR_NXIO) {
        return proc_link_text("anon_inode:[file]", buf, capacity, len);
    }
    TRY(err);
    char *text;
    err = proc_path_text(&place, &text);
    path_put(&place);
    TRY(err);
    err = proc_link_text(text, buf, capacity, len);
    heap_free(&text);
    return err;
}

err_t proc_exe_follow(const struct proc_node *n, struct path *out) {
    struct vm_space *s = process_space(n->process);
    if (s == nullptr) {
        return ERR_NOENT;
    }
    struct file *f = space_exe(s);
    if (f != nullptr) {
        *out = f->path;
        path_get(out);
        file_put(f);
    }
    vm_space_put(s);
    return f == nullptr ? ERR_NOENT : ERR_OK;
}

static err_t missing(err_t err) { return err == ERR_SRCH ? ERR_NOENT : err; }

err_t proc_cwd_follow(const struct proc_node *n, struct path *out) {
    return missing(process_paths(n->process, nullptr, out));
}

err_t proc_root_follow(const struct proc_node *n, struct path *out) {
    return missing(process_paths(n->process, out, nullptr));
}

// ---- descriptors

// An anonymous file (epoll and the like) has no place: ERR_NXIO.
err_t proc_fd_follow(const struct proc_node *n, struct path *out) {
    struct file *f = fd_peek(n->process, (int)n->number);
    if (f == nullptr) {
        return ERR_NOENT;
    }
    *out = f->path;
    if (out->vnode == nullptr) {
        out->vnode = f->vnode;
    }
    path_get(out);
    vm_file_put(f);
    return out->vnode == nullptr ? ERR_NXIO : ERR_OK;
}

u32 proc_fd_mode(const struct proc_node *n) {
    struct file *f = fd_peek(n->process, (int)n->number);
    if (f == nullptr) {
        return 0;
    }
    static const u32 modes[] = {0500, 0300, 0700, 0};
    u32 mode = (f->flags & O_PATH) != 0 ? 0 : modes[f->flags & O_ACCMODE];
    vm_file_put(f);
    return mode;
}

// WHY: the position is another file's; its lock may be held for ever by a waiting reader.
static u64 position_of(const struct file *f) NO_LOCK_ANALYSIS {
    return __atomic_load_n(&f->pos, __ATOMIC_RELAXED);
}

err_t proc_fdinfo_show(const struct proc_node *n, struct text *t) {
    struct file *f = fd_peek(n->process, (int)n->number);
    if (f == nullptr) {
        return ERR_NOENT;
    }
    u32 mount_id = f->vnode == nullptr ? 0 : f->vnode->mount->id;
    u64 ino = f->vnode == nullptr ? 0 : f->vnode->ino;
    text_printf(t, "pos:\t%lu\nflags:\t0%o\nmnt_id:\t%u\nino:\t%lu\n", position_of(f),
                (u32)f->flags | O_LARGEFILE, mount_id, ino);
    vm_file_put(f);
    return ERR_OK;
}
