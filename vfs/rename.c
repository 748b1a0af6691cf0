// SPDX-License-Identifier: MIT
// rename(2). One rename at a time in the whole system (vfs_rename), so that the shape of the
// directory tree stands still while the loop check looks at it; then both directories are locked,
// lower address first.
#include "vfs_impl.h"

constexpr u32 RENAME_NOREPLACE = 1, RENAME_EXCHANGE = 2;

struct rename_lock {
    struct mutex lock;
};
DECLARE_MUTEX_CLASS(vfs_rename, struct rename_lock, lock)
static struct rename_lock one_rename = {.lock = MUTEX_INIT(one_rename.lock)};

struct rename { // everything about one call
    struct walk from, to;
    struct path_part from_part, to_part;
    struct path source, target; // target.vnode null: the new name is free
    u32 flags;
};

static err_t check_last(const struct path_part *p) {
    return p->len == 0 || path_part_is_dot(p) || path_part_is_dot_dot(p) ? ERR_BUSY : ERR_OK;
}

static err_t check_dirs(struct rename *r) {
    struct vnode *a = r->from.cur.vnode;
    struct vnode *b = r->to.cur.vnode;
    if (a->mount != b->mount) {
        return ERR_XDEV;
    }
    TRY(attr_write_check(a));
    TRY(attr_write_check(b));
    TRY(vfs_permission(a, r->from.cred, 3));
    TRY(vfs_permission(b, r->to.cred, 3));
    return a->ops->rename == nullptr ? ERR_PERM : ERR_OK;
}

static err_t check_source(struct rename *r) {
    struct vnode *v = r->source.vnode;
    if (v->type != VNODE_DIR && (r->from_part.trailing_slash || r->to_part.trailing_slash)) {
        return ERR_NOTDIR;
    }
    if (v->covered_by != nullptr) {
        return ERR_BUSY;
    }
    if ((v->flags & VNODE_PAST) != 0) {
        return ERR_HISTORY_SEALED;
    }
    TRY(attr_sticky_check(r->from.cur.vnode, v, r->from.cred));
    if (v->type == VNODE_DIR) {
        if (name_is_below(r->to.cur.name, r->source.name)) {
            return ERR_INVAL; // into itself
        }
        if (r->from.cur.vnode != r->to.cur.vnode) {
            TRY(vfs_permission(v, r->from.cred, 2)); // its `..` changes
        }
    }
    return ERR_OK;
}

static err_t check_target(struct rename *r) {
    struct vnode *v = r->target.vnode;
    if (v == nullptr) {
        return (r->flags & RENAME_EXCHANGE) != 0 ? ERR_NOENT : ERR_OK;
    }
    if ((r->flags & RENAME_NOREPLACE) != 0) {
        return ERR_EXIST;
    }
    if (v->covered_by != nullptr) {
        return ERR_BUSY;
    }
    if ((v->flags & VNODE_PAST) != 0) {
        return ERR_HISTORY_SEALED;
    }
    TRY(attr_sticky_check(r->to.cur.vnode, v, r->to.cred));
    bool exchange = (r->flags & RENAME_EXCHANGE) != 0;
    if (v->type == VNODE_DIR && name_is_below(r->from.cur.name, r->target.name)) {
        return exchange ? ERR_INVAL : ERR_NOTEMPTY;
    }
    if (exchange) {
        return ERR_OK;
    }
    if (r->source.vnode->type == VNODE_DIR && v->type != VNODE_DIR) {
        return ERR_NOTDIR;
    }
    return r->source.vnode->type != VNODE_DIR && v->type == VNODE_DIR ? ERR_ISDIR : ERR_OK;
}

static err_t rename_locked(struct rename *r) {
    struct vnode *from = r->from.cur.vnode;
    struct vnode *to = r->to.cur.vnode;
    TRY(check_dirs(r));
    TRY(walk_child_locked(&r->from.cur, &r->from_part, &r->source));
    err_t err = walk_child_locked(&r->to.cur, &r->to_part, &r->target);
    if (err != ERR_OK && err != ERR_NOENT) {
        return err;
    }
    TRY(check_source(r));
    TRY(check_target(r));
    if (r->target.vnode == r->source.vnode) {
        return ERR_OK; // two names of one file: nothing happens (POSIX)
    }
    TRY(from->ops->rename(from, r->from_part.bytes, r->from_part.len, to, r->to_part.bytes,
                          r->to_part.len, r->flags));
    if ((r->flags & RENAME_EXCHANGE) != 0) {
        return name_exchange(r->source.name, r->target.name);
    }
    struct name_move move = {.from_dir = &r->from.cur,
                             .to_dir = &r->to.cur,
                             .from = &r->from_part,
                             .to = &r->to_part,
                             .entry = r->source.name};
    if (name_move(&move) != ERR_OK) { // no memory for a name: the cache forgets instead
        name_forget(from, r->from_part.bytes, r->from_part.len, true);
        name_forget(to, r->to_part.bytes, r->to_part.len, true);
    }
    return ERR_OK;
}

static err_t rename_find(struct rename *r) {
    TRY(walk_to_last(&r->from, &r->from_part));
    TRY(walk_to_last(&r->to, &r->to_part));
    TRY(check_last(&r->from_part));
    err_t err = check_last(&r->to_part);
    return err == ERR_BUSY && (r->flags & RENAME_NOREPLACE) != 0 ? ERR_EXIST : err;
}

err_t vfs_rename(const struct walk_base *from_base, const char *from,
                 const struct walk_base *to_base, const char *to, u32 flags) {
    if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) != 0 ||
        flags == (RENAME_NOREPLACE | RENAME_EXCHANGE)) {
        return ERR_INVAL;
    }
    struct rename r = {.flags = flags};
    TRY(walk_begin(&r.from, from_base, from, 0));
    err_t err = walk_begin(&r.to, to_base, to, 0);
    if (err != ERR_OK) {
        walk_end(&r.from);
        return err;
    }
    err = rename_find(&r);
    if (err == ERR_OK) {
        struct vnode *a = r.from.cur.vnode;
        struct vnode *b = r.to.cur.vnode;
        vfs_rename_lock(&one_rename);
        vnode_lock_two(a, b);
        err = rename_locked(&r);
        vnode_unlock_two(a, b);
        vfs_rename_unlock(&one_rename);
    }
    path_put(&r.source);
    path_put(&r.target);
    walk_end(&r.from);
    walk_end(&r.to);
    return err;
}
