// SPDX-License-Identifier: MIT
// Path resolution. A walk stands in a directory (cur) with some text still to go (rest). Each
// component costs one probe of the name cache; only a miss takes the directory's lock and asks the
// file system. A symbolic link is replaced by its text in front of what is left. No lock is held
// between components: what a walk finds may be renamed away behind it, as on every Unix.
#include "vfs_impl.h"

err_t walk_begin(struct walk *w, const struct walk_base *b, const char *path, u32 flags) {
    size_t len = strlen(path);
    if (len == 0) {
        return ERR_NOENT;
    }
    if (len >= VFS_PATH_MAX) {
        return ERR_NAMETOOLONG;
    }
    *w = (struct walk){.base = b, .cred = b->cred, .rest = path, .flags = flags};
    w->cur = path[0] == '/' ? b->root : b->cwd;
    path_get(&w->cur);
    return ERR_OK;
}

void walk_end(struct walk *w) {
    path_put(&w->cur);
    if (w->buffer != nullptr) {
        page_put(w->buffer);
        w->buffer = nullptr;
    }
}

static void walk_move(struct walk *w, struct path to) {
    path_put(&w->cur);
    w->cur = to;
}

err_t walk_dir_check(struct walk *w) {
    struct vnode *v = w->cur.vnode;
    if (v->type != VNODE_DIR) {
        return ERR_NOTDIR;
    }
    return vfs_permission(v, w->cred, 1);
}

err_t walk_dot_dot(struct walk *w) {
    if (path_same(&w->cur, &w->base->root)) {
        return ERR_OK;
    }
    struct path up = {};
    up.name = name_parent_get(w->cur.name, &up.vnode);
    if (up.name != nullptr) {
        mount_cross(&up);
        walk_move(w, up);
    }
    return ERR_OK;
}

// What may be remembered. On the way from the present into the past the moment may be relative, so
// the next one has to ask again; and that a name with a moment is absent may change with the next
// moment.
static enum name_keep may_keep(const struct vnode *dir, const struct path_part *part,
                               const struct vnode *v) {
    bool dir_past = (dir->flags & VNODE_PAST) != 0;
    if ((dir->flags & VNODE_NO_NAME_CACHE) != 0) {
        return dir_past && v != nullptr ? NAME_VERIFY : NAME_FORGET;
    }
    if (v != nullptr) {
        return (v->flags & VNODE_PAST) == 0 || dir_past ? NAME_KEEP : NAME_VERIFY;
    }
    size_t at;
    return path_split_moment(part->bytes, part->len, &at) ? NAME_FORGET : NAME_KEEP;
}

err_t walk_child_locked(const struct path *dir, const struct path_part *part, struct path *out) {
    enum name_result known = name_find(dir, part, out);
    if (known != NAME_MISS) {
        return known == NAME_HIT ? ERR_OK : ERR_NOENT;
    }
    struct vnode *v = nullptr;
    const struct vnode_ops *ops = dir->vnode->ops;
    if (ops->lookup == nullptr) {
        return ERR_NOTDIR;
    }
    err_t err = ops->lookup(dir->vnode, part->bytes, part->len, &v);
    if (err != ERR_OK) {
        if (err == ERR_NOENT) {
            (void)name_add(dir, part, nullptr, may_keep(dir->vnode, part, nullptr),
                           nullptr); // a help
        }
        return err;
    }
    err = name_add(dir, part, v, may_keep(dir->vnode, part, v), out);
    vnode_put(v);
    return err;
}

err_t walk_child(struct walk *w, const struct path_part *part, struct path *out) {
    enum name_result known = name_find(&w->cur, part, out);
    if (known == NAME_NEGATIVE) {
        return ERR_NOENT;
    }
    if (known == NAME_MISS) {
        vnode_lock(w->cur.vnode);
        err_t err = walk_child_locked(&w->cur, part, out);
        vnode_unlock(w->cur.vnode);
        TRY(err);
    }
    mount_cross(out);
    return ERR_OK;
}

enum name_keep walk_keep_new(const struct vnode *dir) {
    return (dir->flags & VNODE_NO_NAME_CACHE) == 0 ? NAME_KEEP : NAME_FORGET;
}

static err_t read_link(struct walk *w, struct vnode *link, char *text) {
    size_t len = 0;
    if (link->ops->readlink == nullptr) {
        return ERR_INVAL;
    }
    TRY(link->ops->readlink(link, text, VFS_PATH_MAX, &len));
    if (len == 0) {
        return ERR_NOENT;
    }
    size_t rest_len = strlen(w->rest);
    if (len + rest_len >= VFS_PATH_MAX) {
        return ERR_NAMETOOLONG;
    }
    memcpy(text + len, w->rest, rest_len + 1);
    return ERR_OK;
}

err_t walk_follow(struct walk *w, const struct path *link) {
    if (++w->links > VFS_LINKS_MAX) {
        return ERR_LOOP;
    }
    struct vnode *v = link->vnode;
    if (v->ops->follow != nullptr) {
        struct path to;
        TRY(v->ops->follow(v, w->cred, &to));
        walk_move(w, to);
        return ERR_OK;
    }
    struct page *page;
    TRY(page_alloc(0, 0, &page));
    char *text = page_ptr(page);
    err_t err = read_link(w, v, text);
    if (err != ERR_OK) {
        page_put(page);
        return err;
    }
    if (w->buffer != nullptr) {
        page_put(w->buffer);
    }
    w->buffer = page;
    w->rest = text;
    if (text[0] == '/') {
        struct path root = w->base->root;
        path_get(&root);
        walk_move(w, root);
    }
    return ERR_OK;
}

static err_t walk_step(struct walk *w, const struct path_part *part) {
    if (path_part_is_dot(part)) {
        return ERR_OK;
    }
    if (path_part_is_dot_dot(part)) {
        return walk_dot_dot(w);
    }
    struct path next;
    TRY(walk_child(w, part, &next));
    if (next.vnode->type != VNODE_LNK) {
        walk_move(w, next);
        return ERR_OK;
    }
    err_t err = walk_follow(w, &next);
    path_put(&next);
    return err;
}

err_t walk_to_last(struct walk *w, struct path_part *part) {
    for (;;) {
        path_next(&w->rest, part);
        if (part->len == 0) {
            return ERR_OK;
        }
        TRY(walk_dir_check(w));
        if (part->len > VFS_NAME_MAX) {
            return ERR_NAMETOOLONG;
        }
        if (part->last) {
            return ERR_OK;
        }
        TRY(walk_step(w, part));
    }
}

static err_t walk_all(struct walk *w) {
    bool want_dir = (w->flags & WALK_DIRECTORY) != 0;
    for (;;) {
        struct path_part part;
        TRY(walk_to_last(w, &part));
        want_dir |= part.trailing_slash;
        if (part.len == 0 || path_part_is_dot(&part)) {
            break;
        }
        if (path_part_is_dot_dot(&part)) {
            TRY(walk_dot_dot(w));
            break;
        }
        struct path next;
        TRY(walk_child(w, &part, &next));
        if (next.vnode->type == VNODE_LNK &&
            ((w->flags & WALK_FOLLOW) != 0 || part.trailing_slash)) {
            err_t err = walk_follow(w, &next);
            path_put(&next);
            TRY(err);
            continue;
        }
        walk_move(w, next);
        break;
    }
    return want_dir && w->cur.vnode->type != VNODE_DIR ? ERR_NOTDIR : ERR_OK;
}

static err_t walk_with(const struct walk_base *b, const char *path, u32 flags, struct path *out) {
    struct walk w;
    TRY(walk_begin(&w, b, path, flags));
    struct mount *start = w.cur.vnode->mount;
    err_t err = walk_all(&w);
    if (err == ERR_OK && (flags & WALK_NO_XDEV) != 0 && w.cur.vnode->mount != start) {
        err = ERR_XDEV;
    }
    if (err == ERR_OK) {
        *out = w.cur;
        w.cur = (struct path){};
    }
    walk_end(&w);
    return err;
}

err_t vfs_walk(const struct walk_base *b, const char *path, u32 flags, struct path *out) {
    if ((flags & WALK_REAL_ID) == 0) {
        return walk_with(b, path, flags, out);
    }
    struct cred *real;
    TRY(cred_clone(b->cred, &real));
    real->fsuid = real->uid;
    real->fsgid = real->gid;
    struct walk_base as_real = {.cred = real, .root = b->root, .cwd = b->cwd};
    err_t err = walk_with(&as_real, path, flags, out);
    cred_put(real);
    return err;
}
