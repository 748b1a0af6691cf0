// SPDX-License-Identifier: MIT
// The mount tree. A directory with something mounted on it points to the topmost mount
// (covered_by); a mount keeps its directory and the directory's name entry. Walks look at
// covered_by without a lock and take the mount lock only when there is something.
//
// Invariants (vfs_mounts lock): covers->covered_by == m for each mount but the root; a mount in the
// list has a root; whoever stands inside a mount holds references on its name entries, so the entry
// of the mount point counts all users.
#include "vfs_impl.h"
#include <kernel/sched/wait.h>

constexpr u32 SHUTDOWN_ATTEMPTS = 20;
constexpr u64 SHUTDOWN_PAUSE_NS = 200 * NS_PER_MS;

struct mount_tree vfs_mount_tree = {.lock = MUTEX_INIT(vfs_mount_tree.lock),
                                    .all = LIST_INIT(vfs_mount_tree.all)};
static struct fs_type *fs_types;
static struct path namespace_root;
static _Atomic u32 anonymous_minor, last_mount_id;

u64 vfs_anonymous_dev(void) { return ++anonymous_minor; } // major 0

void vfs_register_fs(struct fs_type *t) {
    t->next = fs_types;
    fs_types = t;
}

static struct fs_type *fs_find(const char *name) {
    for (struct fs_type *t = fs_types; t != nullptr; t = t->next) {
        if (text_equal(t->name, name)) {
            return t;
        }
    }
    return nullptr;
}

void vfs_init(void) {
    name_init();
    mount_pipes_init();
    vm_file_get = (void (*)(void *))file_get; // WHY: mm knows files only as void *
    vm_file_put = file_put_later;
}

struct path vfs_root(void) {
    path_get(&namespace_root);
    return namespace_root;
}

void mount_cross(struct path *p) {
    if (p->vnode->covered_by == nullptr) {
        return;
    }
    struct vnode *old = p->vnode;
    vfs_mounts_lock(&vfs_mount_tree);
    while (p->vnode->covered_by != nullptr) {
        p->vnode = p->vnode->covered_by->root;
    }
    vnode_get(p->vnode);
    vfs_mounts_unlock(&vfs_mount_tree);
    vnode_put(old);
}

static err_t fs_mount(const char *fs_name, const char *source, u32 flags, const char *options,
                      struct mount **out) {
    struct fs_type *t = fs_find(fs_name);
    if (t == nullptr) {
        return ERR_NODEV;
    }
    struct mount *m;
    TRY(t->mount(source, flags, options == nullptr ? "" : options, &m));
    m->fs_name = t->name;
    m->flags |= flags;
    m->id = ++last_mount_id;
    if (m->dev == 0) {
        m->dev = vfs_anonymous_dev();
    }
    list_init(&m->node);
    (void)text_copy(m->source, sizeof m->source, source != nullptr ? source : t->name);
    (void)text_copy(m->options, sizeof m->options, options == nullptr ? "" : options);
    *out = m;
    return ERR_OK;
}

static void fs_unmount(struct mount *m) {
    bool bind = m->bind;
    if (!bind && m->ops != nullptr && m->ops->detached != nullptr) {
        m->ops->detached(m);
    }
    struct vnode *root = m->root;
    m->root = nullptr;
    vnode_put(root);
    err_t err =
        bind || m->ops == nullptr || m->ops->unmount == nullptr ? ERR_OK : m->ops->unmount(m);
    if (err != ERR_OK) {
        log(VFS, ERROR, "unmount of %s at %s: error %d", m->fs_name, m->point, err);
    }
    heap_free(&m);
}

err_t vfs_mount_root(const char *fs_name, const char *source, u32 flags, const char *options) {
    struct mount *m;
    TRY(fs_mount(fs_name, source, flags, options, &m));
    m->root->flags |= VNODE_ROOT;
    (void)text_copy(m->point, sizeof m->point, "/");
    struct name_entry *e;
    TRY(name_create_root(m->root, &e));
    vnode_get(m->root);
    namespace_root = (struct path){m->root, e};
    GUARD(vfs_mounts, &vfs_mount_tree);
    list_push_back(&vfs_mount_tree.all, &m->node);
    return ERR_OK;
}

// Hangs m over the place; takes the place's references over.
static err_t attach(struct mount *m, struct path *at) {
    size_t len;
    if (vfs_path_text(at, nullptr, false, m->point, sizeof m->point, &len) != ERR_OK) {
        return ERR_NOENT;
    }
    GUARD(vfs_mounts, &vfs_mount_tree);
    if (at->vnode->covered_by != nullptr) {
        return ERR_BUSY; // somebody was faster
    }
    m->covers = at->vnode;
    m->covers_name = at->name;
    m->parent = at->vnode->mount;
    at->vnode->covered_by = m;
    list_push_back(&vfs_mount_tree.all, &m->node);
    *at = (struct path){};
    return ERR_OK;
}

err_t vfs_mount(const struct walk_base *b, const char *source, const char *point,
                const char *fs_name, u32 flags, const char *options) {
    if (b->cred->fsuid != 0) {
        return ERR_PERM;
    }
    struct path at;
    TRY(vfs_walk(b, point, WALK_FOLLOW | WALK_DIRECTORY, &at));
    struct mount *m;
    err_t err = fs_mount(fs_name, source, flags, options, &m);
    if (err == ERR_OK) {
        err = attach(m, &at);
        if (err != ERR_OK) {
            fs_unmount(m);
        }
    }
    path_put(&at);
    return err;
}

err_t vfs_bind(const struct walk_base *b, const char *from, const char *to) {
    if (b->cred->fsuid != 0) {
        return ERR_PERM;
    }
    struct path source;
    struct path at;
    TRY(vfs_walk(b, from, WALK_FOLLOW, &source));
    err_t err = vfs_walk(b, to, WALK_FOLLOW, &at);
    if (err != ERR_OK) {
        path_put(&source);
        return err;
    }
    struct mount *m = nullptr;
    struct mount *original = source.vnode->mount;
    if ((source.vnode->type == VNODE_DIR) != (at.vnode->type == VNODE_DIR)) {
        err = ERR_NOTDIR;
    } else if (source.vnode == at.vnode) {
        err = ERR_BUSY; // covering a directory with itself would have no end
    } else {
        err = heap_new(&m);
    }
    if (err == ERR_OK) {
        list_init(&m->node);
        m->fs_name = original->fs_name;
        m->flags = original->flags;
        m->dev = original->dev;
        m->ops = original->ops;
        m->fs = original->fs;
        m->bind = true;
        m->id = ++last_mount_id;
        (void)text_copy(m->source, sizeof m->source, original->source);
        (void)text_copy(m->options, sizeof m->options, original->options);
        vnode_get(source.vnode);
        m->root = source.vnode;
        err = attach(m, &at);
        if (err != ERR_OK) {
            fs_unmount(m);
        }
    }
    path_put(&at);
    path_put(&source);
    return err;
}

static struct mount *find_by_place(const struct path *p) REQUIRES(lc_vfs_mounts) {
    struct mount *m;
    list_for_each(m, &vfs_mount_tree.all, node) {
        if (m->root == p->vnode && m->covers_name == p->name) {
            return m;
        }
    }
    return nullptr;
}

// expected: references on the mount point's name that are ours.
static err_t detach(struct mount *m, u32 expected) REQUIRES(lc_vfs_mounts) {
    if (m->covers == nullptr) {
        return ERR_BUSY; // the root
    }
    name_purge();
    if (name_references(m->covers_name) > expected ||
        (!m->bind && m->ops != nullptr && m->ops->busy != nullptr && m->ops->busy(m))) {
        return ERR_BUSY;
    }
    m->covers->covered_by = nullptr;
    list_remove(&m->node);
    return ERR_OK;
}

static err_t sync_mount(struct mount *m) {
    return m->bind || m->ops == nullptr || m->ops->sync == nullptr ? ERR_OK : m->ops->sync(m);
}

err_t vfs_unmount(const struct walk_base *b, const char *point) {
    if (b->cred->fsuid != 0) {
        return ERR_PERM;
    }
    struct path at;
    TRY(vfs_walk(b, point, WALK_FOLLOW, &at));
    vfs_mounts_lock(&vfs_mount_tree);
    struct mount *m = find_by_place(&at);
    vnode_put(at.vnode); // the name alone keeps us; the root's references are counted below
    at.vnode = nullptr;
    err_t err = m == nullptr ? ERR_INVAL : sync_mount(m);
    if (err == ERR_OK) {
        err = detach(m, 2); // the mount's and ours
    }
    vfs_mounts_unlock(&vfs_mount_tree);
    if (err == ERR_OK) {
        struct path covers = {m->covers, m->covers_name};
        fs_unmount(m);
        path_put(&covers);
    }
    path_put(&at);
    return err;
}

err_t vfs_sync_all(void) {
    err_t first = ERR_OK;
    GUARD(vfs_mounts, &vfs_mount_tree);
    struct mount *m;
    list_for_each(m, &vfs_mount_tree.all, node) {
        err_t err = sync_mount(m);
        first = first == ERR_OK ? err : first;
    }
    return first;
}

static struct mount *detach_last(void) {
    GUARD(vfs_mounts, &vfs_mount_tree);
    for (struct list *n = vfs_mount_tree.all.prev; n != &vfs_mount_tree.all; n = n->prev) {
        struct mount *m = list_entry(n, struct mount, node);
        if (detach(m, 1) == ERR_OK) {
            return m;
        }
    }
    return nullptr;
}

// Processes that end give memory back, so a sync that had too little is worth another attempt.
static err_t sync_patiently(void) {
    err_t err = vfs_sync_all();
    for (u32 i = 0; i < SHUTDOWN_ATTEMPTS && err == ERR_NOMEM; i++) {
        err_t slept = sleep_until(cpu_time_ns() + SHUTDOWN_PAUSE_NS, WAIT_SOLID);
        unused_arg(slept);
        err = vfs_sync_all();
    }
    return err;
}

err_t vfs_shutdown(void) {
    err_t err = sync_patiently();
    struct mount *m;
    while ((m = detach_last()) != nullptr) {
        struct path covers = {m->covers, m->covers_name};
        fs_unmount(m);
        path_put(&covers);
    }
    // What is still in use, the root among it, has been synced; nothing is lost by going away now.
    err_t last = sync_patiently();
    log(VFS, INFO, "file systems synced");
    return err == ERR_OK ? last : err;
}

void vfs_each_mount(bool (*fn)(const struct mount *m, void *arg), void *arg) {
    GUARD(vfs_mounts, &vfs_mount_tree);
    struct mount *m;
    list_for_each(m, &vfs_mount_tree.all, node) {
        if (!fn(m, arg)) {
            return;
        }
    }
}

void vfs_each_fs_type(bool (*fn)(const struct fs_type *t, void *arg), void *arg) {
    for (const struct fs_type *t = fs_types; t != nullptr; t = t->next) {
        if (!fn(t, arg)) {
            return;
        }
    }
}
