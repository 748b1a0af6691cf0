// SPDX-License-Identifier: MIT
// Attributes and permissions: who may look, who may change what. Rules of POSIX.1-2017 (chmod,
// chown, utimensat) and Linux.
#include "vfs_impl.h"

err_t attr_get(struct vnode *v, struct vattr *out) {
    struct vattr a = {};
    TRY(v->ops->getattr(v, &a));
    if (a.dev == 0) {
        a.dev = v->mount->dev;
    }
    if (a.blksize == 0) {
        a.blksize = (u32)PAGE_SIZE;
    }
    if ((a.mode & S_IFMT_BITS) == 0) {
        a.mode |= mode_of_type(v->type);
    }
    if (a.ino == 0) {
        a.ino = v->ino;
    }
    *out = a;
    return ERR_OK;
}

err_t vfs_getattr(const struct path *p, struct vattr *out) { return attr_get(p->vnode, out); }

err_t vfs_permission_by_mode(const struct vattr *a, const struct cred *cred, u32 rwx) {
    u32 mode = a->mode;
    if (cred->fsuid == 0) {
        bool no_exec = (mode & S_IFMT_BITS) != mode_of_type(VNODE_DIR) && (mode & 0111) == 0;
        return (rwx & 1) != 0 && no_exec ? ERR_ACCES : ERR_OK;
    }
    u32 granted = mode;
    if (a->uid == cred->fsuid) {
        granted = mode >> 6;
    } else if (cred_in_group(cred, a->gid)) {
        granted = mode >> 3;
    }
    return (rwx & ~granted & 7) != 0 ? ERR_ACCES : ERR_OK;
}

err_t attr_write_check(struct vnode *v) {
    if ((v->flags & VNODE_PAST) != 0) {
        return ERR_HISTORY_SEALED;
    }
    return (v->mount->flags & MOUNT_RDONLY) != 0 ? ERR_ROFS : ERR_OK;
}

err_t vfs_permission(struct vnode *v, const struct cred *cred, u32 rwx) {
    if ((rwx & 2) != 0 && (v->type == VNODE_REG || v->type == VNODE_DIR || v->type == VNODE_LNK)) {
        TRY(attr_write_check(v));
    }
    if (v->ops->permission != nullptr) {
        return v->ops->permission(v, cred, rwx);
    }
    if (cred->fsuid == 0 && (v->type == VNODE_DIR || (rwx & 1) == 0)) {
        return ERR_OK;
    }
    struct vattr a;
    TRY(attr_get(v, &a));
    return vfs_permission_by_mode(&a, cred, rwx);
}

err_t vfs_access(const struct path *p, const struct cred *cred, u32 rwx, bool real_ids) {
    if (rwx == 0) {
        return ERR_OK;
    }
    if (!real_ids) {
        return vfs_permission(p->vnode, cred, rwx);
    }
    struct cred *real;
    TRY(cred_clone(cred, &real));
    real->fsuid = real->uid;
    real->fsgid = real->gid;
    err_t err = vfs_permission(p->vnode, real, rwx);
    cred_put(real);
    return err;
}

// In a sticky directory only the owners of the entry or of the directory remove or rename it.
err_t attr_sticky_check(struct vnode *dir, struct vnode *victim, const struct cred *cred) {
    if (cred->fsuid == 0) {
        return ERR_OK;
    }
    struct vattr d;
    TRY(attr_get(dir, &d));
    if ((d.mode & S_ISVTX_BIT) == 0 || d.uid == cred->fsuid) {
        return ERR_OK;
    }
    struct vattr a;
    TRY(attr_get(victim, &a));
    return a.uid == cred->fsuid ? ERR_OK : ERR_PERM;
}

// Owner and group of something new in dir.
err_t attr_for_create(struct vnode *dir, const struct cred *cred, struct vattr *init) {
    struct vattr d;
    TRY(attr_get(dir, &d));
    init->uid = cred->fsuid;
    init->gid = cred->fsgid;
    if ((d.mode & S_ISGID_BIT) != 0) {
        init->gid = d.gid;
        if ((init->mode & S_IFMT_BITS) == mode_of_type(VNODE_DIR)) {
            init->mode |= S_ISGID_BIT;
        }
    }
    return ERR_OK;
}

void attr_drop_setid(struct vnode *v, const struct cred *cred) {
    struct vattr a;
    if (cred->fsuid == 0 || v->ops->setattr == nullptr || attr_get(v, &a) != ERR_OK) {
        return;
    }
    u32 drop = a.mode & S_ISUID_BIT;
    if ((a.mode & (S_ISGID_BIT | 010)) == (S_ISGID_BIT | 010)) {
        drop |= S_ISGID_BIT;
    }
    if (drop != 0) {
        a.mode &= ~drop;
        (void)v->ops->setattr(v, VATTR_MODE, &a); // the write itself has succeeded
    }
}

static err_t check_owner_change(const struct vattr *now, const struct cred *cred, u32 mask,
                                const struct vattr *a) {
    if (cred->fsuid == 0) {
        return ERR_OK;
    }
    if ((mask & VATTR_UID) != 0 && (now->uid != cred->fsuid || a->uid != now->uid)) {
        return ERR_PERM;
    }
    if ((mask & VATTR_GID) != 0 &&
        (now->uid != cred->fsuid || (a->gid != now->gid && !cred_in_group(cred, a->gid)))) {
        return ERR_PERM;
    }
    return ERR_OK;
}

static err_t check_changes(struct vnode *v, const struct vattr *now, const struct cred *cred,
                           u32 mask) {
    bool owner = cred->fsuid == 0 || now->uid == cred->fsuid;
    if ((mask & VATTR_MODE) != 0 && !owner) {
        return ERR_PERM;
    }
    if ((mask & (VATTR_ATIME | VATTR_MTIME)) != 0 && !owner) {
        return (mask & VATTR_TIMES_NOW) != 0 ? vfs_permission(v, cred, 2) : ERR_PERM;
    }
    return ERR_OK;
}

err_t vfs_setattr(const struct path *p, const struct cred *cred, u32 mask, const struct vattr *a) {
    struct vnode *v = p->vnode;
    if ((mask & VATTR_SIZE) != 0) {
        TRY(vfs_truncate(p, cred, a->size));
        mask &= ~(u32)VATTR_SIZE;
    }
    TRY(attr_write_check(v));
    if (mask == 0) {
        return ERR_OK;
    }
    if (v->ops->setattr == nullptr) {
        return ERR_PERM;
    }
    GUARD(vnode, v);
    struct vattr now;
    TRY(attr_get(v, &now));
    TRY(check_owner_change(&now, cred, mask, a));
    TRY(check_changes(v, &now, cred, mask));
    struct vattr set = *a;
    if ((mask & VATTR_MODE) != 0) {
        set.mode = (now.mode & S_IFMT_BITS) | (a->mode & 07777);
        if (cred->fsuid != 0 && !cred_in_group(cred, now.gid)) {
            set.mode &= ~S_ISGID_BIT;
        }
    } else if ((mask & (VATTR_UID | VATTR_GID)) != 0 && v->type != VNODE_DIR) {
        // A new owner must not inherit the power of the old one.
        u32 drop = S_ISUID_BIT | ((now.mode & 010) != 0 ? S_ISGID_BIT : 0);
        if ((now.mode & drop) != 0) {
            set.mode = now.mode & ~drop;
            mask |= VATTR_MODE;
        }
    }
    return v->ops->setattr(v, mask & ~(u32)VATTR_TIMES_NOW, &set);
}

err_t attr_truncate_locked(struct vnode *v, u64 bytes) {
    if (v->ops->setattr == nullptr) {
        return ERR_INVAL;
    }
    if (bytes > (u64)INT64_MAX) {
        return ERR_FBIG;
    }
    struct vattr a = {.size = bytes};
    return v->ops->setattr(v, VATTR_SIZE, &a);
}

err_t vfs_truncate(const struct path *p, const struct cred *cred, u64 bytes) {
    struct vnode *v = p->vnode;
    if (v->type != VNODE_REG) {
        return v->type == VNODE_DIR ? ERR_ISDIR : ERR_INVAL;
    }
    TRY(vfs_permission(v, cred, 2));
    if (v->execs != 0) {
        return ERR_TXTBSY;
    }
    GUARD(vnode, v);
    TRY(attr_truncate_locked(v, bytes));
    attr_drop_setid(v, cred);
    return ERR_OK;
}

err_t vfs_readlink(const struct path *p, char *buf, size_t capacity, size_t *len) {
    struct vnode *v = p->vnode;
    if (v->type != VNODE_LNK || v->ops->readlink == nullptr) {
        return ERR_INVAL;
    }
    return v->ops->readlink(v, buf, capacity, len);
}

err_t vfs_statfs(const struct path *p, struct statfs_info *out) {
    struct mount *m = p->vnode->mount;
    struct statfs_info s = {};
    if (m->ops != nullptr && m->ops->statfs != nullptr) {
        TRY(m->ops->statfs(m, &s));
    }
    if (s.bsize == 0) {
        s.bsize = PAGE_SIZE;
    }
    if (s.frsize == 0) {
        s.frsize = s.bsize;
    }
    if (s.namelen == 0) {
        s.namelen = VFS_NAME_MAX;
    }
    *out = s;
    return ERR_OK;
}
