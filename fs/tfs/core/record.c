// SPDX-License-Identifier: MIT
// Live records and their history. The rule that makes the past exact: a live record may be changed
// without a trace only if it was born after the last timeline entry, because then no moment anyone
// can ask for ever showed it. Otherwise the old value goes to the memtable as [birth, death) with
// death = the running operation.
#include "core_impl.h"

err_t tfs_rec_get(struct tfs *fs, const struct key *key, struct cursor *c) {
    TRY(tfs_bt_seek(&fs->live, key, c));
    if (cursor_valid(c)) {
        struct key k = tfs_bt_key(c);
        if (key_compare(&k, key) == 0) {
            return ERR_OK;
        }
        tfs_bt_close(c);
    }
    return ERR_NOENT;
}

err_t tfs_rec_bury(struct tfs *fs, const struct record *r) {
    struct record dead = *r;
    dead.key.death = fs->seq;
    TRY(tfs_bt_put(&fs->memtable, &dead));
    fs->memtable_records++;
    fs->memtable_min_birth = MIN(fs->memtable_min_birth, dead.birth);
    return ERR_OK;
}

// Buries the live record at key if it must be kept. ERR_NOENT: there is none.
static err_t retire(struct tfs *fs, const struct key *key) {
    struct cursor c;
    TRY(tfs_rec_get(fs, key, &c));
    struct record r = tfs_bt_record(&c);
    bool kept = rec_kept(fs, r.birth);
    if (kept) {
        memcpy(fs->old_value, r.value, r.len);
        r.value = fs->old_value;
    }
    tfs_bt_close(&c);
    return kept ? tfs_rec_bury(fs, &r) : ERR_OK;
}

err_t tfs_rec_put(struct tfs *fs, const struct key *key, const void *value, u32 len) {
    err_t err = retire(fs, key);
    if (err != ERR_OK && err != ERR_NOENT) {
        return err;
    }
    struct record r = {*key, fs->seq, value, len};
    return tfs_bt_put(&fs->live, &r);
}

err_t tfs_rec_del(struct tfs *fs, const struct key *key) {
    TRY(retire(fs, key));
    return tfs_bt_del(&fs->live, key);
}
