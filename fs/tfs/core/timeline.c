// SPDX-License-Identifier: MIT
// The timeline. Entries collect in a pack in memory; each commit stores the unfinished pack as one
// record of the memtable (replacing its earlier form), and a full pack starts a new one. Packs move
// into runs with the rest. So an entry costs some 10 bytes and the live tree holds none.
//
// Times: the answer for T is the last entry whose wall clock is <= T. The set of such entries only
// grows with T, so the answer is monotone whatever the clock did.
#include "core_impl.h"

// ---- numbers of variable length (LEB128), differences zigzag-coded
static u32 put_number(u8 *to, u64 n) {
    u32 len = 0;
    while (n >= 0x80) {
        to[len++] = (u8)(n | 0x80);
        n >>= 7;
    }
    to[len++] = (u8)n;
    return len;
}

static bool get_number(const u8 **at, const u8 *end, u64 *out) {
    u64 n = 0;
    for (u32 shift = 0; shift < 64 && *at < end; shift += 7) {
        u8 b = *(*at)++;
        n |= (u64)(b & 0x7f) << shift;
        if (b < 0x80) {
            *out = n;
            return true;
        }
    }
    return false;
}

static u64 zigzag(u64 now, u64 before) {
    u64 d = now - before;
    return (d << 1) ^ (u64)((i64)d >> 63);
}

static u64 unzigzag(u64 z, u64 before) { return before + ((z >> 1) ^ (0 - (z & 1))); }

static u32 pack_encode(const struct tfs_moment *m, u32 count, u8 *to) {
    struct le16 head = le16_of((u16)count);
    memcpy(to, &head, sizeof(head));
    u32 len = sizeof(head);
    struct tfs_moment last = {};
    for (u32 i = 0; i < count; i++) {
        u64 wall = zigzag(m[i].wall_ns, last.wall_ns);
        len += put_number(to + len, m[i].seq - last.seq);
        len += put_number(to + len, wall);
        len += put_number(to + len, zigzag(m[i].mono_ns, last.mono_ns));
        len += put_number(to + len, zigzag(m[i].ino, last.ino));
        to[len++] = m[i].kind;
        last = m[i];
    }
    return len;
}

err_t tfs_pack_decode(const struct record *r, struct tfs_moment *out, u32 *count) {
    const u8 *at = r->value + 2, *end = r->value + r->len;
    struct le16 head;
    if (r->len < sizeof(head)) {
        return ERR_TFS_FORMAT;
    }
    memcpy(&head, r->value, sizeof(head));
    u32 n = le16_get(head);
    if (n == 0 || n > PACK_ENTRIES) {
        return ERR_TFS_FORMAT;
    }
    struct tfs_moment last = {};
    for (u32 i = 0; i < n; i++) {
        u64 v[4];
        for (u32 k = 0; k < 4; k++) {
            if (!get_number(&at, end, &v[k])) {
                return ERR_TFS_FORMAT;
            }
        }
        if (at == end || v[0] == 0 || v[0] > NO_DEATH / 2 || last.seq + v[0] > NO_DEATH / 2) {
            return ERR_TFS_FORMAT;
        }
        out[i] = (struct tfs_moment){last.seq + v[0], unzigzag(v[1], last.wall_ns),
                                     unzigzag(v[2], last.mono_ns), unzigzag(v[3], last.ino),
                                     (enum tfs_kind) * at++};
        last = out[i];
    }
    if (out[0].seq != r->key.off) {
        return ERR_TFS_FORMAT;
    }
    *count = n;
    return ERR_OK;
}

// ---- writing
err_t tfs_pack_save(struct tfs *fs) {
    if (!fs->pack_dirty) {
        return ERR_OK;
    }
    u64 first = fs->pack[0].seq;
    struct record r = {.key = {0, first, first, TFS_TIMELINE}, .birth = first};
    r.len = pack_encode(fs->pack, fs->pack_count, fs->old_value);
    r.value = fs->old_value;
    TRY(tfs_bt_put(&fs->memtable, &r));
    fs->pack_dirty = false;
    return ERR_OK;
}

err_t tfs_entry_add(struct tfs *fs, enum tfs_kind kind, u64 ino) {
    if (fs->pack_count == PACK_ENTRIES) {
        err_t err = tfs_pack_save(fs);
        if (err != ERR_OK) {
            fs->failed = err;
            return err;
        }
        fs->pack_count = 0;
    }
    fs->pack[fs->pack_count++] = (struct tfs_moment){fs->seq, fs->env.now_wall_ns(fs->env.arg),
                                                     fs->env.now_mono_ns(fs->env.arg), ino, kind};
    fs->pack_dirty = true;
    fs->last_entry_seq = fs->seq;
    return ERR_OK;
}

// ---- reading, newest first
struct scan {
    u64 newest;      // entries with seq <= newest
    u64 wall_wanted; // sources without an entry that old may be left out
    tfs_moment_fn *emit;
    void *arg;
    bool stop;
};

static void scan_entries(struct scan *s, const struct tfs_moment *m, u32 count) {
    for (u32 i = count; i-- > 0 && !s->stop;) {
        if (m[i].seq <= s->newest) {
            s->stop = !s->emit(s->arg, &m[i]);
        }
    }
}

static err_t scan_tree(struct btree *t, struct scan *s, u64 upper) {
    struct key key = {0, upper, NO_DEATH, TFS_TIMELINE};
    while (!s->stop) {
        struct cursor c;
        u32 count = 0;
        TRY(tfs_bt_floor(t, &key, &c));
        if (!cursor_valid(&c)) {
            return ERR_OK;
        }
        struct record r = tfs_bt_record(&c);
        if (r.key.obj != 0 || r.key.type != TFS_TIMELINE) {
            tfs_bt_close(&c);
            return ERR_OK;
        }
        key.off = r.key.off - 1;
        err_t err = tfs_pack_decode(&r, t->fs->decoded, &count);
        tfs_bt_close(&c);
        TRY(err);
        scan_entries(s, t->fs->decoded, count);
        if (key.off == NO_DEATH) {
            return ERR_OK;
        }
    }
    return ERR_OK;
}

static err_t scan(struct tfs *fs, struct scan *s) {
    u64 upper = s->newest;
    scan_entries(s, fs->pack, fs->pack_count);
    if (fs->pack_count > 0) { // the memtable may hold an earlier form of this pack
        upper = MIN(upper, fs->pack[0].seq - 1);
    }
    if (!s->stop) {
        TRY(scan_tree(&fs->memtable, s, upper));
    }
    for (u32 i = fs->run_count; i-- > 0 && !s->stop;) {
        struct run *run = fs->runs[i];
        if (run->first_entry_seq <= upper && run->min_wall_ns <= s->wall_wanted) {
            TRY(scan_tree(&run->tree, s, upper));
        }
    }
    return ERR_OK;
}

struct want_moment {
    u64 wall_ns;
    struct tfs_moment found;
    bool have;
};

static bool match_moment(void *arg, const struct tfs_moment *m) {
    struct want_moment *w = arg;
    if (m->wall_ns > w->wall_ns) {
        return true;
    }
    w->found = *m;
    w->have = true;
    return false;
}

static err_t find_moment(struct tfs *fs, u64 newest, u64 wall_ns, struct tfs_moment *out) {
    struct want_moment w = {.wall_ns = wall_ns};
    struct scan s = {newest, wall_ns, match_moment, &w, false};
    fs->env.lock(fs->env.arg, fs->mutex);
    err_t err = scan(fs, &s);
    fs->env.unlock(fs->env.arg, fs->mutex);
    TRY(err);
    if (!w.have) {
        return ERR_HISTORY_NOT_KEPT;
    }
    *out = w.found;
    return ERR_OK;
}

err_t tfs_seq_of_time(struct tfs *fs, u64 wall_ns, u64 *seq) {
    struct tfs_moment m;
    TRY(find_moment(fs, NO_DEATH, wall_ns, &m));
    *seq = m.seq;
    return ERR_OK;
}

err_t tfs_seq_snap(struct tfs *fs, u64 seq, struct tfs_moment *moment) {
    return find_moment(fs, seq, NO_DEATH, moment);
}

err_t tfs_time_of_seq(struct tfs *fs, u64 seq, u64 *wall_ns) {
    struct tfs_moment m;
    TRY(tfs_seq_snap(fs, seq, &m));
    *wall_ns = m.wall_ns;
    return ERR_OK;
}

err_t tfs_timeline_each(struct tfs *fs, u64 newest, tfs_moment_fn *emit, void *arg) {
    struct scan s = {newest, NO_DEATH, emit, arg, false};
    fs->env.lock(fs->env.arg, fs->mutex);
    err_t err = scan(fs, &s);
    fs->env.unlock(fs->env.arg, fs->mutex);
    return err;
}

u64 tfs_current_seq(struct tfs *fs) {
    fs->env.lock(fs->env.arg, fs->mutex);
    u64 seq = fs->seq;
    fs->env.unlock(fs->env.arg, fs->mutex);
    return seq;
}
