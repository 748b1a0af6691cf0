// SPDX-License-Identifier: MIT
// /proc. Nothing is stored: a lookup makes a vnode whose node names a table entry and, inside a
// process's directory, holds a reference to the process. So a node stays valid when its process
// ends; everything asked of it after that answers ERR_NOENT or ERR_SRCH. Inode numbers are made of
// the same parts as the node (process, thread, directory, number), so that they stay the same from
// one lookup to the next. No directory is name-cached: each lookup makes a new vnode, and a cached
// name would keep the old ones. (So nothing can be mounted below /proc.)
#include "procfs_impl.h"
#include <lib/list.h>

constexpr u64 COOKIE_TABLE = 3;         // + index of the entry in its table
constexpr u64 COOKIE_NUMBERS = 0x10000; // + number of the child
static const struct vnode_ops proc_ops, proc_place_ops;

static struct proc_node *node_of(const struct vnode *v) { return v->fs; }

const struct cred *proc_reader(void) {
    struct user_thread *t = user_thread_current();
    return t == nullptr ? &cred_root : t->cred;
}

static struct process *thread_owner(u32 tid) {
    GUARD(proc_table, &proc_table);
    struct user_thread *t = thread_find_locked(tid);
    if (t == nullptr) {
        return nullptr;
    }
    process_get(t->process);
    return t->process;
}

bool proc_node_gone(const struct proc_node *n) {
    if (n->process == nullptr) {
        return false;
    }
    struct process *now = process_find(n->process->pid);
    bool gone = now != n->process;
    if (now != nullptr) {
        process_put(now);
    }
    if (!gone && n->tid != 0) {
        now = thread_owner(n->tid);
        // The leader of a zombie has no thread any more but keeps its directory.
        gone = now != n->process && n->tid != n->process->pid;
        if (now != nullptr) {
            process_put(now);
        }
    }
    return gone;
}

err_t proc_node_may_look(const struct proc_node *n, const struct cred *c) {
    if (n->process == nullptr || !n->entry->guarded) {
        return ERR_OK;
    }
    return process_is_ptraceable(n->process, c) ? ERR_OK : ERR_ACCES;
}

err_t proc_number(const char *name, size_t len, u32 *out) {
    u32 n = 0;
    if (len == 0 || len > 9 || (name[0] == '0' && len != 1)) {
        return ERR_NOENT;
    }
    for (size_t i = 0; i < len; i++) {
        if (name[i] < '0' || name[i] > '9') {
            return ERR_NOENT;
        }
        n = n * 10 + (u32)(name[i] - '0');
    }
    *out = n;
    return ERR_OK;
}

static u64 ino_of(const struct proc_node *dir, u64 item, const struct proc_node *child) {
    u64 pid = child->process == nullptr ? 0 : child->process->pid;
    return pid << 48 | (u64)child->tid << 32 | (u64)dir->entry->dir->id << 24 | (item & 0xffffff);
}
static u64 ino_of_index(const struct proc_node *dir, u32 idx) {
    struct proc_node like = {.process = dir->process, .tid = dir->tid};
    return ino_of(dir, idx + 1, &like);
}
static u64 ino_of_number(const struct proc_node *dir, const struct proc_node *child) {
    return ino_of(dir, 0x10000 + (u64)child->number, child);
}

// Takes over n's reference to its process, also when it fails.
static err_t make_vnode(struct mount *m, const struct proc_node *n, struct vnode **out) {
    struct proc_node *kept;
    struct vnode *v = nullptr;
    err_t err = heap_new(&kept);
    if (err == ERR_OK) {
        enum vnode_type type = (enum vnode_type)(n->entry->mode >> 12);
        const struct vnode_ops *ops = n->entry->follow != nullptr ? &proc_place_ops : &proc_ops;
        err = vnode_alloc(m, type, n->ino, ops, &v);
        if (err != ERR_OK) {
            heap_free(&kept);
        }
    }
    if (err != ERR_OK) {
        if (n->process != nullptr) {
            process_put(n->process);
        }
        return err;
    }
    *kept = *n;
    v->fs = kept;
    v->flags = VNODE_NO_NAME_CACHE;
    *out = v;
    return ERR_OK;
}

static void proc_inactive(struct vnode *v) {
    struct proc_node *n = node_of(v);
    if (n->process != nullptr) {
        process_put(n->process);
    }
    heap_free(&n);
}

static bool find_in_table(const struct proc_node *dir, const char *name, size_t len,
                          struct proc_node *out) {
    const struct proc_dir *d = dir->entry->dir;
    for (u32 i = 0; i < d->count; i++) {
        const struct proc_entry *e = &d->entries[i];
        if (strlen(e->name) == len && memcmp(e->name, name, len) == 0) {
            *out = (struct proc_node){.entry = e,
                                      .process = dir->process,
                                      .tid = dir->tid,
                                      .number = dir->number,
                                      .ino = ino_of_index(dir, i)};
            if (out->process != nullptr) {
                process_get(out->process);
            }
            return true;
        }
    }
    return false;
}

static err_t proc_lookup(struct vnode *v, const char *name, size_t len, struct vnode **out) {
    struct proc_node *dir = node_of(v);
    if (proc_node_gone(dir)) {
        return ERR_NOENT;
    }
    struct proc_node n = {};
    if (!find_in_table(dir, name, len, &n)) {
        if (dir->entry->dir->lookup == nullptr) {
            return ERR_NOENT;
        }
        TRY(dir->entry->dir->lookup(dir, name, len, &n));
        n.ino = ino_of_number(dir, &n);
    }
    return make_vnode(v->mount, &n, out);
}

static err_t proc_readdir(struct vnode *v, u64 cookie, struct dir_sink *sink) {
    struct proc_node *dir = node_of(v);
    const struct proc_dir *d = dir->entry->dir;
    if (proc_node_gone(dir)) {
        return ERR_NOENT;
    }
    u64 first = cookie < COOKIE_TABLE ? 0 : cookie - COOKIE_TABLE + 1;
    for (u64 i = first; i < d->count && cookie < COOKIE_NUMBERS; i++) {
        const struct proc_entry *e = &d->entries[i];
        enum vnode_type type = (enum vnode_type)(e->mode >> 12);
        if (!sink->add(sink, e->name, strlen(e->name), ino_of_index(dir, (u32)i), type,
                       COOKIE_TABLE + i)) {
            return ERR_OK;
        }
    }
    if (d->next == nullptr) {
        return ERR_OK;
    }
    struct proc_child c = {};
    u64 number = cookie < COOKIE_NUMBERS ? 0 : cookie - COOKIE_NUMBERS + 1;
    for (; d->next(dir, &number, &c); number++) {
        u64 ino = ino_of_number(dir, &c.node);
        enum vnode_type type = (enum vnode_type)(c.node.entry->mode >> 12);
        if (c.node.process != nullptr) {
            process_put(c.node.process);
        }
        if (!sink->add(sink, c.name, strlen(c.name), ino, type, COOKIE_NUMBERS + number)) {
            return ERR_OK;
        }
    }
    return ERR_OK;
}

// Files of a process belong to its user, unless it may not be looked into: then to root. Its
// directories always show the user.
static void owner_of(const struct proc_node *n, u32 *uid, u32 *gid) {
    *uid = *gid = 0;
    if (n->process == nullptr) {
        return;
    }
    bool open_dir = (n->entry->mode & 0170005) == (PROC_DIR_MODE | 05);
    if (n->process->dumpable == 1 || open_dir) {
        const struct cred *c = process_cred_get(n->process);
        *uid = c->euid;
        *gid = c->egid;
        cred_put(c);
    }
}

static err_t proc_getattr(struct vnode *v, struct vattr *out) {
    struct proc_node *n = node_of(v);
    struct timespec64 now = timespec_from_ns(time_wall_ns());
    *out = (struct vattr){.mode = n->entry->mode,
                          .nlink = v->type == VNODE_DIR ? 2 : 1,
                          .ino = n->ino,
                          .blksize = 1024,
                          .atime = now,
                          .mtime = now,
                          .ctime = now,
                          .btime = now};
    owner_of(n, &out->uid, &out->gid);
    if (n->entry->size != nullptr) {
        out->size = n->entry->size(n);
    }
    if (n->entry == &proc_fd_entry) {
        out->mode = PROC_LINK_MODE | proc_fd_mode(n);
        out->size = 64; // as Linux says
    }
    return ERR_OK;
}

// A process may always list what is its own, whatever became of its user.
static err_t proc_permission(struct vnode *v, const struct cred *cred, u32 rwx) {
    struct proc_node *n = node_of(v);
    if (v->type == VNODE_DIR && n->process != nullptr && n->process == process_current() &&
        (rwx & 2) == 0) {
        return ERR_OK;
    }
    struct vattr a;
    TRY(proc_getattr(v, &a));
    return vfs_permission_by_mode(&a, cred, rwx);
}

static err_t proc_setattr(struct vnode *v, u32 mask, const struct vattr *a) {
    unused_arg(v);
    unused_arg(a);
    return mask == VATTR_SIZE ? ERR_OK : ERR_PERM; // O_TRUNC means nothing here
}

// There is no way to make a name: Linux says that there is nothing of that name.
static err_t proc_create(struct vnode *dir, const char *name, size_t len, const struct vattr *init,
                         struct vnode **out) {
    unused_arg(dir);
    unused_arg(name);
    unused_arg(len);
    unused_arg(init);
    unused_arg(out);
    return ERR_NOENT;
}

static err_t proc_open(struct vnode *v, struct file *f) {
    struct proc_node *n = node_of(v);
    if (v->type != VNODE_REG) {
        return ERR_OK;
    }
    if (proc_node_gone(n)) {
        return ERR_NOENT;
    }
    TRY(proc_node_may_look(n, f->cred));
    if (n->entry->ops != nullptr) {
        f->ops = n->entry->ops;
        return ERR_OK;
    }
    return proc_text_open(v, f);
}

err_t proc_link_text(const char *s, char *buf, size_t capacity, size_t *len) {
    *len = MIN(strlen(s), capacity);
    memcpy(buf, s, *len);
    return ERR_OK;
}

static err_t proc_readlink(struct vnode *v, char *buf, size_t capacity, size_t *len) {
    struct proc_node *n = node_of(v);
    TRY(proc_node_may_look(n, proc_reader()));
    return n->entry->readlink(n, buf, capacity, len);
}

static err_t proc_follow(struct vnode *link, const struct cred *cred, struct path *out) {
    struct proc_node *n = node_of(link);
    TRY(proc_node_may_look(n, cred));
    return n->entry->follow(n, out);
}

static const struct vnode_ops proc_ops = {
    .lookup = proc_lookup,
    .create = proc_create,
    .readdir = proc_readdir,
    .getattr = proc_getattr,
    .setattr = proc_setattr,
    .permission = proc_permission,
    .open = proc_open,
    .readlink = proc_readlink,
    .inactive = proc_inactive,
};
static const struct vnode_ops proc_place_ops = {
    // links that name a place and not a text
    .getattr = proc_getattr,   .setattr = proc_setattr, .permission = proc_permission,
    .readlink = proc_readlink, .follow = proc_follow,   .inactive = proc_inactive,
};

static err_t proc_statfs(struct mount *m, struct statfs_info *out) {
    unused_arg(m);
    *out = (struct statfs_info){.type = 0x9fa0, .bsize = PAGE_SIZE}; // Linux's PROC_SUPER_MAGIC
    return ERR_OK;
}
static const struct mount_ops proc_mount_ops = {.statfs = proc_statfs};

static err_t proc_mount(const char *source, u32 flags, const char *options, struct mount **out) {
    unused_arg(source);
    unused_arg(flags);
    unused_arg(options);
    struct mount *m;
    TRY(heap_new(&m));
    m->ops = &proc_mount_ops;
    m->dev = vfs_anonymous_dev();
    struct proc_node root = {.entry = &proc_root_entry, .ino = 1};
    err_t err = make_vnode(m, &root, &m->root);
    if (err != ERR_OK) {
        heap_free(&m);
        return err;
    }
    *out = m;
    return ERR_OK;
}

void procfs_init(void) {
    static struct fs_type type = {.name = "proc", .mount = proc_mount};
    proc_system_init();
    vfs_register_fs(&type);
}
