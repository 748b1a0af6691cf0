// SPDX-License-Identifier: MIT
// Operations on names: create, link, unlink, rename. Each looks at everything first and changes
// afterwards, so an ordinary refusal (exists, not empty, …) leaves no trace.
#include "core_impl.h"

static err_t parent_get(struct tfs *fs, u64 dir, struct inode *p) {
    TRY(tfs_dir_get(fs, TFS_NOW, dir, p));
    return p->nlink == 0 ? ERR_NOENT : ERR_OK; // a removed directory that is still open
}

static void parent_touch(struct tfs *fs, struct inode *p) {
    p->mtime_ns = tfs_now(fs);
    p->ctime_ns = p->mtime_ns;
}

static err_t absent(struct tfs *fs, u64 dir, struct tfs_name name) {
    struct dirent d;
    err_t err = tfs_dirent_find(fs, TFS_NOW, dir, name, &d);
    return err == ERR_OK ? ERR_EXIST : err == ERR_NOENT ? ERR_OK : err;
}

static bool type_known(u32 mode) {
    switch (mode & MODE_TYPE) {
    case MODE_DIR:
    case MODE_REG:
    case MODE_LNK:
    case 0010000: // fifo
    case 0020000: // chr
    case 0060000: // blk
    case 0140000: // sock
        return true;
    default:
        return false;
    }
}

struct creation {
    u64 dir;
    struct tfs_name name;
    const struct tfs_create *how;
    struct tfs_name target; // symlinks
};

static err_t create_apply(struct tfs *fs, const struct creation *c, struct inode *i) {
    struct inode parent;
    TRY(parent_get(fs, c->dir, &parent));
    TRY(absent(fs, c->dir, c->name));
    bool dir = (c->how->mode & MODE_TYPE) == MODE_DIR;
    if (dir && parent.nlink >= TFS_LINKS_MAX) {
        return ERR_MLINK;
    }
    TRY(tfs_inode_new(fs, c->how, c->dir, i));
    if (c->target.len > 0) {
        TRY(tfs_file_write(fs, i, (struct tfs_span){0, c->target.len}, c->target.bytes));
    }
    TRY(tfs_inode_put(fs, i));
    TRY(tfs_dirent_add(fs, c->dir, c->name, i));
    parent.size++;
    parent.nlink += dir ? 1 : 0;
    parent_touch(fs, &parent);
    return tfs_inode_put(fs, &parent);
}

static err_t create_op(struct tfs *fs, const struct creation *c, u64 *ino) {
    struct op op = {};
    struct inode i = {};
    TRY(tfs_name_valid(c->name));
    fs->env.lock(fs->env.arg, fs->mutex);
    err_t err = tfs_op_begin(fs, &op);
    if (err == ERR_OK) {
        err = create_apply(fs, c, &i);
        err = tfs_op_end(fs, err, TFS_KIND_CREATE, i.ino);
    }
    fs->env.unlock(fs->env.arg, fs->mutex);
    TRY(err);
    *ino = i.ino;
    return ERR_OK;
}

err_t tfs_create(struct tfs *fs, u64 dir, struct tfs_name name, const struct tfs_create *how,
                 u64 *ino) {
    if (!type_known(how->mode) || (how->mode & MODE_TYPE) == MODE_LNK) {
        return ERR_INVAL;
    }
    struct creation c = {.dir = dir, .name = name, .how = how};
    return create_op(fs, &c, ino);
}

err_t tfs_symlink(struct tfs *fs, u64 dir, struct tfs_name name, struct tfs_name target,
                  const struct tfs_create *how, u64 *ino) {
    if (target.len == 0) {
        return ERR_NOENT;
    }
    if (target.len > TFS_SYMLINK_BYTES_MAX) {
        return ERR_NAMETOOLONG;
    }
    struct tfs_create link = *how;
    link.mode = MODE_LNK | (how->mode & 07777);
    struct creation c = {.dir = dir, .name = name, .how = &link, .target = target};
    return create_op(fs, &c, ino);
}

static err_t unnamed_apply(struct tfs *fs, const struct tfs_create *how, struct inode *i) {
    TRY(tfs_ref_add(fs, fs->next_ino));
    TRY(tfs_inode_new(fs, how, 0, i));
    i->nlink = 0;
    TRY(tfs_inode_put(fs, i));
    return tfs_orphan_put(fs, i->ino, 0, true);
}

err_t tfs_create_unnamed(struct tfs *fs, const struct tfs_create *how, u64 *ino) {
    struct op op = {};
    struct inode i = {};
    if ((how->mode & MODE_TYPE) != MODE_REG) {
        return ERR_INVAL;
    }
    fs->env.lock(fs->env.arg, fs->mutex);
    err_t err = tfs_op_begin(fs, &op);
    if (err == ERR_OK) {
        err = unnamed_apply(fs, how, &i);
        err = tfs_op_end(fs, err, TFS_KIND_CREATE, i.ino);
    }
    fs->env.unlock(fs->env.arg, fs->mutex);
    TRY(err);
    *ino = i.ino;
    return ERR_OK;
}

static err_t link_apply(struct tfs *fs, u64 dir, struct tfs_name name, u64 ino) {
    struct inode parent, i;
    TRY(parent_get(fs, dir, &parent));
    TRY(tfs_inode_get(fs, TFS_NOW, ino, &i));
    if (inode_is(&i, MODE_DIR)) {
        return ERR_PERM;
    }
    if (i.nlink >= TFS_LINKS_MAX) {
        return ERR_MLINK;
    }
    TRY(absent(fs, dir, name));
    if (i.nlink == 0) {
        if (!tfs_ref_held(fs, ino)) {
            return ERR_NOENT;
        }
        struct key orphan = live_key(0, TFS_ORPHAN, ino);
        TRY(tfs_bt_del(&fs->live, &orphan));
    }
    i.nlink++;
    i.ctime_ns = tfs_now(fs);
    TRY(tfs_inode_put(fs, &i));
    TRY(tfs_dirent_add(fs, dir, name, &i));
    parent.size++;
    parent_touch(fs, &parent);
    return tfs_inode_put(fs, &parent);
}

err_t tfs_link(struct tfs *fs, u64 dir, struct tfs_name name, u64 ino) {
    struct op op = {};
    TRY(tfs_name_valid(name));
    fs->env.lock(fs->env.arg, fs->mutex);
    err_t err = tfs_op_begin(fs, &op);
    if (err == ERR_OK) {
        err = link_apply(fs, dir, name, ino);
        err = tfs_op_end(fs, err, TFS_KIND_LINK, ino);
    }
    fs->env.unlock(fs->env.arg, fs->mutex);
    return err;
}

static err_t dir_is_empty(struct tfs *fs, u64 dir) {
    struct key from = {dir, 0, 0, TFS_DIRENT};
    struct cursor c;
    TRY(tfs_bt_seek(&fs->live, &from, &c));
    bool empty = true;
    if (cursor_valid(&c)) {
        struct key k = tfs_bt_key(&c);
        empty = k.obj != dir || k.type != TFS_DIRENT;
    }
    tfs_bt_close(&c);
    return empty ? ERR_OK : ERR_NOTEMPTY;
}

struct removal {
    u64 dir, ino;
    struct tfs_name name;
    bool rmdir, reclaim;
};

// One name of i goes (its dirent is already gone or replaced).
static err_t drop_link(struct tfs *fs, struct inode *i, bool *reclaim) {
    *reclaim = false;
    if (inode_is(i, MODE_DIR) || i->nlink <= 1) {
        return tfs_inode_unlinked(fs, i, reclaim);
    }
    i->nlink--;
    i->ctime_ns = tfs_now(fs);
    return tfs_inode_put(fs, i);
}

static err_t remove_apply(struct tfs *fs, struct removal *rm) {
    struct inode parent, i;
    struct dirent d;
    TRY(tfs_dir_get(fs, TFS_NOW, rm->dir, &parent));
    TRY(tfs_dirent_find(fs, TFS_NOW, rm->dir, rm->name, &d));
    TRY(tfs_inode_get(fs, TFS_NOW, d.ino, &i));
    rm->ino = d.ino;
    if (inode_is(&i, MODE_DIR) != rm->rmdir) {
        return rm->rmdir ? ERR_NOTDIR : ERR_ISDIR;
    }
    if (rm->rmdir) {
        TRY(dir_is_empty(fs, i.ino));
        parent.nlink -= parent.nlink > 2 ? 1 : 0;
    }
    TRY(tfs_rec_del(fs, &d.key));
    TRY(drop_link(fs, &i, &rm->reclaim));
    parent.size -= parent.size > 0 ? 1 : 0;
    parent_touch(fs, &parent);
    return tfs_inode_put(fs, &parent);
}

static err_t remove_op(struct tfs *fs, struct removal *rm) {
    struct op op = {.privileged = true};
    TRY(tfs_name_valid(rm->name));
    fs->env.lock(fs->env.arg, fs->mutex);
    err_t err = tfs_op_begin(fs, &op);
    if (err == ERR_OK) {
        err = remove_apply(fs, rm);
        err = tfs_op_end(fs, err, TFS_KIND_UNLINK, rm->ino);
    }
    if (err == ERR_OK && rm->reclaim && !tfs_ref_held(fs, rm->ino)) {
        err_t later = tfs_reclaim(fs, rm->ino); // the name is gone whatever happens here
        unused_arg(later);
    }
    fs->env.unlock(fs->env.arg, fs->mutex);
    return err;
}

err_t tfs_unlink(struct tfs *fs, u64 dir, struct tfs_name name) {
    struct removal rm = {.dir = dir, .name = name};
    return remove_op(fs, &rm);
}

err_t tfs_rmdir(struct tfs *fs, u64 dir, struct tfs_name name) {
    struct removal rm = {.dir = dir, .name = name, .rmdir = true};
    return remove_op(fs, &rm);
}

// ---- rename
struct move {
    const struct tfs_rename *how;
    struct inode from_dir, to_dir, *to_parent; // to_parent: &from_dir when both are one
    struct dirent from, to;
    struct inode i, old; // old: what is at `to` now
    bool have_old, reclaim;
};

// Would moving directory `moved` into `dir` put it below itself?
static err_t not_below(struct tfs *fs, u64 moved, u64 dir) {
    u64 at = dir;
    for (u32 depth = 0; depth < DIR_DEPTH_MAX; depth++) {
        struct inode i;
        if (at == moved) {
            return ERR_INVAL;
        }
        if (at == TFS_ROOT_INO) {
            return ERR_OK;
        }
        TRY(tfs_dir_get(fs, TFS_NOW, at, &i));
        at = i.parent;
    }
    return ERR_TFS_FORMAT;
}

static err_t rename_look(struct tfs *fs, struct move *m) {
    const struct tfs_rename *how = m->how;
    TRY(tfs_dir_get(fs, TFS_NOW, how->from_dir, &m->from_dir));
    TRY(parent_get(fs, how->to_dir, &m->to_dir));
    m->to_parent = how->from_dir == how->to_dir ? &m->from_dir : &m->to_dir;
    TRY(tfs_dirent_find(fs, TFS_NOW, how->from_dir, how->from, &m->from));
    TRY(tfs_inode_get(fs, TFS_NOW, m->from.ino, &m->i));
    err_t err = tfs_dirent_find(fs, TFS_NOW, how->to_dir, how->to, &m->to);
    if (err != ERR_OK && err != ERR_NOENT) {
        return err;
    }
    m->have_old = err == ERR_OK;
    if (m->have_old) {
        TRY(tfs_inode_get(fs, TFS_NOW, m->to.ino, &m->old));
    }
    bool exchange = (how->flags & TFS_RENAME_EXCHANGE) != 0;
    if (exchange && !m->have_old) {
        return ERR_NOENT;
    }
    if ((how->flags & TFS_RENAME_NOREPLACE) != 0 && m->have_old) {
        return ERR_EXIST;
    }
    bool dir = inode_is(&m->i, MODE_DIR);
    if (dir) {
        TRY(not_below(fs, m->i.ino, how->to_dir));
    }
    if (exchange) {
        return inode_is(&m->old, MODE_DIR) ? not_below(fs, m->old.ino, how->from_dir) : ERR_OK;
    }
    if (m->have_old && m->old.ino != m->i.ino) {
        bool old_dir = inode_is(&m->old, MODE_DIR);
        if (dir != old_dir) {
            return dir ? ERR_NOTDIR : ERR_ISDIR;
        }
        return old_dir ? dir_is_empty(fs, m->old.ino) : ERR_OK;
    }
    return ERR_OK;
}

static void move_parent(struct inode *i, struct inode *from, struct inode *to) {
    if (inode_is(i, MODE_DIR) && from->ino != to->ino) {
        from->nlink -= from->nlink > 2 ? 1 : 0;
        to->nlink++;
        i->parent = to->ino;
    }
}

static err_t dirent_point(struct tfs *fs, const struct key *key, struct tfs_name name,
                          const struct inode *i) { // an existing name gets another inode
    u8 value[sizeof(struct tfs_dirent_value) + TFS_NAME_BYTES_MAX];
    struct tfs_dirent_value v = {.ino = le64_of(i->ino),
                                 .mode_type = (u8)((i->mode & MODE_TYPE) >> 12),
                                 .name_len = (u8)name.len};
    memcpy(value, &v, sizeof(v));
    memcpy(value + sizeof(v), name.bytes, name.len);
    return tfs_rec_put(fs, key, value, (u32)(sizeof(v) + name.len));
}

static err_t exchange_apply(struct tfs *fs, struct move *m) {
    m->old.ctime_ns = m->i.ctime_ns;
    move_parent(&m->old, m->to_parent, &m->from_dir);
    move_parent(&m->i, &m->from_dir, m->to_parent);
    TRY(dirent_point(fs, &m->from.key, m->how->from, &m->old));
    TRY(dirent_point(fs, &m->to.key, m->how->to, &m->i));
    return tfs_inode_put(fs, &m->old);
}

static err_t replace_apply(struct tfs *fs, struct move *m) {
    struct inode *to = m->to_parent;
    if (m->have_old) {
        if (inode_is(&m->old, MODE_DIR)) {
            to->nlink -= to->nlink > 2 ? 1 : 0;
        }
        TRY(dirent_point(fs, &m->to.key, m->how->to, &m->i));
        TRY(drop_link(fs, &m->old, &m->reclaim));
    } else {
        TRY(tfs_dirent_add(fs, m->how->to_dir, m->how->to, &m->i));
        to->size++;
    }
    move_parent(&m->i, &m->from_dir, to);
    m->from_dir.size -= m->from_dir.size > 0 ? 1 : 0;
    return tfs_rec_del(fs, &m->from.key);
}

static err_t rename_apply(struct tfs *fs, struct move *m) {
    TRY(rename_look(fs, m));
    if (m->have_old && m->old.ino == m->i.ino) {
        return ERR_OK; // two names of one file: POSIX wants nothing done
    }
    m->i.ctime_ns = tfs_now(fs);
    bool exchange = (m->how->flags & TFS_RENAME_EXCHANGE) != 0;
    TRY(exchange ? exchange_apply(fs, m) : replace_apply(fs, m));
    TRY(tfs_inode_put(fs, &m->i));
    parent_touch(fs, &m->from_dir);
    TRY(tfs_inode_put(fs, &m->from_dir));
    if (m->to_parent == &m->to_dir) {
        parent_touch(fs, &m->to_dir);
        TRY(tfs_inode_put(fs, &m->to_dir));
    }
    return ERR_OK;
}

err_t tfs_rename(struct tfs *fs, const struct tfs_rename *how) {
    struct op op = {};
    struct move m = {.how = how};
    TRY(tfs_name_valid(how->from));
    TRY(tfs_name_valid(how->to));
    if ((how->flags & ~(TFS_RENAME_EXCHANGE | TFS_RENAME_NOREPLACE)) != 0 ||
        how->flags == (TFS_RENAME_EXCHANGE | TFS_RENAME_NOREPLACE)) {
        return ERR_INVAL;
    }
    fs->env.lock(fs->env.arg, fs->mutex);
    err_t err = tfs_op_begin(fs, &op);
    if (err == ERR_OK) {
        err = rename_apply(fs, &m);
        err = tfs_op_end(fs, err, TFS_KIND_RENAME, m.i.ino);
    }
    if (err == ERR_OK && m.reclaim && !tfs_ref_held(fs, m.old.ino)) {
        err_t later = tfs_reclaim(fs, m.old.ino);
        unused_arg(later);
    }
    fs->env.unlock(fs->env.arg, fs->mutex);
    return err;
}
