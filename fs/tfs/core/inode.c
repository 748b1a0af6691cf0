// SPDX-License-Identifier: MIT
// Inodes: attributes, references in memory, and the end of an inode's life. A file that loses its
// last name while it is open, or that is too big to remove in one operation, leaves an ORPHAN
// record; tfs_reclaim removes it step by step, and the next mount does so after a crash.
#include "core_impl.h"

constexpr u32 STEP_RECORDS = 64; // extents removed in one step of a long removal
constexpr u32 STEP_XATTRS = 16;  // they are bigger

err_t tfs_inode_decode(const struct record *r, struct inode *i) {
    struct tfs_inode_value v;
    if (r->len != sizeof(v)) {
        return ERR_TFS_FORMAT;
    }
    memcpy(&v, r->value, sizeof(v));
    *i = (struct inode){.ino = r->key.obj,
                        .mode = le32_get(v.mode),
                        .nlink = le32_get(v.nlink),
                        .uid = le32_get(v.uid),
                        .gid = le32_get(v.gid),
                        .rdev = le64_get(v.rdev),
                        .size = le64_get(v.size),
                        .blocks = le64_get(v.blocks),
                        .atime_ns = le64_get(v.atime_ns),
                        .mtime_ns = le64_get(v.mtime_ns),
                        .ctime_ns = le64_get(v.ctime_ns),
                        .btime_ns = le64_get(v.btime_ns),
                        .parent = le64_get(v.parent),
                        .birth = r->birth};
    return i->size <= TFS_FILE_BYTES_MAX ? ERR_OK : ERR_TFS_FORMAT;
}

err_t tfs_inode_get(struct tfs *fs, u64 at, u64 ino, struct inode *i) {
    struct key key = live_key(ino, TFS_INODE, 0);
    struct cursor c;
    if (ino == 0) {
        return ERR_NOENT;
    }
    TRY(tfs_view_get(fs, at, &key, &c));
    struct record r = tfs_bt_record(&c);
    err_t err = tfs_inode_decode(&r, i);
    tfs_bt_close(&c);
    return err;
}

err_t tfs_inode_put(struct tfs *fs, const struct inode *i) {
    struct tfs_inode_value v = {.mode = le32_of(i->mode),
                                .nlink = le32_of(i->nlink),
                                .uid = le32_of(i->uid),
                                .gid = le32_of(i->gid),
                                .rdev = le64_of(i->rdev),
                                .size = le64_of(i->size),
                                .blocks = le64_of(i->blocks),
                                .atime_ns = le64_of(i->atime_ns),
                                .mtime_ns = le64_of(i->mtime_ns),
                                .ctime_ns = le64_of(i->ctime_ns),
                                .btime_ns = le64_of(i->btime_ns),
                                .parent = le64_of(i->parent)};
    struct key key = live_key(i->ino, TFS_INODE, 0);
    return tfs_rec_put(fs, &key, &v, sizeof(v));
}

err_t tfs_inode_new(struct tfs *fs, const struct tfs_create *how, u64 parent, struct inode *i) {
    u64 now = tfs_now(fs);
    bool dir = (how->mode & MODE_TYPE) == MODE_DIR;
    *i = (struct inode){.ino = fs->next_ino++,
                        .mode = how->mode & (MODE_TYPE | 07777),
                        .nlink = dir ? 2 : 1,
                        .uid = how->uid,
                        .gid = how->gid,
                        .rdev = how->rdev,
                        .atime_ns = now,
                        .mtime_ns = now,
                        .ctime_ns = now,
                        .btime_ns = now,
                        .parent = dir ? parent : 0};
    fs->inodes_used++;
    fs->touched = true;
    return ERR_OK;
}

static void attr_fill(const struct inode *i, struct tfs_attr *attr) {
    *attr = (struct tfs_attr){.ino = i->ino,
                              .mode = i->mode,
                              .nlink = i->nlink,
                              .uid = i->uid,
                              .gid = i->gid,
                              .rdev = i->rdev,
                              .size = i->size,
                              .blocks_512 = i->blocks * 8,
                              .atime_ns = i->atime_ns,
                              .mtime_ns = i->mtime_ns,
                              .ctime_ns = i->ctime_ns,
                              .btime_ns = i->btime_ns,
                              .parent_ino = i->parent,
                              .version_seq = i->birth};
}

err_t tfs_getattr(struct tfs *fs, u64 at, u64 ino, struct tfs_attr *attr) {
    struct inode i;
    fs->env.lock(fs->env.arg, fs->mutex);
    err_t err = tfs_inode_get(fs, at, ino, &i);
    fs->env.unlock(fs->env.arg, fs->mutex);
    TRY(err);
    attr_fill(&i, attr);
    return ERR_OK;
}

static err_t setattr_apply(struct tfs *fs, u64 ino, const struct tfs_setattr *set, bool *more) {
    struct inode i;
    TRY(tfs_inode_get(fs, TFS_NOW, ino, &i));
    u64 now = tfs_now(fs);
    if ((set->mask & TFS_SET_SIZE) != 0) {
        if (!inode_is(&i, MODE_REG)) {
            return inode_is(&i, MODE_DIR) ? ERR_ISDIR : ERR_INVAL;
        }
        TRY(tfs_file_resize(fs, &i, set->size, more));
        i.mtime_ns = now;
    }
    if ((set->mask & TFS_SET_MODE) != 0) {
        i.mode = (i.mode & MODE_TYPE) | (set->mode & 07777);
    }
    i.uid = (set->mask & TFS_SET_UID) != 0 ? set->uid : i.uid;
    i.gid = (set->mask & TFS_SET_GID) != 0 ? set->gid : i.gid;
    i.atime_ns = (set->mask & TFS_SET_ATIME) != 0 ? set->atime_ns : i.atime_ns;
    i.mtime_ns = (set->mask & TFS_SET_MTIME) != 0 ? set->mtime_ns : i.mtime_ns;
    i.ctime_ns = (set->mask & TFS_SET_CTIME) != 0 ? set->ctime_ns : now;
    i.btime_ns = (set->mask & TFS_SET_BTIME) != 0 ? set->btime_ns : i.btime_ns;
    return tfs_inode_put(fs, &i);
}

err_t tfs_setattr(struct tfs *fs, u64 ino, const struct tfs_setattr *set) {
    struct op op = {.privileged = true};
    bool more = false;
    fs->env.lock(fs->env.arg, fs->mutex);
    err_t err = tfs_op_begin(fs, &op);
    if (err == ERR_OK) {
        err = setattr_apply(fs, ino, set, &more);
        bool size = (set->mask & TFS_SET_SIZE) != 0;
        err = tfs_op_end(fs, err, size ? TFS_KIND_TRUNCATE : TFS_KIND_ATTR, ino);
    }
    if (err == ERR_OK && more) {
        err = tfs_reclaim(fs, ino);
    }
    fs->env.unlock(fs->env.arg, fs->mutex);
    return err;
}

err_t tfs_truncate(struct tfs *fs, u64 ino, u64 size) {
    struct tfs_setattr set = {.mask = TFS_SET_SIZE, .size = size};
    return tfs_setattr(fs, ino, &set);
}

// ---- references
static struct open_ref **ref_slot(struct tfs *fs, u64 ino) {
    struct open_ref **slot = &fs->refs[ino % REF_SLOTS];
    while (*slot != nullptr && (*slot)->ino != ino) {
        slot = &(*slot)->next;
    }
    return slot;
}

bool tfs_ref_held(struct tfs *fs, u64 ino) { return *ref_slot(fs, ino) != nullptr; }

err_t tfs_ref_add(struct tfs *fs, u64 ino) {
    struct open_ref **slot = ref_slot(fs, ino);
    if (*slot == nullptr) {
        struct open_ref *ref = fs->env.alloc(fs->env.arg, sizeof(*ref));
        if (ref == nullptr) {
            return ERR_NOMEM;
        }
        *ref = (struct open_ref){.ino = ino};
        *slot = ref;
    }
    (*slot)->count++;
    return ERR_OK;
}

static bool ref_drop(struct tfs *fs, u64 ino) { // true: it was the last one
    struct open_ref **slot = ref_slot(fs, ino), *ref = *slot;
    if (ref == nullptr || --ref->count > 0) {
        return false;
    }
    *slot = ref->next;
    fs->env.free(fs->env.arg, ref, sizeof(*ref));
    return true;
}

void tfs_refs_fini(struct tfs *fs) {
    for (u32 i = 0; i < REF_SLOTS; i++) {
        while (fs->refs[i] != nullptr) {
            struct open_ref *ref = fs->refs[i];
            fs->refs[i] = ref->next;
            fs->env.free(fs->env.arg, ref, sizeof(*ref));
        }
    }
}

err_t tfs_open(struct tfs *fs, u64 ino) {
    struct inode i;
    fs->env.lock(fs->env.arg, fs->mutex);
    err_t err = tfs_inode_get(fs, TFS_NOW, ino, &i);
    if (err == ERR_OK) {
        err = tfs_ref_add(fs, ino);
    }
    fs->env.unlock(fs->env.arg, fs->mutex);
    return err;
}

err_t tfs_release(struct tfs *fs, u64 ino) {
    struct inode i;
    err_t err = ERR_OK;
    fs->env.lock(fs->env.arg, fs->mutex);
    if (ref_drop(fs, ino) && !fs->read_only && fs->failed == ERR_OK) {
        err = tfs_inode_get(fs, TFS_NOW, ino, &i);
        if (err == ERR_OK && i.nlink == 0) {
            err = tfs_reclaim(fs, ino);
        }
    }
    fs->env.unlock(fs->env.arg, fs->mutex);
    return err;
}

// ---- the end of an inode
err_t tfs_orphan_put(struct tfs *fs, u64 ino, u64 keep_bytes, bool whole) {
    struct key key = live_key(0, TFS_ORPHAN, ino);
    struct tfs_orphan_value v = {.keep_bytes = le64_of(keep_bytes), .whole = whole ? 1 : 0};
    struct record r = {key, fs->seq, (const u8 *)&v, sizeof(v)};
    return tfs_bt_put(&fs->live, &r); // orphans have no history
}

static err_t erase_xattrs(struct tfs *fs, u64 ino, bool *more) {
    struct key from = {ino, 0, 0, TFS_XATTR};
    for (u32 i = 0; i < STEP_XATTRS; i++) {
        struct cursor c;
        TRY(tfs_bt_seek(&fs->live, &from, &c));
        struct key k = {};
        bool have = cursor_valid(&c);
        if (have) {
            k = tfs_bt_key(&c);
            tfs_bt_close(&c);
        }
        if (!have || k.obj != ino || k.type != TFS_XATTR) {
            *more = false;
            return ERR_OK;
        }
        TRY(tfs_rec_del(fs, &k));
    }
    *more = true;
    return ERR_OK;
}

static err_t del_if_there(struct tfs *fs, const struct key *key) {
    err_t err = tfs_rec_del(fs, key);
    return err == ERR_NOENT ? ERR_OK : err;
}

err_t tfs_inode_erase(struct tfs *fs, struct inode *i, bool *more) {
    TRY(tfs_extents_remove(fs, i, 0, NO_DEATH, STEP_RECORDS, more));
    if (!*more) {
        TRY(erase_xattrs(fs, i->ino, more));
    }
    if (*more) {
        return ERR_OK;
    }
    struct key key = live_key(i->ino, TFS_INLINE, 0);
    TRY(del_if_there(fs, &key));
    key = live_key(i->ino, TFS_INODE, 0);
    TRY(del_if_there(fs, &key));
    fs->inodes_used -= fs->inodes_used > 0 ? 1 : 0;
    return ERR_OK;
}

err_t tfs_inode_unlinked(struct tfs *fs, struct inode *i, bool *reclaim) {
    *reclaim = false;
    i->nlink = 0;
    if (!tfs_ref_held(fs, i->ino)) {
        TRY(tfs_inode_erase(fs, i, reclaim));
        if (!*reclaim) {
            return ERR_OK;
        }
    }
    i->ctime_ns = tfs_now(fs);
    TRY(tfs_inode_put(fs, i));
    return tfs_orphan_put(fs, i->ino, 0, true);
}

static err_t orphan_get(struct tfs *fs, u64 ino, struct tfs_orphan_value *v) {
    struct key key = live_key(0, TFS_ORPHAN, ino);
    struct cursor c;
    TRY(tfs_rec_get(fs, &key, &c));
    struct record r = tfs_bt_record(&c);
    bool valid = r.len == sizeof(*v);
    if (valid) {
        memcpy(v, r.value, sizeof(*v));
    }
    tfs_bt_close(&c);
    return valid ? ERR_OK : ERR_TFS_FORMAT;
}

static err_t reclaim_step(struct tfs *fs, u64 ino, bool *more) {
    struct tfs_orphan_value v;
    struct inode i;
    struct key orphan = live_key(0, TFS_ORPHAN, ino);
    *more = false;
    err_t err = orphan_get(fs, ino, &v);
    if (err != ERR_OK) {
        return err == ERR_NOENT ? ERR_OK : err;
    }
    err = tfs_inode_get(fs, TFS_NOW, ino, &i);
    if (err == ERR_OK && v.whole != 0 && i.nlink == 0) {
        err = tfs_inode_erase(fs, &i, more);
        if (err == ERR_OK && *more) {
            err = tfs_inode_put(fs, &i);
        }
    } else if (err == ERR_OK && v.whole == 0) {
        u64 first = (le64_get(v.keep_bytes) + TFS_BLOCK_SIZE - 1) / TFS_BLOCK_SIZE;
        err = tfs_extents_remove(fs, &i, first, NO_DEATH, STEP_RECORDS, more);
        if (err == ERR_OK) {
            err = tfs_inode_put(fs, &i);
        }
    } else if (err == ERR_NOENT) {
        err = ERR_OK;
    }
    TRY(err);
    if (*more) {
        return ERR_OK;
    }
    return tfs_bt_del(&fs->live, &orphan);
}

err_t tfs_reclaim(struct tfs *fs, u64 ino) {
    struct op op = {.privileged = true};
    bool more = true;
    while (more) {
        TRY(tfs_op_begin(fs, &op));
        err_t err = reclaim_step(fs, ino, &more);
        TRY(tfs_op_end(fs, err, KIND_NONE, ino));
    }
    return ERR_OK;
}

err_t tfs_reclaim_all(struct tfs *fs) {
    struct key from = {0, 0, 0, TFS_ORPHAN};
    for (;;) {
        struct cursor c;
        TRY(tfs_bt_seek(&fs->live, &from, &c));
        if (!cursor_valid(&c)) {
            return ERR_OK;
        }
        struct key k = tfs_bt_key(&c);
        tfs_bt_close(&c);
        if (k.obj != 0 || k.type != TFS_ORPHAN) {
            return ERR_OK;
        }
        err_t err = tfs_reclaim(fs, k.off);
        if (err == ERR_NOSPC) {
            return ERR_OK; // the next mount tries again
        }
        TRY(err);
        from.off = k.off + 1;
    }
}

// ---- versions
struct versions {
    tfs_version_fn *emit;
    void *arg;
    bool stop;
};

static err_t versions_in(struct btree *t, u64 ino, struct versions *v) {
    struct key key = {ino, 0, NO_DEATH, TFS_INODE};
    while (!v->stop) {
        struct cursor c;
        TRY(tfs_bt_floor(t, &key, &c));
        if (!cursor_valid(&c)) {
            return ERR_OK;
        }
        struct record r = tfs_bt_record(&c);
        struct inode i;
        bool same = r.key.obj == ino && r.key.type == TFS_INODE;
        err_t err = same ? tfs_inode_decode(&r, &i) : ERR_OK;
        tfs_bt_close(&c);
        TRY(err);
        if (!same || r.key.death == 0) {
            return ERR_OK;
        }
        struct tfs_version version = {.birth_seq = r.birth, .death_seq = r.key.death};
        attr_fill(&i, &version.attr);
        v->stop = !v->emit(v->arg, &version);
        key.death = r.key.death - 1;
    }
    return ERR_OK;
}

err_t tfs_versions_each(struct tfs *fs, u64 ino, tfs_version_fn *emit, void *arg) {
    struct versions v = {emit, arg, false};
    fs->env.lock(fs->env.arg, fs->mutex);
    err_t err = versions_in(&fs->live, ino, &v);
    if (err == ERR_OK) {
        err = versions_in(&fs->memtable, ino, &v);
    }
    for (u32 i = fs->run_count; i-- > 0 && err == ERR_OK;) {
        if (tfs_run_may_have(fs->runs[i], ino, 0)) {
            err = versions_in(&fs->runs[i]->tree, ino, &v);
        }
    }
    fs->env.unlock(fs->env.arg, fs->mutex);
    return err;
}
