// SPDX-License-Identifier: MIT
// Directories: two balanced trees over the same names, by hash for lookups and by cookie (order of
// creation) for readdir, so that listing goes on where it stopped while names come and go.
#include "tmpfs_impl.h"

constexpr u64 LINKS_MAX = 65000;
constexpr u32 RENAME_NOREPLACE = 1, RENAME_EXCHANGE = 2;

static u64 hash_of(const char *name, size_t len) {
    u64 h = 0xcbf29ce484222325;
    for (size_t i = 0; i < len; i++) {
        h = (h ^ (u8)name[i]) * 0x100000001b3;
    }
    return h ^ (h >> 31);
}

static int compare(u64 hash, const char *name, size_t len, const struct tmpfs_name *n) {
    if (hash != n->hash) {
        return hash < n->hash ? -1 : 1;
    }
    if (len != n->len) {
        return len < n->len ? -1 : 1;
    }
    return memcmp(name, n->bytes, len);
}

struct tmpfs_name *tmpfs_name_find(struct tmpfs_node *dir, const char *name, size_t len) {
    u64 hash = hash_of(name, len);
    struct tree_node *at = dir->names.root;
    while (at != nullptr) {
        struct tmpfs_name *n = container_of(at, struct tmpfs_name, by_hash);
        int c = compare(hash, name, len, n);
        if (c == 0) {
            return n;
        }
        at = c < 0 ? at->left : at->right;
    }
    return nullptr;
}

static void link_by_hash(struct tmpfs_node *dir, struct tmpfs_name *n) {
    struct tree_node **slot = &dir->names.root;
    struct tree_node *parent = nullptr;
    while (*slot != nullptr) {
        parent = *slot;
        int c =
            compare(n->hash, n->bytes, n->len, container_of(parent, struct tmpfs_name, by_hash));
        slot = c < 0 ? &parent->left : &parent->right;
    }
    tree_insert(&dir->names, &n->by_hash, parent, slot);
}

static void touch(struct tmpfs_node *dir) { dir->mtime_ns = dir->ctime_ns = time_wall_ns(); }

err_t tmpfs_name_insert(struct tmpfs_node *dir, const char *name, size_t len, struct vnode *v) {
    if (dir->removed) {
        return ERR_NOENT;
    }
    if (tmpfs_name_find(dir, name, len) != nullptr) {
        return ERR_EXIST;
    }
    struct tmpfs_name *n;
    TRY(heap_alloc(sizeof *n + len, (void **)&n));
    n->hash = hash_of(name, len);
    n->len = (u16)len;
    memcpy(n->bytes, name, len);
    n->cookie = dir->next_cookie++;
    vnode_get(v);
    n->vnode = v;
    link_by_hash(dir, n);
    struct tree_node *last = tree_last(&dir->cookies); // the newest has the greatest cookie
    tree_insert(&dir->cookies, &n->by_cookie, last,
                last == nullptr ? &dir->cookies.root : &last->right);
    dir->name_count++;
    touch(dir);
    return ERR_OK;
}

void tmpfs_name_remove(struct tmpfs_node *dir, struct tmpfs_name *n) {
    tree_remove(&dir->names, &n->by_hash);
    tree_remove(&dir->cookies, &n->by_cookie);
    dir->name_count--;
    touch(dir);
    heap_free_raw(n);
}

// Takes all names out of a directory. Directories among them go to `work` with the name's
// reference.
static void take_names(struct tmpfs_node *dir, struct list *work) {
    struct tree_node *at;
    while ((at = tree_first(&dir->names)) != nullptr) {
        struct tmpfs_name *n = container_of(at, struct tmpfs_name, by_hash);
        struct vnode *v = n->vnode;
        tree_remove(&dir->names, at);
        heap_free_raw(n);
        if (v->type == VNODE_DIR) { // has one name, so it is put on the list once
            list_push_back(work, &v->mount_node);
        } else {
            vnode_put(v);
        }
    }
}

// The root of an unmounted tree goes: the whole tree is taken down, without recursion since its
// depth has no bound.
void tmpfs_names_free(struct tmpfs_node *dir) {
    struct list work = LIST_INIT(work);
    take_names(dir, &work);
    struct list *at;
    while ((at = list_pop_front(&work)) != nullptr) {
        struct vnode *v = list_entry(at, struct vnode, mount_node);
        take_names(tmpfs_node(v), &work);
        vnode_put(v);
    }
}

err_t tmpfs_lookup(struct vnode *dir, const char *name, size_t len, struct vnode **out) {
    struct tmpfs_node *d = tmpfs_node(dir);
    GUARD(tmpfs, d->fs);
    struct tmpfs_name *n = tmpfs_name_find(d, name, len);
    if (n == nullptr) {
        return ERR_NOENT;
    }
    vnode_get(n->vnode);
    *out = n->vnode;
    return ERR_OK;
}

static err_t add_new(struct vnode *dir, const char *name, size_t len, struct vnode *v) {
    struct tmpfs_node *d = tmpfs_node(dir);
    struct tmpfs_node *n = tmpfs_node(v);
    GUARD(tmpfs, d->fs);
    TRY(tmpfs_name_insert(d, name, len, v));
    n->nlink = v->type == VNODE_DIR ? 2 : 1;
    if (v->type == VNODE_DIR) {
        d->nlink++;
    }
    return ERR_OK;
}

err_t tmpfs_create(struct vnode *dir, const char *name, size_t len, const struct vattr *init,
                   struct vnode **out) {
    struct vnode *v;
    TRY(tmpfs_node_create(tmpfs_node(dir)->fs, init, &v));
    err_t err = add_new(dir, name, len, v);
    if (err != ERR_OK) {
        vnode_put(v);
        return err;
    }
    *out = v;
    return ERR_OK;
}

err_t tmpfs_tmpfile(struct vnode *dir, const struct vattr *init, struct vnode **out) {
    return tmpfs_node_create(tmpfs_node(dir)->fs, init, out);
}

err_t tmpfs_symlink(struct vnode *dir, const char *name, size_t len, const char *target,
                    const struct vattr *init, struct vnode **out) {
    struct vnode *v;
    TRY(tmpfs_node_create(tmpfs_node(dir)->fs, init, &v));
    size_t bytes = strlen(target) + 1;
    err_t err = heap_alloc(bytes, (void **)&tmpfs_node(v)->target);
    if (err == ERR_OK) {
        memcpy(tmpfs_node(v)->target, target, bytes);
        err = add_new(dir, name, len, v);
    }
    if (err != ERR_OK) {
        vnode_put(v);
        return err;
    }
    *out = v;
    return ERR_OK;
}

err_t tmpfs_link(struct vnode *dir, const char *name, size_t len, struct vnode *target) {
    struct tmpfs_node *d = tmpfs_node(dir);
    struct tmpfs_node *n = tmpfs_node(target);
    GUARD(tmpfs, d->fs);
    if (n->nlink >= LINKS_MAX) {
        return ERR_MLINK;
    }
    TRY(tmpfs_name_insert(d, name, len, target));
    n->nlink++;
    n->ctime_ns = time_wall_ns();
    return ERR_OK;
}

// What losing a name does to the node; the name's reference goes to *dropped.
static void lose_name(struct tmpfs_node *d, struct tmpfs_name *name, struct vnode **dropped)
    REQUIRES(lc_tmpfs) {
    struct tmpfs_node *n = tmpfs_node(name->vnode);
    *dropped = name->vnode;
    tmpfs_name_remove(d, name);
    n->ctime_ns = time_wall_ns();
    if (n->vnode->type == VNODE_DIR) {
        n->nlink = 0;
        n->removed = true;
        d->nlink--;
    } else {
        n->nlink--;
    }
}

static err_t unlink_locked(struct tmpfs_node *d, const char *name, size_t len,
                           struct vnode **dropped) {
    GUARD(tmpfs, d->fs);
    struct tmpfs_name *n = tmpfs_name_find(d, name, len);
    if (n == nullptr) {
        return ERR_NOENT;
    }
    if (n->vnode->type == VNODE_DIR && tmpfs_node(n->vnode)->name_count != 0) {
        return ERR_NOTEMPTY;
    }
    lose_name(d, n, dropped);
    return ERR_OK;
}

err_t tmpfs_unlink(struct vnode *dir, const char *name, size_t len, struct vnode *victim) {
    unused_arg(victim);
    struct vnode *dropped = nullptr;
    TRY(unlink_locked(tmpfs_node(dir), name, len, &dropped));
    vnode_put(dropped); // the caller has the victim referenced: not the last one
    return ERR_OK;
}

static void exchange(struct tmpfs_node *a, struct tmpfs_name *x, struct tmpfs_node *b,
                     struct tmpfs_name *y) REQUIRES(lc_tmpfs) {
    struct vnode *v = x->vnode;
    x->vnode = y->vnode;
    y->vnode = v;
    bool x_dir = x->vnode->type == VNODE_DIR; // now in a
    bool y_dir = y->vnode->type == VNODE_DIR;
    a->nlink = a->nlink + (x_dir ? 1 : 0) - (y_dir ? 1 : 0);
    b->nlink = b->nlink + (y_dir ? 1 : 0) - (x_dir ? 1 : 0);
    touch(a);
    touch(b);
}

struct move {
    struct tmpfs_node *from_dir, *to_dir;
    const char *from, *to;
    size_t from_len, to_len;
    u32 flags;
    struct vnode *dropped[2];
};

static err_t rename_locked(struct move *m) {
    GUARD(tmpfs, m->from_dir->fs);
    struct tmpfs_name *n = tmpfs_name_find(m->from_dir, m->from, m->from_len);
    if (n == nullptr || m->to_dir->removed) {
        return ERR_NOENT;
    }
    struct tmpfs_name *old = tmpfs_name_find(m->to_dir, m->to, m->to_len);
    if ((m->flags & RENAME_EXCHANGE) != 0) {
        if (old == nullptr) {
            return ERR_NOENT;
        }
        exchange(m->from_dir, n, m->to_dir, old);
        return ERR_OK;
    }
    if (old != nullptr) {
        if ((m->flags & RENAME_NOREPLACE) != 0) {
            return ERR_EXIST;
        }
        if (old->vnode->type == VNODE_DIR && tmpfs_node(old->vnode)->name_count != 0) {
            return ERR_NOTEMPTY;
        }
        // The entry is reused, so that from here on nothing can fail.
        struct vnode *loser = old->vnode;
        old->vnode = n->vnode;
        m->dropped[0] = loser;
        struct tmpfs_node *l = tmpfs_node(loser);
        l->ctime_ns = time_wall_ns();
        bool is_dir = loser->type == VNODE_DIR;
        l->removed = is_dir;
        l->nlink = is_dir ? 0 : l->nlink - 1;
        m->to_dir->nlink -= is_dir ? 1 : 0;
        touch(m->to_dir);
    } else {
        TRY(tmpfs_name_insert(m->to_dir, m->to, m->to_len, n->vnode));
        m->dropped[1] = n->vnode; // inserting took a reference
    }
    struct vnode *moved = n->vnode;
    tmpfs_name_remove(m->from_dir, n);
    tmpfs_node(moved)->ctime_ns = time_wall_ns();
    if (moved->type == VNODE_DIR) {
        m->from_dir->nlink--;
        m->to_dir->nlink++;
    }
    return ERR_OK;
}

err_t tmpfs_rename(struct vnode *from_dir, const char *from, size_t from_len, struct vnode *to_dir,
                   const char *to, size_t to_len, u32 flags) {
    struct move m = {.from_dir = tmpfs_node(from_dir),
                     .to_dir = tmpfs_node(to_dir),
                     .from = from,
                     .to = to,
                     .from_len = from_len,
                     .to_len = to_len,
                     .flags = flags};
    TRY(rename_locked(&m));
    vnode_put(m.dropped[0]);
    vnode_put(m.dropped[1]);
    return ERR_OK;
}

// The first name with a cookie of at least `from`.
static struct tree_node *cookie_find(struct tmpfs_node *dir, u64 from) {
    struct tree_node *best = nullptr;
    for (struct tree_node *at = dir->cookies.root; at != nullptr;) {
        if (container_of(at, struct tmpfs_name, by_cookie)->cookie >= from) {
            best = at;
            at = at->left;
        } else {
            at = at->right;
        }
    }
    return best;
}

struct one_name { // a copy, so that the sink runs without the lock (it may touch user memory)
    char bytes[VFS_NAME_MAX];
    size_t len;
    u64 ino, cookie;
    enum vnode_type type;
};

static bool next_name(struct tmpfs_node *dir, u64 from, struct one_name *out) {
    GUARD(tmpfs, dir->fs);
    struct tree_node *at = cookie_find(dir, from);
    if (at == nullptr) {
        return false;
    }
    struct tmpfs_name *n = container_of(at, struct tmpfs_name, by_cookie);
    memcpy(out->bytes, n->bytes, n->len);
    out->len = n->len;
    out->ino = n->vnode->ino;
    out->type = n->vnode->type;
    out->cookie = n->cookie;
    return true;
}

// A cookie handed out is that of the entry plus one: "go on from here".
err_t tmpfs_readdir(struct vnode *dir, u64 cookie, struct dir_sink *sink) {
    struct one_name n;
    u64 from = cookie;
    while (next_name(tmpfs_node(dir), from, &n)) {
        if (!sink->add(sink, n.bytes, n.len, n.ino, n.type, n.cookie + 1)) {
            break;
        }
        from = n.cookie + 1;
    }
    return ERR_OK;
}
