// SPDX-License-Identifier: MIT
// The model test with time: random operations on tfs and on the model of model_impl.h, compared all
// the time, at the present and at random past moments; with remounts, power loss at any write, full
// disks and failing allocations. TFS_OPS: operations in all (default 120000). TFS_SEED: the seed of
// round 0 (printed when a round fails).
#include "model_impl.h"
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
// cmocka needs the headers above first
#include <cmocka.h>

struct round {
    u64 seed, bytes, ops;
    u32 memtable_nodes;
    bool crashes, allocs_fail;
};

static u64 rnd(struct model *m, u64 n) { return sim_below(m->sim, n); }

static i32 pick(struct model *m, u32 type) { // a slot with an inode of the type (0: any), -1: none
    u32 start = (u32)rnd(m, M_SLOTS);
    for (u32 i = 0; i < M_SLOTS; i++) {
        u32 slot = (start + i) % M_SLOTS;
        struct m_inode *in = &m->in[slot];
        if (in->used && in->a.nlink > 0 && (type == 0 || m_is(in, type))) {
            return (i32)slot;
        }
    }
    return -1;
}

static i32 free_slot(struct model *m) {
    for (u32 i = 0; i < M_SLOTS; i++) {
        if (!m->in[i].used) {
            return (i32)i;
        }
    }
    return -1;
}

static bool m_empty(const struct m_inode *in) {
    for (u32 i = 0; i < M_NAMES; i++) {
        if (in->child[i] != 0) {
            return false;
        }
    }
    return true;
}

static void touch(struct model *m, struct m_inode *in, bool mtime) {
    in->a.ctime_ns = m->sim->wall_ns;
    if (mtime) {
        in->a.mtime_ns = m->sim->wall_ns;
    }
    in->dirty = true;
}

static void drop(struct model *m, u32 slot) { // one name less
    struct m_inode *in = &m->in[slot];
    in->a.nlink = m_is(in, 0040000) ? 0 : in->a.nlink - 1;
    touch(m, in, false);
    if (in->a.nlink == 0 && in->refs == 0) {
        free(in->data);
        *in = (struct m_inode){};
    }
}

// ---- operations: each asks tfs, then does the same to the model. `want` is what must come back;
// running out of space or memory is always allowed and must change nothing.
static u64 refusals;

static bool settle(err_t got, err_t want, const char *what) {
    if (got == ERR_NOSPC && getenv("TFS_VERBOSE") != nullptr) {
        fprintf(stderr, "%s: no space\n", what);
    }
    refusals += got == ERR_NOSPC || got == ERR_NOMEM ? 1 : 0;
    if (got == ERR_NOSPC || got == ERR_NOMEM || got == ERR_ROFS || got == ERR_IO) {
        return false;
    }
    if (got != want) {
        M_FAIL("%s: got %d, wanted %d", what, got, want);
    }
    return got == ERR_OK;
}

static void op_create(struct model *m) {
    static const u32 types[] = {0100000, 0100000, 0100000, 0040000,
                                0040000, 0010000, 0020000, 0120000};
    i32 d = pick(m, 0040000), slot = free_slot(m);
    u32 n = (u32)rnd(m, M_NAMES), type = types[rnd(m, 8)];
    if (slot < 0) {
        return;
    }
    struct m_inode *dir = &m->in[d];
    struct tfs_create how = {type | (u32)rnd(m, 01000), (u32)rnd(m, 5), (u32)rnd(m, 5), 0};
    how.rdev = type == 0020000 ? 0x501 : 0;
    err_t want = dir->child[n] != 0 ? ERR_EXIST : ERR_OK;
    u64 ino = 0;
    err_t got;
    u32 len = (u32)(1 + rnd(m, rnd(m, 10) == 0 ? 4000 : 60));
    if (type == 0120000) {
        memset(m->buf, 'a' + (int)rnd(m, 26), len);
        got = tfs_symlink(m->fs, dir->a.ino, m_name(n), (struct tfs_name){(char *)m->buf, len},
                          &how, &ino);
    } else {
        got = tfs_create(m->fs, dir->a.ino, m_name(n), &how, &ino);
    }
    if (!settle(got, want, "create")) {
        return;
    }
    struct m_inode *in = &m->in[slot];
    bool is_dir = type == 0040000;
    *in = (struct m_inode){.used = true,
                           .a = {.ino = ino,
                                 .mode = how.mode,
                                 .nlink = is_dir ? 2 : 1,
                                 .uid = how.uid,
                                 .gid = how.gid,
                                 .rdev = how.rdev,
                                 .parent = is_dir ? dir->a.ino : 0,
                                 .atime_ns = m->sim->wall_ns}};
    if (type == 0120000) {
        in->data = malloc(len);
        memcpy(in->data, m->buf, len);
        in->a.size = len;
    }
    touch(m, in, true);
    dir->child[n] = (u8)(slot + 1);
    dir->a.size++;
    dir->a.nlink += is_dir ? 1 : 0;
    touch(m, dir, true);
}

static void op_unlink(struct model *m) {
    i32 d = pick(m, 0040000);
    u32 n = (u32)rnd(m, M_NAMES);
    struct m_inode *dir = &m->in[d];
    bool rmdir = rnd(m, 3) == 0;
    u32 target = dir->child[n];
    struct m_inode *in = target == 0 ? nullptr : &m->in[target - 1];
    bool is_dir = in != nullptr && m_is(in, 0040000);
    err_t want = in == nullptr            ? ERR_NOENT
                 : rmdir && !is_dir       ? ERR_NOTDIR
                 : !rmdir && is_dir       ? ERR_ISDIR
                 : is_dir && !m_empty(in) ? ERR_NOTEMPTY
                                          : ERR_OK;
    err_t got =
        rmdir ? tfs_rmdir(m->fs, dir->a.ino, m_name(n)) : tfs_unlink(m->fs, dir->a.ino, m_name(n));
    if (settle(got, want, "unlink")) {
        dir->child[n] = 0;
        dir->a.size--;
        dir->a.nlink -= is_dir ? 1 : 0;
        touch(m, dir, true);
        drop(m, target - 1);
    }
}

static void op_link(struct model *m) {
    i32 d = pick(m, 0040000), s = pick(m, 0);
    u32 n = (u32)rnd(m, M_NAMES);
    struct m_inode *dir = &m->in[d], *in = &m->in[s];
    if (rnd(m, 4) == 0) { // an unnamed or unlinked file that is open gets a name
        for (u32 i = 0; i < M_SLOTS; i++) {
            if (m->in[i].used && m->in[i].a.nlink == 0 && m_is(&m->in[i], 0100000)) {
                s = (i32)i;
                in = &m->in[i];
            }
        }
    }
    err_t want = m_is(in, 0040000) ? ERR_PERM : dir->child[n] != 0 ? ERR_EXIST : ERR_OK;
    if (settle(tfs_link(m->fs, dir->a.ino, m_name(n), in->a.ino), want, "link")) {
        in->a.nlink++;
        touch(m, in, false);
        dir->child[n] = (u8)(s + 1);
        dir->a.size++;
        touch(m, dir, true);
    }
}

static bool below(struct model *m, u64 moved, u64 dir) {
    for (;;) {
        if (dir == moved) {
            return true;
        }
        if (dir == TFS_ROOT_INO) {
            return false;
        }
        for (u32 i = 0; i < M_SLOTS; i++) {
            if (m->in[i].used && m->in[i].a.ino == dir) {
                dir = m->in[i].a.parent;
                break;
            }
        }
    }
}

static err_t rename_want(struct model *m, struct tfs_rename *r, struct m_inode *i,
                         struct m_inode *o) {
    bool exchange = (r->flags & TFS_RENAME_EXCHANGE) != 0;
    if (i == nullptr || (exchange && o == nullptr)) {
        return ERR_NOENT;
    }
    if ((r->flags & TFS_RENAME_NOREPLACE) != 0 && o != nullptr) {
        return ERR_EXIST;
    }
    bool dir = m_is(i, 0040000);
    if (dir && below(m, i->a.ino, r->to_dir)) {
        return ERR_INVAL;
    }
    if (exchange) {
        return m_is(o, 0040000) && below(m, o->a.ino, r->from_dir) ? ERR_INVAL : ERR_OK;
    }
    if (o == nullptr || o == i) {
        return ERR_OK;
    }
    bool odir = m_is(o, 0040000);
    return dir && !odir          ? ERR_NOTDIR
           : !dir && odir        ? ERR_ISDIR
           : odir && !m_empty(o) ? ERR_NOTEMPTY
                                 : ERR_OK;
}

static void reparent(struct m_inode *in, struct m_inode *from, struct m_inode *to) {
    if (m_is(in, 0040000) && from != to) {
        from->a.nlink--;
        to->a.nlink++;
        in->a.parent = to->a.ino;
    }
}

static void op_rename(struct model *m) {
    struct m_inode *from = &m->in[pick(m, 0040000)], *to = &m->in[pick(m, 0040000)];
    u32 a = (u32)rnd(m, M_NAMES), b = (u32)rnd(m, M_NAMES);
    for (u32 i = 0; i < 6 && from->child[a] == 0; i++) {
        a = (u32)rnd(m, M_NAMES);
    }
    u32 ca = from->child[a], cb = to->child[b];
    struct m_inode *in = ca == 0 ? nullptr : &m->in[ca - 1],
                   *old = cb == 0 ? nullptr : &m->in[cb - 1];
    u64 f = rnd(m, 4);
    struct tfs_rename r = {from->a.ino, m_name(a), to->a.ino, m_name(b),
                           f == 0   ? TFS_RENAME_EXCHANGE
                           : f == 1 ? TFS_RENAME_NOREPLACE
                                    : 0};
    err_t want = rename_want(m, &r, in, old);
    if (!settle(tfs_rename(m->fs, &r), want, "rename") || in == old) {
        return;
    }
    if (r.flags == TFS_RENAME_EXCHANGE) {
        reparent(old, to, from);
        reparent(in, from, to);
        from->child[a] = (u8)cb;
        to->child[b] = (u8)ca;
        touch(m, old, false);
    } else {
        if (old != nullptr && m_is(old, 0040000)) {
            to->a.nlink--;
        }
        reparent(in, from, to);
        from->child[a] = 0;
        to->child[b] = (u8)ca;
        from->a.size--;
        to->a.size += old == nullptr ? 1 : 0;
        if (old != nullptr) {
            drop(m, cb - 1);
        }
    }
    touch(m, in, false);
    touch(m, from, true);
    touch(m, to, true);
}

static void resize(struct m_inode *in, u64 size) {
    in->data = realloc(in->data, size == 0 ? 1 : size);
    if (size > in->a.size) {
        memset(in->data + in->a.size, 0, size - in->a.size);
    }
    in->a.size = size;
}

static u32 some_size(struct model *m, u32 max) {
    u64 kind = rnd(m, 4);
    return (u32)rnd(m, kind == 0 ? max : kind == 1 ? MIN(max, 9000u) : kind == 2 ? 2100 : 200);
}

static void op_write(struct model *m) {
    i32 s = pick(m, 0100000);
    if (s < 0) {
        return;
    }
    struct m_inode *in = &m->in[s];
    u64 off = rnd(m, 3) == 0 ? in->a.size : some_size(m, M_FILE_MAX - 1);
    u32 len = 1 + some_size(m, M_FILE_MAX / 2);
    if (rnd(m, 4) == 0) {
        off = ALIGN_DOWN(off, 4096ull);
        len = (u32)ALIGN_UP(len, 4096u);
    }
    if (off >= M_FILE_MAX) {
        return;
    }
    len = MIN(len, M_FILE_MAX - (u32)off);
    u64 pattern = sim_random(m->sim);
    for (u32 i = 0; i < len; i++) {
        m->buf[i] = (u8)(pattern >> (i % 8 * 8)) + (u8)(i / 8);
    }
    size_t put = 0;
    err_t got = tfs_write(m->fs, in->a.ino, (struct tfs_span){off, len}, m->buf, &put);
    if (settle(got, ERR_OK, "write")) {
        if (off + len > in->a.size) {
            resize(in, off + len);
        }
        memcpy(in->data + off, m->buf, len);
        touch(m, in, true);
    }
}

static void op_truncate(struct model *m) {
    i32 s = pick(m, 0100000);
    if (s < 0) {
        return;
    }
    struct m_inode *in = &m->in[s];
    u64 size = rnd(m, 4) == 0 ? 0 : some_size(m, M_FILE_MAX);
    if (settle(tfs_truncate(m->fs, in->a.ino, size), ERR_OK, "truncate")) {
        resize(in, size);
        touch(m, in, true);
    }
}

static void op_falloc(struct model *m) {
    i32 s = pick(m, 0100000);
    if (s < 0) {
        return;
    }
    struct m_inode *in = &m->in[s];
    u64 off = some_size(m, M_FILE_MAX - 1), len = 1 + some_size(m, M_FILE_MAX / 2);
    len = MIN(len, M_FILE_MAX - off);
    bool punch = rnd(m, 2) == 0;
    u32 flags = punch ? TFS_FALLOC_PUNCH_HOLE | TFS_FALLOC_KEEP_SIZE : 0;
    if (!settle(tfs_fallocate(m->fs, in->a.ino, flags, off, len), ERR_OK, "fallocate")) {
        return;
    }
    if (punch && off < in->a.size) {
        memset(in->data + off, 0, MIN(len, in->a.size - off));
        touch(m, in, true);
    } else if (!punch && off + len > in->a.size) {
        resize(in, off + len);
        touch(m, in, true);
    }
}

static void op_setattr(struct model *m) {
    struct m_inode *in = &m->in[pick(m, 0)];
    struct tfs_setattr set = {.mask = (u32)rnd(m, 64) & ~TFS_SET_SIZE,
                              .mode = (u32)rnd(m, 010000),
                              .uid = (u32)rnd(m, 9),
                              .gid = (u32)rnd(m, 9),
                              .atime_ns = rnd(m, 1000),
                              .mtime_ns = rnd(m, 1000)};
    if (settle(tfs_setattr(m->fs, in->a.ino, &set), ERR_OK, "setattr")) {
        touch(m, in, false);
        in->a.mode =
            (set.mask & TFS_SET_MODE) != 0 ? (in->a.mode & 0170000) | set.mode : in->a.mode;
        in->a.uid = (set.mask & TFS_SET_UID) != 0 ? set.uid : in->a.uid;
        in->a.gid = (set.mask & TFS_SET_GID) != 0 ? set.gid : in->a.gid;
        in->a.atime_ns = (set.mask & TFS_SET_ATIME) != 0 ? set.atime_ns : in->a.atime_ns;
        in->a.mtime_ns = (set.mask & TFS_SET_MTIME) != 0 ? set.mtime_ns : in->a.mtime_ns;
    }
}

static void op_xattr(struct model *m) {
    struct m_inode *in = &m->in[pick(m, 0)];
    u32 x = (u32)rnd(m, M_XATTRS);
    if (rnd(m, 3) == 0) {
        err_t want = in->xattr[x] == 0 ? ERR_NODATA : ERR_OK;
        if (settle(tfs_xattr_remove(m->fs, in->a.ino, m_xname(x)), want, "xattr_remove")) {
            in->xattr[x] = 0;
            touch(m, in, false);
        }
        return;
    }
    u32 flags = (u32)rnd(m, 3), len = MIN(some_size(m, M_XVALUE_MAX), M_XVALUE_MAX);
    memset(m->buf, (int)rnd(m, 256), len);
    err_t want = flags == TFS_XATTR_CREATE && in->xattr[x] != 0    ? ERR_EXIST
                 : flags == TFS_XATTR_REPLACE && in->xattr[x] == 0 ? ERR_NODATA
                                                                   : ERR_OK;
    err_t got = tfs_xattr_set(m->fs, in->a.ino, m_xname(x), (struct tfs_bytes){m->buf, len}, flags);
    if (settle(got, want, "xattr_set")) {
        in->xattr[x] = m_hash(m->buf, len);
        touch(m, in, false);
    }
}

static void op_open(struct model *m) {
    if (rnd(m, 2) == 0) {
        struct m_inode *in = &m->in[pick(m, 0)];
        in->refs += settle(tfs_open(m->fs, in->a.ino), ERR_OK, "open") ? 1 : 0;
        return;
    }
    for (u32 i = 0, start = (u32)rnd(m, M_SLOTS); i < M_SLOTS; i++) {
        struct m_inode *in = &m->in[(start + i) % M_SLOTS];
        if (in->used && in->refs > 0) {
            in->refs--;
            settle(tfs_release(m->fs, in->a.ino), ERR_OK, "release");
            if (in->refs == 0 && in->a.nlink == 0) {
                free(in->data);
                *in = (struct m_inode){};
            }
            return;
        }
    }
}

static void op_unnamed(struct model *m) {
    i32 slot = free_slot(m);
    struct tfs_create how = {0100600, 1, 2, 0};
    u64 ino;
    if (slot < 0 || !settle(tfs_create_unnamed(m->fs, &how, &ino), ERR_OK, "create_unnamed")) {
        return;
    }
    m->in[slot] = (struct m_inode){.used = true,
                                   .refs = 1,
                                   .a = {.ino = ino,
                                         .mode = how.mode,
                                         .uid = how.uid,
                                         .gid = how.gid,
                                         .atime_ns = m->sim->wall_ns}};
    touch(m, &m->in[slot], true);
}

static void op_commit(struct model *m) {
    if (rnd(m, 2) == 0) {
        settle(tfs_boundary(m->fs, TFS_ROOT_INO, TFS_KIND_CLOSE), ERR_OK, "boundary");
    } else if (settle(tfs_commit(m->fs), ERR_OK, "commit")) {
        m->durable_seq = tfs_current_seq(m->fs);
    }
}

static void one_op(struct model *m) {
    static void (*const ops[])(struct model *) = {
        op_create,  op_create, op_create, op_unlink, op_unlink,  op_link,     op_rename,
        op_rename,  op_write,  op_write,  op_write,  op_write,   op_truncate, op_falloc,
        op_setattr, op_xattr,  op_xattr,  op_open,   op_unnamed, op_commit,   op_commit,
    };
    m->sim->wall_ns +=
        rnd(m, 50) == 0 ? 0 - (u64)(3 * NS_PER_SEC) : rnd(m, 5) * NS_PER_MS; // the clock may jump
    m->sim->mono_ns += NS_PER_MS;
    u32 which = (u32)rnd(m, countof(ops));
    if (ops[which] == op_unnamed && rnd(m, 4) != 0) {
        which = 0;
    }
    ops[which](m);
    m->ops++;
}

// ---- after each operation
static void note_moment(struct model *m) {
    u64 seq = tfs_current_seq(m->fs);
    struct tfs_moment last;
    bool have = tfs_seq_snap(m->fs, TFS_NOW, &last) == ERR_OK;
    if (have && last.seq > m->last_entry) {
        m->last_entry = last.seq;
        if (last.seq != seq) { // the entry came before something invisible (a removal behind it)
            m_record(m, last.seq, true);
        }
    }
    m_record(m, seq, have && last.seq == seq);
}

static void compare_at(struct model *m, u64 at, const struct m_moment *mo, const char *when) {
    u64 where = 0;
    const char *why = m_compare(m, at, mo, &where);
    if (why != nullptr) {
        M_FAIL("%s: op %" PRIu64 ", state #%" PRIu64 " of #%" PRIu64 ", inode %" PRIu64 ": %s",
               when, m->ops, mo->seq, tfs_current_seq(m->fs), where, why);
    }
}

static void compare_past(struct model *m) {
    for (u32 tries = 0; tries < 20; tries++) {
        struct m_moment *mo = &m->moments[rnd(m, m->moment_count)];
        if (mo->entry) {
            struct tfs_moment snap;
            if (tfs_seq_snap(m->fs, mo->seq, &snap) != ERR_OK || snap.seq != mo->seq) {
                M_FAIL("op %" PRIu64 ": entry #%" PRIu64 " is not on the timeline", m->ops,
                       mo->seq);
            }
            compare_at(m, mo->seq, mo, "past");
            m->compared_past++;
            return;
        }
    }
}

// ---- mounting again
static void mount_again(struct model *m, const struct round *r) {
    struct tfs_env env = sim_env(m->sim);
    struct tfs_mount_opts opts = {.cache_bytes = MIB(1), .memtable_nodes = r->memtable_nodes};
    m->sim->allocs_left = ~(u64)0;
    err_t err = tfs_mount(&env, &opts, &m->fs);
    if (err != ERR_OK) {
        M_FAIL("op %" PRIu64 ": mount: %d", m->ops, err);
    }
    for (u32 i = 0; i < M_SLOTS; i++) { // nothing is open any more
        struct m_inode *in = &m->in[i];
        in->refs = 0;
        if (in->used && in->a.nlink == 0) {
            free(in->data);
            *in = (struct m_inode){};
        }
    }
}

// The model becomes what it was at `mo`, with contents from the file system, which were compared by
// hash.
static void model_restore(struct model *m, const struct m_moment *mo) {
    for (u32 i = 0; i < M_SLOTS; i++) {
        free(m->in[i].data);
        m->in[i] = (struct m_inode){};
        const struct m_state *s = mo->state[i];
        if (s == nullptr || s->a.nlink == 0) {
            continue;
        }
        struct m_inode *in = &m->in[i];
        *in = (struct m_inode){.used = true, .a = s->a, .state = s};
        memcpy(in->xattr, s->xattr, sizeof(in->xattr));
        if (m_is(in, 0100000) || m_is(in, 0120000)) {
            size_t got;
            in->data = malloc(s->a.size + 1);
            settle(
                tfs_read(m->fs, TFS_NOW, s->a.ino, (struct tfs_span){0, s->a.size}, in->data, &got),
                ERR_OK, "read");
        }
        for (u32 n = 0; n < M_NAMES; n++) {
            for (u32 k = 0; k < M_SLOTS && s->child[n] != 0; k++) {
                if (mo->state[k] != nullptr && mo->state[k]->a.ino == s->child[n]) {
                    in->child[n] = (u8)(k + 1);
                }
            }
        }
    }
}

static void recover(struct model *m, const struct round *r, u64 disk_seq) {
    u64 where;
    // Before the mount (which may remove orphans) the disk stood at disk_seq: that is the prefix
    // that survived.
    if (disk_seq < m->durable_seq) {
        M_FAIL("op %" PRIu64 ": #%" PRIu64 " after a commit of #%" PRIu64, m->ops, disk_seq,
               m->durable_seq);
    }
    size_t at = m->moment_count;
    while (at > 0 && m->moments[at - 1].seq > disk_seq) {
        at--;
    }
    // Inside of an operation of several steps the state is already the one after it.
    const char *why = at > 0 ? m_compare(m, TFS_NOW, &m->moments[at - 1], &where) : "nothing";
    if (why != nullptr && at < m->moment_count) {
        why = m_compare(m, TFS_NOW, &m->moments[at++], &where);
    }
    if (why != nullptr) {
        M_FAIL("op %" PRIu64 ": after a crash at #%" PRIu64 " inode %" PRIu64 ": %s", m->ops,
               disk_seq, where, why);
    }
    struct m_moment keep = m->moments[at - 1];
    model_restore(m, &keep);
    while (m->moment_count > 0 && m->moments[m->moment_count - 1].seq > disk_seq) {
        m->moment_count--;
    }
    struct tfs_moment last;
    m->last_entry = tfs_seq_snap(m->fs, TFS_NOW, &last) == ERR_OK ? last.seq : 0;
    m->durable_seq = disk_seq;
    note_moment(m);
    unused_arg(r);
}

static u64 disk_seq(struct sim *s) { // of the newest superblock
    struct tfs_env env = sim_env(s);
    struct tfs_mount_opts opts = {.read_only = true};
    struct tfs *fs;
    err_t err = tfs_mount(&env, &opts, &fs);
    if (err != ERR_OK) {
        M_FAIL("read-only mount: %d", err);
    }
    u64 seq = tfs_current_seq(fs);
    err = tfs_unmount(fs);
    unused_arg(err);
    return seq;
}

static void check_clean(struct model *m, u32 flags) {
    u64 problems = sim_check(m->sim, flags);
    if (problems != 0) {
        M_FAIL("op %" PRIu64 ": check finds %" PRIu64 " problems", m->ops, problems);
    }
}

static void crash(struct model *m, const struct round *r) {
    m->sim->allocs_left = ~(u64)0;
    m->sim->writes_left = 0; // unmounting must not write
    if (m->fs != nullptr) {
        err_t err = tfs_unmount(m->fs);
        unused_arg(err);
    }
    sim_crash(m->sim);
    m->crashes++;
    check_clean(m, 0);
    u64 seq = disk_seq(m->sim);
    mount_again(m, r);
    recover(m, r, seq);
}

static bool stopped(struct model *m) { // by a failed write or allocation
    return m->sim->off || tfs_boundary(m->fs, TFS_ROOT_INO, TFS_KIND_CLOSE) == ERR_ROFS;
}

static void round_step(struct model *m, const struct round *r) {
    if (r->crashes && m->sim->writes_left == ~(u64)0 && rnd(m, 100) == 0) {
        m->sim->writes_left = rnd(m, 400);
    }
    if (r->allocs_fail && rnd(m, 20) == 0) {
        m->sim->allocs_left = rnd(m, 6);
    }
    one_op(m);
    m->sim->allocs_left = ~(u64)0;
    if (stopped(m)) {
        crash(m, r);
        return;
    }
    note_moment(m);
    u64 dice = rnd(m, 200);
    if (dice < 8) {
        compare_past(m);
    } else if (dice < 11) {
        compare_at(m, TFS_NOW, &m->moments[m->moment_count - 1], "live");
    } else if (dice == 11 || (r->allocs_fail && dice < 20)) {
        err_t err = tfs_unmount(m->fs);
        m->fs = nullptr;
        if (err != ERR_OK) {
            crash(m, r);
            return;
        }
        if (rnd(m, 4) == 0) {
            check_clean(m, 0);
        }
        mount_again(m, r);
        note_moment(m);
        m->durable_seq = disk_seq(m->sim);
        m->sim->writes_left = ~(u64)0;
    }
}

static u64 run_round(const struct round *r) {
    struct sim sim;
    struct model *m = calloc(1, sizeof(*m));
    refusals = 0;
    sim_init(&sim, r->bytes, r->seed);
    sim.write_through = !r->crashes && !r->allocs_fail;
    m->sim = &sim;
    m->buf = malloc(M_FILE_MAX + 4096);
    struct tfs_env env = sim_env(&sim);
    struct tfs_format_opts format = {.root_mode = 0755};
    assert_int_equal(tfs_format(&env, &format), ERR_OK);
    u64 born = sim.wall_ns;
    mount_again(m, r);
    m->in[0] = (struct m_inode){.used = true,
                                .dirty = true,
                                .refs = 1,
                                .a = {.ino = TFS_ROOT_INO,
                                      .mode = 0040755,
                                      .nlink = 2,
                                      .parent = TFS_ROOT_INO,
                                      .mtime_ns = born,
                                      .ctime_ns = born,
                                      .atime_ns = born}};
    note_moment(m);
    while (m->ops < r->ops) {
        round_step(m, r);
    }
    sim.writes_left = ~(u64)0;
    if (sim.off) {
        crash(m, r);
    }
    compare_at(m, TFS_NOW, &m->moments[m->moment_count - 1], "end");
    for (u32 i = 0; i < 20; i++) {
        compare_past(m);
    }
    err_t err = tfs_unmount(m->fs);
    if (err != ERR_OK) {
        M_FAIL("unmount at the end: %d", err);
    }
    check_clean(m, TFS_CHECK_DATA);
    assert_int_equal(sim.live_allocs, 0);
    u64 compared = m->compared_past;
    fprintf(stderr,
            "model:   %" PRIu64 " crashes, %" PRIu64 " refusals for space or memory, %zu states\n",
            m->crashes, refusals, m->moment_count);
    m_free(m);
    free(m);
    sim_fini(&sim);
    return compared;
}

static u64 env_number(const char *name, u64 otherwise) {
    const char *text = getenv(name);
    return text == nullptr ? otherwise : strtoull(text, nullptr, 0);
}

static void model_rounds(void **state) {
    unused_arg(state);
    u64 ops = env_number("TFS_OPS", 120000), seed = env_number("TFS_SEED", 1), done = 0, past = 0;
    for (u32 i = 0; done < ops; i++) {
        struct round r = {.seed = seed + i, .ops = MIN((u64)3000, ops - done), .bytes = MIB(96)};
        r.memtable_nodes = i % 2 == 0 ? 12 : 0;
        r.crashes = i % 4 == 1 || i % 4 == 2;
        r.allocs_fail = i % 8 == 3;
        if (i % 5 == 4) { // runs full
            r.bytes = MIB(8) + i * 4096;
            r.ops = MIN((u64)9000, ops - done);
        }
        fprintf(stderr,
                "model: round %u, TFS_SEED=%" PRIu64
                " (crashes %d, failing allocations %d, %" PRIu64 " MiB)\n",
                i, r.seed, r.crashes, r.allocs_fail, r.bytes >> 20);
        past += run_round(&r);
        done += r.ops;
    }
    fprintf(stderr, "model: %" PRIu64 " operations, %" PRIu64 " past states compared\n", done,
            past);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(model_rounds)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
