// SPDX-License-Identifier: MIT
// Extended attributes: one XATTR record per name, at the hash of the name, like directory entries.
#include "core_impl.h"

struct xattr { // borrowed from its record
    struct tfs_name name;
    const u8 *value;
    u32 value_len;
};

static err_t xattr_decode(const struct record *r, struct xattr *x) {
    struct tfs_xattr_value v;
    if (r->len < sizeof(v)) {
        return ERR_TFS_FORMAT;
    }
    memcpy(&v, r->value, sizeof(v));
    x->name = (struct tfs_name){(const char *)r->value + sizeof(v), v.name_len};
    x->value = r->value + sizeof(v) + v.name_len;
    x->value_len = le16_get(v.value_len);
    return v.name_len > 0 && r->len == sizeof(v) + v.name_len + x->value_len ? ERR_OK
                                                                             : ERR_TFS_FORMAT;
}

static err_t name_valid(struct tfs_name name) {
    return name.len == 0 ? ERR_INVAL : name.len > TFS_NAME_BYTES_MAX ? ERR_RANGE : ERR_OK;
}

// The view stands at the attribute (x borrows from it); the caller closes it. ERR_NODATA; *key is
// then a free place.
static err_t xattr_find(struct view *v, struct key *key, struct tfs_name name, struct xattr *x) {
    u64 hash = key->off;
    u32 number = 0;
    for (;;) {
        struct record r;
        bool have;
        TRY(tfs_view_next(v, &r, &have));
        if (!have || (r.key.off & ~(u64)0xff) != hash) {
            break;
        }
        TRY(xattr_decode(&r, x));
        if (x->name.len == name.len && memcmp(x->name.bytes, name.bytes, name.len) == 0) {
            key->off = r.key.off;
            return ERR_OK;
        }
        number += r.key.off == hash + number ? 1 : 0;
    }
    if (number == HASH_COLLISIONS_MAX) {
        return ERR_NOSPC;
    }
    key->off = hash + number;
    return ERR_NODATA;
}

err_t tfs_xattr_get(struct tfs *fs, u64 at, u64 ino, struct tfs_name name, struct tfs_buf buf,
                    size_t *got) {
    struct inode i;
    struct view v;
    struct xattr x = {};
    TRY(name_valid(name));
    fs->env.lock(fs->env.arg, fs->mutex);
    err_t err = tfs_inode_get(fs, at, ino, &i);
    struct key key = live_key(ino, TFS_XATTR, tfs_name_hash(fs, name));
    if (err == ERR_OK) {
        err = tfs_view_open(fs, at, &key, &v);
        if (err == ERR_OK) {
            err = xattr_find(&v, &key, name, &x);
            if (err == ERR_OK && buf.len > 0) {
                memcpy(buf.data, x.value, MIN(buf.len, (size_t)x.value_len));
            }
            tfs_view_close(&v);
        }
    }
    fs->env.unlock(fs->env.arg, fs->mutex);
    TRY(err);
    *got = x.value_len;
    return ERR_OK;
}

err_t tfs_xattr_list(struct tfs *fs, u64 at, u64 ino, tfs_xattr_emit_fn *emit, void *arg) {
    struct inode i;
    struct view v;
    fs->env.lock(fs->env.arg, fs->mutex);
    err_t err = tfs_inode_get(fs, at, ino, &i);
    struct key key = live_key(ino, TFS_XATTR, 0);
    if (err == ERR_OK) {
        err = tfs_view_open(fs, at, &key, &v);
        bool have = err == ERR_OK, opened = have;
        while (have) {
            struct record r;
            struct xattr x;
            err = tfs_view_next(&v, &r, &have);
            if (err == ERR_OK && have) {
                err = xattr_decode(&r, &x);
            }
            have = have && err == ERR_OK && emit(arg, x.name, x.value_len);
        }
        if (opened) {
            tfs_view_close(&v);
        }
    }
    fs->env.unlock(fs->env.arg, fs->mutex);
    return err;
}

struct xattr_change {
    u64 ino;
    struct tfs_name name;
    struct tfs_bytes value;
    u32 flags;
    bool remove;
};

static err_t change_apply(struct tfs *fs, const struct xattr_change *ch) {
    struct inode i;
    struct view v;
    struct xattr x;
    TRY(tfs_inode_get(fs, TFS_NOW, ch->ino, &i));
    struct key key = live_key(ch->ino, TFS_XATTR, tfs_name_hash(fs, ch->name));
    TRY(tfs_view_open(fs, TFS_NOW, &key, &v));
    err_t err = xattr_find(&v, &key, ch->name, &x);
    tfs_view_close(&v);
    if (err != ERR_OK && err != ERR_NODATA) {
        return err;
    }
    bool have = err == ERR_OK;
    if (!have && (ch->remove || (ch->flags & TFS_XATTR_REPLACE) != 0)) {
        return ERR_NODATA;
    }
    if (have && (ch->flags & TFS_XATTR_CREATE) != 0) {
        return ERR_EXIST;
    }
    if (ch->remove) {
        TRY(tfs_rec_del(fs, &key));
    } else {
        struct tfs_xattr_value head = {.name_len = (u8)ch->name.len,
                                       .value_len = le16_of((u16)ch->value.len)};
        memcpy(fs->block, &head, sizeof(head));
        memcpy(fs->block + sizeof(head), ch->name.bytes, ch->name.len);
        if (ch->value.len > 0) {
            memcpy(fs->block + sizeof(head) + ch->name.len, ch->value.data, ch->value.len);
        }
        TRY(tfs_rec_put(fs, &key, fs->block, (u32)(sizeof(head) + ch->name.len + ch->value.len)));
    }
    i.ctime_ns = tfs_now(fs);
    return tfs_inode_put(fs, &i);
}

static err_t change_op(struct tfs *fs, const struct xattr_change *ch) {
    struct op op = {.privileged = ch->remove};
    TRY(name_valid(ch->name));
    if (ch->value.len > TFS_XATTR_VALUE_BYTES_MAX) {
        return ERR_NOSPC;
    }
    fs->env.lock(fs->env.arg, fs->mutex);
    err_t err = tfs_op_begin(fs, &op);
    if (err == ERR_OK) {
        err = change_apply(fs, ch);
        err = tfs_op_end(fs, err, TFS_KIND_XATTR, ch->ino);
    }
    fs->env.unlock(fs->env.arg, fs->mutex);
    return err;
}

err_t tfs_xattr_set(struct tfs *fs, u64 ino, struct tfs_name name, struct tfs_bytes value,
                    u32 flags) {
    struct xattr_change ch = {ino, name, value, flags, false};
    return change_op(fs, &ch);
}

err_t tfs_xattr_remove(struct tfs *fs, u64 ino, struct tfs_name name) {
    struct xattr_change ch = {.ino = ino, .name = name, .remove = true};
    return change_op(fs, &ch);
}
