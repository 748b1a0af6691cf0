// SPDX-License-Identifier: MIT
// Directories: one DIRENT record per name, at off = keyed hash of the name (low 8 bits: collision
// number). The off is also the readdir cookie, so a cookie stays right whatever happens to other
// entries.
#include "core_impl.h"
#include <lib/siphash.h>

err_t tfs_name_valid(struct tfs_name name) {
    if (name.len > TFS_NAME_BYTES_MAX) {
        return ERR_NAMETOOLONG;
    }
    if (name.len == 0 ||
        (name.bytes[0] == '.' && (name.len == 1 || (name.len == 2 && name.bytes[1] == '.')))) {
        return ERR_INVAL;
    }
    for (size_t i = 0; i < name.len; i++) {
        if (name.bytes[i] == '/' || name.bytes[i] == 0) {
            return ERR_INVAL;
        }
    }
    return ERR_OK;
}

u64 tfs_name_hash(struct tfs *fs, struct tfs_name name) {
    struct siphash_key key = {le64_get(fs->super.hash_key[0]), le64_get(fs->super.hash_key[1])};
    u64 hash = siphash(key, name.bytes, name.len) & 0x7fffffffffffff00;
    return hash == 0 ? HASH_COLLISIONS_MAX : hash;
}

err_t tfs_dirent_decode(const struct record *r, struct tfs_dirent *d) {
    struct tfs_dirent_value v;
    if (r->len < sizeof(v)) {
        return ERR_TFS_FORMAT;
    }
    memcpy(&v, r->value, sizeof(v));
    *d = (struct tfs_dirent){.ino = le64_get(v.ino),
                             .mode_type = (u32)v.mode_type << 12,
                             .name = {(const char *)r->value + sizeof(v), v.name_len},
                             .next_cookie = r->key.off + 1};
    bool good = r->len == sizeof(v) + v.name_len && v.mode_type < 16 && d->ino != 0 &&
                r->key.off >= HASH_COLLISIONS_MAX && r->key.off < (u64)1 << 63 &&
                tfs_name_valid(d->name) == ERR_OK;
    return good ? ERR_OK : ERR_TFS_FORMAT;
}

err_t tfs_dir_get(struct tfs *fs, u64 at, u64 dir, struct inode *i) {
    TRY(tfs_inode_get(fs, at, dir, i));
    return inode_is(i, MODE_DIR) ? ERR_OK : ERR_NOTDIR;
}

err_t tfs_dirent_find(struct tfs *fs, u64 at, u64 dir, struct tfs_name name, struct dirent *out) {
    u64 hash = tfs_name_hash(fs, name);
    struct key from = live_key(dir, TFS_DIRENT, hash);
    struct view v;
    TRY(tfs_view_open(fs, at, &from, &v));
    err_t err = ERR_OK;
    bool have = true, found = false;
    while (err == ERR_OK && !found) {
        struct record r;
        struct tfs_dirent d;
        err = tfs_view_next(&v, &r, &have);
        if (err != ERR_OK || !have || (r.key.off & ~(u64)0xff) != hash) {
            break;
        }
        err = tfs_dirent_decode(&r, &d);
        if (err == ERR_OK && d.name.len == name.len &&
            memcmp(d.name.bytes, name.bytes, name.len) == 0) {
            *out = (struct dirent){live_key(dir, TFS_DIRENT, r.key.off), d.ino, d.mode_type};
            found = true;
        }
    }
    tfs_view_close(&v);
    return err != ERR_OK ? err : found ? ERR_OK : ERR_NOENT;
}

err_t tfs_dirent_add(struct tfs *fs, u64 dir, struct tfs_name name, const struct inode *i) {
    u64 hash = tfs_name_hash(fs, name);
    struct key key = live_key(dir, TFS_DIRENT, hash);
    struct cursor c;
    TRY(tfs_bt_seek(&fs->live, &key, &c));
    u32 number = 0;
    while (cursor_valid(&c)) { // the lowest collision number not in use
        struct key k = tfs_bt_key(&c);
        if (k.obj != dir || k.type != TFS_DIRENT || k.off != hash + number) {
            break;
        }
        number++;
        TRY(tfs_bt_next(&c));
    }
    tfs_bt_close(&c);
    if (number == HASH_COLLISIONS_MAX) {
        return ERR_NOSPC;
    }
    key.off = hash + number;
    u8 value[sizeof(struct tfs_dirent_value) + TFS_NAME_BYTES_MAX];
    struct tfs_dirent_value v = {.ino = le64_of(i->ino),
                                 .mode_type = (u8)((i->mode & MODE_TYPE) >> 12),
                                 .name_len = (u8)name.len};
    memcpy(value, &v, sizeof(v));
    memcpy(value + sizeof(v), name.bytes, name.len);
    return tfs_rec_put(fs, &key, value, (u32)(sizeof(v) + name.len));
}

err_t tfs_lookup(struct tfs *fs, u64 at, u64 dir, struct tfs_name name, u64 *ino) {
    struct inode i;
    struct dirent d = {};
    TRY(tfs_name_valid(name));
    fs->env.lock(fs->env.arg, fs->mutex);
    err_t err = tfs_dir_get(fs, at, dir, &i);
    if (err == ERR_OK) {
        err = tfs_dirent_find(fs, at, dir, name, &d);
    }
    fs->env.unlock(fs->env.arg, fs->mutex);
    TRY(err);
    *ino = d.ino;
    return ERR_OK;
}

static err_t readdir_locked(struct view *v, tfs_emit_fn *emit, void *arg) {
    struct record r;
    bool have;
    for (;;) {
        struct tfs_dirent d;
        TRY(tfs_view_next(v, &r, &have));
        if (!have) {
            return ERR_OK;
        }
        TRY(tfs_dirent_decode(&r, &d));
        if (!emit(arg, &d)) {
            return ERR_OK;
        }
    }
}

err_t tfs_readdir(struct tfs *fs, u64 at, u64 dir, u64 cookie, tfs_emit_fn *emit, void *arg) {
    struct inode i;
    struct view v;
    struct key from = live_key(dir, TFS_DIRENT, cookie < HASH_COLLISIONS_MAX ? 0 : cookie);
    fs->env.lock(fs->env.arg, fs->mutex);
    err_t err = tfs_dir_get(fs, at, dir, &i);
    if (err == ERR_OK) {
        err = tfs_view_open(fs, at, &from, &v);
        if (err == ERR_OK) {
            err = readdir_locked(&v, emit, arg);
            tfs_view_close(&v);
        }
    }
    fs->env.unlock(fs->env.arg, fs->mutex);
    return err;
}
