// SPDX-License-Identifier: MIT
// Operations that add or remove a name: mknod, mkdir, symlink, link, unlink, rmdir. Each walks to
// the directory, locks it, looks the name up again under the lock, checks in Linux's order, lets
// the file system do it, and brings the name cache up to date.
#include "vfs_impl.h"

// For something new: the last component has to be an ordinary name. The walk's cur is its
// directory.
static err_t target_for_new(struct walk *w, const struct walk_base *b, const char *path,
                            struct path_part *part) {
    TRY(walk_begin(w, b, path, 0));
    err_t err = walk_to_last(w, part);
    if (err == ERR_OK && (part->len == 0 || path_part_is_dot(part) || path_part_is_dot_dot(part))) {
        err = ERR_EXIST;
    }
    if (err != ERR_OK) {
        walk_end(w);
    }
    return err;
}

// The directory is locked: ERR_EXIST if the name is taken, then the rights to add one.
static err_t check_new(struct walk *w, const struct path_part *part, bool directory) {
    struct path found;
    err_t err = walk_child_locked(&w->cur, part, &found);
    if (err == ERR_OK) {
        path_put(&found);
        return ERR_EXIST;
    }
    if (err != ERR_NOENT) {
        return err;
    }
    if (part->trailing_slash && !directory) {
        return ERR_NOENT;
    }
    return vfs_permission(w->cur.vnode, w->cred, 3);
}

static void added(struct walk *w, const struct path_part *part, struct vnode *v) {
    struct vnode *dir = w->cur.vnode;
    name_forget(dir, part->bytes, part->len, false);
    (void)name_add(&w->cur, part, v, walk_keep_new(dir), nullptr); // a help
    vnode_put(v);
}

static err_t create_locked(struct walk *w, const struct path_part *part, const struct vattr *init)
    REQUIRES(lc_vnode) {
    struct vnode *dir = w->cur.vnode;
    u32 type = init->mode & S_IFMT_BITS;
    struct vattr a = *init;
    if (type == 0) {
        a.mode |= mode_of_type(VNODE_REG);
    }
    TRY(check_new(w, part, type == mode_of_type(VNODE_DIR)));
    if ((type == mode_of_type(VNODE_CHR) || type == mode_of_type(VNODE_BLK)) &&
        w->cred->fsuid != 0) {
        return ERR_PERM;
    }
    if (dir->ops->create == nullptr) {
        return ERR_PERM;
    }
    TRY(attr_for_create(dir, w->cred, &a));
    struct vnode *v;
    TRY(dir->ops->create(dir, part->bytes, part->len, &a, &v));
    added(w, part, v);
    return ERR_OK;
}

err_t vfs_create(const struct walk_base *b, const char *path, const struct vattr *init) {
    struct walk w;
    struct path_part part;
    TRY(target_for_new(&w, b, path, &part));
    struct vnode *dir = w.cur.vnode;
    vnode_lock(dir);
    err_t err = create_locked(&w, &part, init);
    vnode_unlock(dir);
    walk_end(&w);
    return err;
}

static err_t symlink_locked(struct walk *w, const struct path_part *part, const char *target) {
    struct vnode *dir = w->cur.vnode;
    TRY(check_new(w, part, false));
    if (dir->ops->symlink == nullptr) {
        return ERR_PERM;
    }
    struct vattr init = {.mode = mode_of_type(VNODE_LNK) | 0777};
    TRY(attr_for_create(dir, w->cred, &init));
    struct vnode *v;
    TRY(dir->ops->symlink(dir, part->bytes, part->len, target, &init, &v));
    added(w, part, v);
    return ERR_OK;
}

err_t vfs_symlink(const struct walk_base *b, const char *target, const char *path) {
    size_t len = strlen(target);
    if (len == 0) {
        return ERR_NOENT;
    }
    if (len >= VFS_PATH_MAX) {
        return ERR_NAMETOOLONG;
    }
    struct walk w;
    struct path_part part;
    TRY(target_for_new(&w, b, path, &part));
    struct vnode *dir = w.cur.vnode;
    vnode_lock(dir);
    err_t err = symlink_locked(&w, &part, target);
    vnode_unlock(dir);
    walk_end(&w);
    return err;
}

static err_t link_locked(struct walk *w, const struct path_part *part, struct vnode *target) {
    struct vnode *dir = w->cur.vnode;
    TRY(check_new(w, part, false));
    if (target->mount != dir->mount || (target->flags & VNODE_PAST) != 0) {
        return ERR_XDEV;
    }
    if (target->type == VNODE_DIR || dir->ops->link == nullptr) {
        return ERR_PERM;
    }
    TRY(dir->ops->link(dir, part->bytes, part->len, target));
    vnode_get(target);
    added(w, part, target);
    return ERR_OK;
}

err_t vfs_link(const struct walk_base *from_base, const char *from, u32 flags,
               const struct walk_base *to_base, const char *to) {
    struct path target;
    TRY(vfs_walk(from_base, from, flags & WALK_FOLLOW, &target));
    struct walk w;
    struct path_part part;
    err_t err = target_for_new(&w, to_base, to, &part);
    if (err == ERR_OK) {
        struct vnode *dir = w.cur.vnode;
        vnode_lock(dir);
        err = link_locked(&w, &part, target.vnode);
        vnode_unlock(dir);
        walk_end(&w);
    }
    path_put(&target);
    return err;
}

static err_t check_victim(struct walk *w, const struct path_part *part, struct vnode *victim,
                          bool directory) {
    struct vnode *dir = w->cur.vnode;
    TRY(vfs_permission(dir, w->cred, 3));
    TRY(attr_sticky_check(dir, victim, w->cred));
    bool is_dir = victim->type == VNODE_DIR;
    if (directory && !is_dir) {
        return ERR_NOTDIR;
    }
    if (!directory && is_dir) {
        return ERR_ISDIR;
    }
    if (part->trailing_slash && !is_dir) {
        return ERR_NOTDIR;
    }
    if (victim->covered_by != nullptr) {
        return ERR_BUSY;
    }
    // A directory of another mount or of the past can stand here only by a special name.
    if ((victim->flags & VNODE_PAST) != 0) {
        return ERR_HISTORY_SEALED;
    }
    return dir->ops->unlink == nullptr ? ERR_PERM : ERR_OK;
}

err_t vfs_unlink(const struct walk_base *b, const char *path, bool directory) {
    struct walk w;
    TRY(walk_begin(&w, b, path, 0));
    struct path_part part;
    struct path victim = {};
    err_t err = walk_to_last(&w, &part);
    if (err == ERR_OK && part.len == 0) {
        err = directory ? ERR_BUSY : ERR_ISDIR; // the root
    } else if (err == ERR_OK && path_part_is_dot(&part)) {
        err = directory ? ERR_INVAL : ERR_ISDIR;
    } else if (err == ERR_OK && path_part_is_dot_dot(&part)) {
        err = directory ? ERR_NOTEMPTY : ERR_ISDIR;
    }
    if (err == ERR_OK) {
        struct vnode *dir = w.cur.vnode;
        vnode_lock(dir);
        err = walk_child_locked(&w.cur, &part, &victim);
        if (err == ERR_OK) {
            err = check_victim(&w, &part, victim.vnode, directory);
        }
        if (err == ERR_OK) {
            err = dir->ops->unlink(dir, part.bytes, part.len, victim.vnode);
        }
        if (err == ERR_OK) {
            name_forget(dir, part.bytes, part.len, true);
        }
        vnode_unlock(dir);
    }
    path_put(
        &victim); // here, so that the contents of a big file are freed without the directory's lock
    walk_end(&w);
    return err;
}
