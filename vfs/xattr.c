// SPDX-License-Identifier: MIT
// Extended attributes: name spaces and who may touch them (Linux xattr(7)). security. and system.
// are not offered.
#include "vfs_impl.h"

static bool starts_with(const char *s, const char *prefix) {
    return text_equal_n(s, prefix, strlen(prefix));
}

static err_t check(struct vnode *v, const struct cred *cred, const char *name, u32 rwx) {
    size_t len = strlen(name);
    if (len == 0 || len > VFS_NAME_MAX) {
        return ERR_RANGE;
    }
    if (starts_with(name, "trusted.")) {
        if (cred->fsuid != 0) {
            return (rwx & 2) != 0 ? ERR_PERM : ERR_NODATA;
        }
        return (rwx & 2) != 0 ? attr_write_check(v) : ERR_OK;
    }
    if (!starts_with(name, "user.")) {
        return ERR_OPNOTSUPP;
    }
    if (v->type != VNODE_REG && v->type != VNODE_DIR) {
        return (rwx & 2) != 0 ? ERR_PERM : ERR_NODATA;
    }
    return vfs_permission(v, cred, rwx);
}

err_t vfs_getxattr(const struct path *p, const struct cred *cred, const char *name, void *buf,
                   size_t capacity, size_t *bytes) {
    struct vnode *v = p->vnode;
    if (v->ops->getxattr == nullptr) {
        return ERR_OPNOTSUPP;
    }
    TRY(check(v, cred, name, 4));
    return v->ops->getxattr(v, name, buf, capacity, bytes);
}

err_t vfs_setxattr(const struct path *p, const struct cred *cred, const char *name,
                   struct vm_span value, u32 flags) {
    struct vnode *v = p->vnode;
    TRY(attr_write_check(v));
    if (v->ops->setxattr == nullptr) {
        return ERR_OPNOTSUPP;
    }
    TRY(check(v, cred, name, 2));
    GUARD(vnode, v);
    return v->ops->setxattr(v, name, value.kernel, value.bytes, flags);
}

err_t vfs_removexattr(const struct path *p, const struct cred *cred, const char *name) {
    struct vnode *v = p->vnode;
    TRY(attr_write_check(v));
    if (v->ops->removexattr == nullptr) {
        return ERR_OPNOTSUPP;
    }
    TRY(check(v, cred, name, 2));
    GUARD(vnode, v);
    return v->ops->removexattr(v, name);
}

err_t vfs_listxattr(const struct path *p, char *buf, size_t capacity, size_t *bytes) {
    struct vnode *v = p->vnode;
    if (v->ops->listxattr == nullptr) {
        return ERR_OPNOTSUPP;
    }
    return v->ops->listxattr(v, buf, capacity, bytes);
}
