// SPDX-License-Identifier: MIT
// The records of one object and type, as they were at one moment, in order.
// The present is the live tree alone. The past is a merge: for a key, the sources in order of time
// (runs, memtable, live tree) hold disjoint, ascending intervals, so the first record that dies
// after the moment decides: if it was born by then it is the value, otherwise the key did not
// exist. Each source stands at its first record with death > at for its present key.
#include "core_impl.h"

struct past {
    u32 count, bytes;
    struct cursor source[]; // by time; the last is the live tree
};

// Skips what died by `at`, and ends the source behind (obj, type).
static err_t source_settle(struct view *v, struct cursor *c) {
    while (cursor_valid(c)) {
        struct key k = tfs_bt_key(c);
        if (k.obj != v->obj || k.type != v->type) {
            tfs_bt_close(c);
            return ERR_OK;
        }
        if (k.death > v->at) {
            return ERR_OK;
        }
        struct btree *t = c->tree;
        tfs_bt_close(c);
        k.death = v->at + 1;
        TRY(tfs_bt_seek(t, &k, c));
    }
    return ERR_OK;
}

static err_t source_open(struct view *v, struct btree *t, const struct key *from) {
    struct cursor *c = &v->past->source[v->past->count++];
    struct key k = *from;
    k.death = 0;
    TRY(tfs_bt_seek(t, &k, c));
    return source_settle(v, c);
}

static err_t past_open(struct view *v, const struct key *from) {
    struct tfs *fs = v->fs;
    u32 count = 2;
    for (u32 i = 0; i < fs->run_count; i++) {
        count += tfs_run_may_have(fs->runs[i], v->obj, v->at) ? 1 : 0;
    }
    u32 bytes = (u32)(sizeof(struct past) + count * sizeof(struct cursor));
    v->past = fs->env.alloc(fs->env.arg, bytes);
    if (v->past == nullptr) {
        return ERR_NOMEM;
    }
    memset(v->past, 0, bytes);
    v->past->bytes = bytes;
    for (u32 i = 0; i < fs->run_count; i++) {
        if (tfs_run_may_have(fs->runs[i], v->obj, v->at)) {
            TRY(source_open(v, &fs->runs[i]->tree, from));
        }
    }
    TRY(source_open(v, &fs->memtable, from));
    return source_open(v, &fs->live, from);
}

err_t tfs_view_open(struct tfs *fs, u64 at, const struct key *from, struct view *v) {
    *v = (struct view){.fs = fs, .at = at, .obj = from->obj, .type = from->type};
    if (at != TFS_NOW) {
        err_t err = past_open(v, from);
        if (err != ERR_OK) {
            tfs_view_close(v);
        }
        return err;
    }
    struct key k = *from;
    k.death = 0;
    return tfs_bt_seek(&fs->live, &k, &v->live);
}

static err_t live_next(struct view *v, struct record *r, bool *have) {
    if (v->started && cursor_valid(&v->live)) {
        TRY(tfs_bt_next(&v->live));
    }
    v->started = true;
    *have = false;
    if (cursor_valid(&v->live)) {
        *r = tfs_bt_record(&v->live);
        *have = r->key.obj == v->obj && r->key.type == v->type;
        if (!*have) {
            tfs_bt_close(&v->live);
        }
    }
    return ERR_OK;
}

static err_t past_skip_last(struct view *v) { // the key given out last is done in every source
    for (u32 i = 0; i < v->past->count; i++) {
        struct cursor *c = &v->past->source[i];
        if (!cursor_valid(c)) {
            continue;
        }
        struct key k = tfs_bt_key(c);
        if (!key_same(&k, &v->last)) {
            continue;
        }
        TRY(tfs_bt_next(c));
        if (cursor_valid(c)) {
            k = tfs_bt_key(c);
            if (key_same(&k, &v->last)) { // more versions of it: past all of them
                struct btree *t = c->tree;
                tfs_bt_close(c);
                k.death = NO_DEATH;
                TRY(tfs_bt_seek(t, &k, c));
                if (cursor_valid(c)) {
                    k = tfs_bt_key(c);
                    if (key_same(&k, &v->last)) {
                        TRY(tfs_bt_next(c));
                    }
                }
            }
        }
        TRY(source_settle(v, c));
    }
    return ERR_OK;
}

static err_t past_next(struct view *v, struct record *r, bool *have) {
    for (;;) {
        if (v->started) {
            TRY(past_skip_last(v));
        }
        struct cursor *best = nullptr;
        struct key best_key = {};
        for (u32 i = 0; i < v->past->count; i++) {
            struct cursor *c = &v->past->source[i];
            if (cursor_valid(c)) {
                struct key k = tfs_bt_key(c);
                if (best == nullptr || key_compare(&k, &best_key) < 0) {
                    best = c;
                    best_key = k;
                }
            }
        }
        *have = best != nullptr;
        if (best == nullptr) {
            return ERR_OK;
        }
        v->started = true;
        v->last = best_key;
        *r = tfs_bt_record(best);
        if (r->birth <= v->at) {
            return ERR_OK;
        }
    }
}

err_t tfs_view_next(struct view *v, struct record *r, bool *have) {
    return v->past != nullptr ? past_next(v, r, have) : live_next(v, r, have);
}

void tfs_view_close(struct view *v) {
    tfs_bt_close(&v->live);
    if (v->past != nullptr) {
        for (u32 i = 0; i < v->past->count; i++) {
            tfs_bt_close(&v->past->source[i]);
        }
        v->fs->env.free(v->fs->env.arg, v->past, v->past->bytes);
        v->past = nullptr;
    }
}

static err_t past_get(struct btree *t, u64 at, const struct key *key, struct cursor *c) {
    struct key k = *key;
    k.death = at + 1;
    TRY(tfs_bt_seek(t, &k, c));
    if (cursor_valid(c)) {
        k = tfs_bt_key(c);
        if (key_same(&k, key)) {
            return ERR_OK;
        }
        tfs_bt_close(c);
    }
    return ERR_OK;
}

err_t tfs_view_get(struct tfs *fs, u64 at, const struct key *key, struct cursor *c) {
    if (at == TFS_NOW) {
        return tfs_rec_get(fs, key, c);
    }
    *c = (struct cursor){};
    for (u32 i = 0; i < fs->run_count && !cursor_valid(c); i++) {
        if (tfs_run_may_have(fs->runs[i], key->obj, at)) {
            TRY(past_get(&fs->runs[i]->tree, at, key, c));
        }
    }
    if (!cursor_valid(c)) {
        TRY(past_get(&fs->memtable, at, key, c));
    }
    if (!cursor_valid(c)) {
        TRY(past_get(&fs->live, at, key, c));
    }
    if (cursor_valid(c) && tfs_bt_record(c).birth > at) {
        tfs_bt_close(c);
    }
    return cursor_valid(c) ? ERR_OK : ERR_NOENT;
}
