// SPDX-License-Identifier: MIT
// open(2): finding or creating the name, the checks, and the file object.
#include "vfs_impl.h"

constexpr u32 OPEN_ONCE_FLAGS = O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC;
constexpr u32 TMPFILE_BIT = 020000000; // O_TMPFILE without O_DIRECTORY

err_t (*vfs_char_open)(u64 rdev, struct vnode *v, struct file *f);
err_t (*vfs_block_open)(u64 rdev, struct vnode *v, struct file *f);

static bool wants_write(u32 flags) { return (flags & O_ACCMODE) != O_RDONLY; }

static err_t check_type(const struct vnode *v, u32 flags) {
    if ((flags & O_DIRECTORY) != 0 && v->type != VNODE_DIR) {
        return ERR_NOTDIR;
    }
    if ((flags & O_PATH) != 0) {
        return ERR_OK;
    }
    bool past = (v->flags & VNODE_PAST) != 0;
    switch (v->type) {
    case VNODE_LNK:
        return ERR_LOOP;
    case VNODE_SOCK:
        return ERR_NXIO;
    case VNODE_DIR:
        return wants_write(flags) || (flags & (O_CREAT | O_TRUNC)) != 0 ? ERR_ISDIR : ERR_OK;
    case VNODE_FIFO:
        return past ? ERR_NXIO : ERR_OK;
    case VNODE_CHR:
    case VNODE_BLK:
        if (past) {
            return wants_write(flags) ? ERR_HISTORY_SEALED : ERR_OK;
        }
        return (v->mount->flags & MOUNT_NODEV) != 0 ? ERR_ACCES : ERR_OK;
    case VNODE_REG:
        return ERR_OK;
    }
    return ERR_NXIO;
}

static err_t check_access(struct vnode *v, u32 flags, const struct cred *cred) {
    static const u32 needed[4] = {4, 2, 6, 6};
    u32 rwx = needed[flags & O_ACCMODE];
    if ((flags & O_TRUNC) != 0) {
        rwx |= 2;
    }
    TRY(vfs_permission(v, cred, rwx));
    if ((flags & O_NOATIME) != 0 && cred->fsuid != 0) {
        struct vattr a;
        TRY(attr_get(v, &a));
        if (a.uid != cred->fsuid) {
            return ERR_PERM;
        }
    }
    return ERR_OK;
}

static err_t open_by_type(struct vnode *v, struct file *f) {
    switch (v->type) {
    case VNODE_CHR:
        return vfs_char_open != nullptr ? vfs_char_open(v->rdev, v, f) : ERR_NXIO;
    case VNODE_BLK:
        return vfs_block_open != nullptr ? vfs_block_open(v->rdev, v, f) : ERR_NXIO;
    case VNODE_FIFO:
        return fifo_open(v, f);
    default:
        return v->ops->open != nullptr ? v->ops->open(v, f) : ERR_OK;
    }
}

// The place is known; created: by this very call, so no permission is asked for.
static err_t open_found(const struct path *p, u32 flags, const struct cred *cred, bool created,
                        struct file **out) {
    struct vnode *v = p->vnode;
    TRY(check_type(v, flags));
    struct file *f;
    if ((flags & O_PATH) != 0) {
        TRY(file_alloc(p, flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW), cred, &f));
        f->ops = &path_file_ops;
        *out = f;
        return ERR_OK;
    }
    if (!created) {
        TRY(check_access(v, flags, cred));
    }
    TRY(file_alloc(p, flags, cred, &f)); // counts as a writer
    err_t err = ERR_OK;
    if (v->type == VNODE_REG && wants_write(flags) && v->execs != 0) {
        err = ERR_TXTBSY;
    }
    if (err == ERR_OK && v->type == VNODE_REG && (flags & O_TRUNC) != 0 && !created) {
        vnode_lock(v);
        err = attr_truncate_locked(v, 0);
        vnode_unlock(v);
        f->written = true;
    }
    if (err == ERR_OK) {
        err = open_by_type(v, f);
    }
    if (err != ERR_OK) {
        f->ops = nullptr; // nothing to release
        file_put(f);
        return err;
    }
    if (f->ops == nullptr) {
        f->ops = &vnode_file_ops;
    }
    f->flags &= ~OPEN_ONCE_FLAGS;
    *out = f;
    return ERR_OK;
}

// Finds `part` in the locked directory or makes a regular file of it.
static err_t find_or_create(struct walk *w, const struct path_part *part, u32 mode, bool *created,
                            struct path *out) {
    struct vnode *dir = w->cur.vnode;
    GUARD(vnode, dir);
    err_t err = walk_child_locked(&w->cur, part, out);
    if (err != ERR_NOENT) {
        return err;
    }
    TRY(vfs_permission(dir, w->cred, 3));
    if (dir->ops->create == nullptr) {
        return ERR_ACCES;
    }
    struct vattr init = {.mode = mode_of_type(VNODE_REG) | (mode & 07777)};
    TRY(attr_for_create(dir, w->cred, &init));
    struct vnode *v;
    TRY(dir->ops->create(dir, part->bytes, part->len, &init, &v));
    name_forget(dir, part->bytes, part->len, false);
    err = name_add(&w->cur, part, v, walk_keep_new(dir), out);
    vnode_put(v);
    *created = true;
    return err;
}

static err_t open_create(struct walk *w, u32 flags, u32 mode, struct file **out) {
    for (;;) {
        struct path_part part;
        TRY(walk_to_last(w, &part));
        if (part.len == 0 && w->links != 0 && !part.trailing_slash) { // a magic link led here
            return open_found(&w->cur, flags, w->cred, false, out);
        }
        if (part.len == 0 || path_part_is_dot(&part) || path_part_is_dot_dot(&part) ||
            part.trailing_slash) {
            return ERR_ISDIR;
        }
        struct path found;
        bool created = false;
        TRY(find_or_create(w, &part, mode, &created, &found));
        mount_cross(&found);
        err_t err = ERR_OK;
        if ((flags & O_EXCL) != 0 && !created) {
            err = ERR_EXIST;
        } else if (found.vnode->type == VNODE_LNK && (flags & O_NOFOLLOW) == 0) {
            err = walk_follow(w, &found);
            path_put(&found);
            TRY(err);
            continue;
        } else {
            err = open_found(&found, flags, w->cred, created, out);
        }
        path_put(&found);
        return err;
    }
}

// O_TMPFILE: a file without a name in the directory's file system.
static err_t open_nameless(const struct walk_base *b, const char *path, u32 flags, u32 mode,
                           struct file **out) {
    if (!wants_write(flags)) {
        return ERR_INVAL;
    }
    struct path dir;
    TRY(vfs_walk(b, path, WALK_FOLLOW | WALK_DIRECTORY, &dir));
    struct vattr init = {.mode = mode_of_type(VNODE_REG) | (mode & 07777)};
    struct vnode *v = nullptr;
    struct path p = {};
    err_t err = vfs_permission(dir.vnode, b->cred, 3);
    if (err == ERR_OK) {
        err = dir.vnode->ops->tmpfile == nullptr ? ERR_OPNOTSUPP
                                                 : attr_for_create(dir.vnode, b->cred, &init);
    }
    if (err == ERR_OK) {
        vnode_lock(dir.vnode);
        err = dir.vnode->ops->tmpfile(dir.vnode, &init, &v);
        vnode_unlock(dir.vnode);
    }
    if (err == ERR_OK) {
        char name[32];
        size_t len = text_format(name, sizeof name, "#%lu", v->ino);
        struct path_part part = {.bytes = name, .len = len};
        err = name_add(&dir, &part, v, NAME_FORGET, &p);
    }
    if (err == ERR_OK) {
        err = open_found(&p, flags & ~(u32)O_TMPFILE, b->cred, true, out);
    }
    path_put(&p);
    vnode_put(v);
    path_put(&dir);
    return err;
}

err_t vfs_open(const struct walk_base *b, const char *path, u32 open_flags, u32 mode,
               struct file **out) {
    u32 flags = open_flags;
    if ((flags & O_ACCMODE) == O_ACCMODE) {
        return ERR_INVAL;
    }
    if ((flags & O_PATH) != 0) {
        flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    }
    if ((flags & TMPFILE_BIT) != 0) {
        return open_nameless(b, path, flags, mode, out);
    }
    if ((flags & O_CREAT) != 0) {
        if ((flags & O_DIRECTORY) != 0) {
            return ERR_INVAL;
        }
        struct walk w;
        TRY(walk_begin(&w, b, path, 0));
        err_t err = open_create(&w, flags, mode, out);
        walk_end(&w);
        return err;
    }
    struct path p;
    u32 walk_flags = ((flags & O_NOFOLLOW) == 0 ? WALK_FOLLOW : 0) |
                     ((flags & O_DIRECTORY) != 0 ? WALK_DIRECTORY : 0);
    TRY(vfs_walk(b, path, walk_flags, &p));
    err_t err = open_found(&p, flags, b->cred, false, out);
    path_put(&p);
    return err;
}

err_t vfs_open_path(const struct path *p, u32 open_flags, const struct cred *cred,
                    struct file **out) {
    return open_found(p, open_flags & ~(u32)(O_CREAT | O_EXCL), cred, false, out);
}
