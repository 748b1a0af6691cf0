// SPDX-License-Identifier: MIT
// Directories: the VFS's operations on names as calls of the core, and which cached attributes they
// make stale.
#include "mount_impl.h"

static struct tfs_volume *volume_of(const struct vnode *v) { return tfs_vnode_of(v)->volume; }

static struct tfs_create creation(const struct vattr *init) {
    return (struct tfs_create){
        .mode = init->mode, .uid = init->uid, .gid = init->gid, .rdev = init->rdev};
}

err_t tfs_op_lookup(struct vnode *dir, const char *name, size_t len, struct vnode **out) {
    struct tfs_node *d = tfs_vnode_of(dir);
    u64 ino;
    err_t err = tfs_lookup(d->volume->core, d->at, d->ino, tfs_name_of(name, len), &ino);
    if (err == ERR_OK) {
        return tfs_vnode_get(d->volume, d->kind, d->at, ino, out);
    }
    if (err == ERR_NOENT && d->kind == NODE_PRESENT) {
        return tfs_past_lookup(d, name, len, out);
    }
    if (err != ERR_NOENT) {
        tfs_complain(d->volume, "looking up a name in directory", d->ino, err);
    }
    return err;
}

err_t tfs_op_create(struct vnode *dir, const char *name, size_t len, const struct vattr *init,
                    struct vnode **out) {
    struct tfs_node *d = tfs_vnode_of(dir);
    struct tfs_create how = creation(init);
    u64 ino;
    TRY(tfs_create(d->volume->core, d->ino, tfs_name_of(name, len), &how, &ino));
    tfs_vnode_changed(d);
    return tfs_vnode_get(d->volume, NODE_PRESENT, TFS_NOW, ino, out);
}

err_t tfs_op_tmpfile(struct vnode *dir, const struct vattr *init, struct vnode **out) {
    struct tfs_volume *vol = volume_of(dir);
    struct tfs_create how = creation(init);
    u64 ino;
    TRY(tfs_create_unnamed(vol->core, &how, &ino));
    err_t err = tfs_vnode_get(vol, NODE_PRESENT, TFS_NOW, ino, out); // has its own reference
    err_t release_err = tfs_release(vol->core, ino);
    return err != ERR_OK ? err : release_err;
}

err_t tfs_op_symlink(struct vnode *dir, const char *name, size_t len, const char *target,
                     const struct vattr *init, struct vnode **out) {
    struct tfs_node *d = tfs_vnode_of(dir);
    struct tfs_create how = creation(init);
    how.mode &= 07777;
    u64 ino;
    TRY(tfs_symlink(d->volume->core, d->ino, tfs_name_of(name, len),
                    tfs_name_of(target, strlen(target)), &how, &ino));
    tfs_vnode_changed(d);
    return tfs_vnode_get(d->volume, NODE_PRESENT, TFS_NOW, ino, out);
}

err_t tfs_op_link(struct vnode *dir, const char *name, size_t len, struct vnode *target) {
    struct tfs_node *d = tfs_vnode_of(dir);
    struct tfs_node *t = tfs_vnode_of(target);
    TRY(tfs_link(d->volume->core, d->ino, tfs_name_of(name, len), t->ino));
    tfs_vnode_changed(d);
    tfs_vnode_changed(t);
    return ERR_OK;
}

err_t tfs_op_unlink(struct vnode *dir, const char *name, size_t len, struct vnode *victim) {
    struct tfs_node *d = tfs_vnode_of(dir);
    struct tfs_name what = tfs_name_of(name, len);
    if (victim->type == VNODE_DIR) {
        TRY(tfs_rmdir(d->volume->core, d->ino, what));
    } else {
        TRY(tfs_unlink(d->volume->core, d->ino, what));
    }
    tfs_vnode_changed(d);
    tfs_vnode_changed(tfs_vnode_of(victim));
    return ERR_OK;
}

// The live node that a name leads to, if it is in memory.
static struct vnode *live_by_name(struct tfs_node *dir, struct tfs_name name) {
    u64 ino;
    if (tfs_lookup(dir->volume->core, TFS_NOW, dir->ino, name, &ino) != ERR_OK) {
        return nullptr;
    }
    return tfs_vnode_find_live(dir->volume, ino);
}

static void changed_and_put(struct vnode *v) {
    if (v != nullptr) {
        tfs_vnode_changed(tfs_vnode_of(v));
        vnode_put(v);
    }
}

err_t tfs_op_rename(struct vnode *from_dir, const char *from, size_t from_len, struct vnode *to_dir,
                    const char *to, size_t to_len, u32 flags) {
    struct tfs_node *a = tfs_vnode_of(from_dir);
    struct tfs_node *b = tfs_vnode_of(to_dir);
    struct tfs_rename how = {.from_dir = a->ino,
                             .from = tfs_name_of(from, from_len),
                             .to_dir = b->ino,
                             .to = tfs_name_of(to, to_len),
                             .flags = flags};
    struct vnode *moved = live_by_name(a, how.from);
    struct vnode *replaced = live_by_name(b, how.to);
    err_t err = ERR_OK;
    if (moved != nullptr && moved->object != nullptr) {
        err = tfs_vnode_flush(tfs_vnode_of(moved)); // never a new name with old or no contents
    }
    if (err == ERR_OK) {
        err = tfs_rename(a->volume->core, &how);
    }
    changed_and_put(moved);
    changed_and_put(replaced);
    tfs_vnode_changed(a);
    tfs_vnode_changed(b);
    return err;
}

err_t tfs_op_readlink(struct vnode *v, char *buf, size_t capacity, size_t *len) {
    struct tfs_node *n = tfs_vnode_of(v);
    size_t got;
    TRY(tfs_readlink(n->volume->core, n->at, n->ino, buf, capacity, &got));
    *len = MIN(got, capacity);
    return ERR_OK;
}

// ---- readdir: entries are collected in a page while the core calls, and handed to the sink
// afterwards, which may touch user memory

struct packed_entry {
    u64 ino, next_cookie;
    u16 len;
    u8 type;
    char name[];
};
struct batch {
    u8 *buf;
    size_t used;
    bool full;
};

static size_t packed_bytes(size_t len) {
    return ALIGN_UP(offsetof(struct packed_entry, name) + len, 8);
}

static bool collect(void *arg, const struct tfs_dirent *entry) {
    struct batch *b = arg;
    size_t bytes = packed_bytes(entry->name.len);
    if (b->used + bytes > PAGE_SIZE) {
        b->full = true;
        return false;
    }
    struct packed_entry *e = (struct packed_entry *)(b->buf + b->used);
    e->ino = entry->ino;
    e->next_cookie = entry->next_cookie;
    e->len = (u16)entry->name.len;
    e->type = (u8)(entry->mode_type >> 12);
    memcpy(e->name, entry->name.bytes, entry->name.len);
    b->used += bytes;
    return true;
}

// False: the sink is full. *cookie moves on.
static bool hand_over(const struct batch *b, struct dir_sink *sink, u64 *cookie) {
    for (size_t at = 0; at < b->used;) {
        const struct packed_entry *e = (const struct packed_entry *)(b->buf + at);
        if (!sink->add(sink, e->name, e->len, e->ino, (enum vnode_type)e->type, e->next_cookie)) {
            return false;
        }
        *cookie = e->next_cookie;
        at += packed_bytes(e->len);
    }
    return true;
}

err_t tfs_op_readdir(struct vnode *dir, u64 cookie, struct dir_sink *sink) {
    struct tfs_node *d = tfs_vnode_of(dir);
    struct page *page;
    TRY(page_alloc(0, 0, &page));
    struct batch b = {.buf = page_ptr(page)};
    err_t err;
    do {
        b.used = 0;
        b.full = false;
        err = tfs_readdir(d->volume->core, d->at, d->ino, cookie, collect, &b);
    } while (err == ERR_OK && hand_over(&b, sink, &cookie) && b.full);
    page_put(page);
    if (err != ERR_OK) {
        tfs_complain(d->volume, "listing directory", d->ino, err);
    }
    return err;
}
