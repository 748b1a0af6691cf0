// SPDX-License-Identifier: MIT
// Checking a volume: every node of every tree, both copies; every record; who owns which block,
// exactly one; history intervals of each key disjoint and in order, extents also per file block;
// bitmaps and counts against what was found. Damage is reported and the check goes on with what is
// readable.
#include "check_impl.h"
#include <lib/crc32c.h>
#include <lib/text.h>

constexpr u32 LINES_PER_GROUP = 5;

void tfs_check_say(struct check *c, const char *format, ...) {
    char line[200];
    struct text t;
    va_list args;
    text_init(&t, line, sizeof(line));
    va_start(args, format);
    text_vprintf(&t, format, args);
    va_end(args);
    c->stats.problems++;
    c->report(c->arg, line);
}

static const char *tree_name(const struct btree *t) {
    return t->kind == TFS_TREE_LIVE       ? "live tree"
           : t->kind == TFS_TREE_MEMTABLE ? "memtable"
                                          : "run";
}

static void own(struct check *c, u64 start, u32 count, const char *who) {
    for (u64 b = start; b < start + count; b++) {
        u8 bit = (u8)(1u << (b % 8));
        if ((c->owned[b / 8] & bit) != 0) {
            tfs_check_say(c, "block %llu has two owners, one is: %s", (unsigned long long)b, who);
        }
        c->owned[b / 8] |= bit;
        c->owned_count++;
    }
}

// ---- nodes
static void check_copies(struct check *c, struct btree *t, const struct bp *bp) {
    struct tfs *fs = c->fs;
    for (u32 i = 0; i < 2; i++) {
        if (!tfs_space_valid(fs, bp->paddr[i], 1)) {
            tfs_check_say(c, "%s: a node at the impossible place %llu", tree_name(t),
                          (unsigned long long)bp->paddr[i]);
            continue;
        }
        own(c, bp->paddr[i], 1, tree_name(t));
        err_t err = fs->env.read(fs->env.arg, bp->paddr[i], 1, fs->scratch);
        if (err == ERR_OK) {
            err = tfs_node_verify(t, bp, fs->scratch);
        }
        if (err != ERR_OK) {
            tfs_check_say(c, "%s: copy %u of a node is damaged (block %llu)", tree_name(t), i + 1,
                          (unsigned long long)bp->paddr[i]);
        }
    }
    c->stats.nodes++;
}

// Recursion is bounded by the level of the node, which falls by one each time.
static void check_node(struct check *c, struct btree *t, const struct node_want *want) {
    struct cnode *n;
    err_t err = tfs_node_get(t, want, &n);
    if (err != ERR_OK) {
        tfs_check_say(c, "%s: a node of level %u at block %llu cannot be used (error %d)",
                      tree_name(t), want->bp.level, (unsigned long long)want->bp.paddr[0], err);
        return;
    }
    check_copies(c, t, &want->bp);
    for (u32 i = 0; n->level > 0 && i < node_count(n->buf); i++) {
        struct node_want child = *want;
        const struct tfs_ptr *p = &node_cptrs(n->buf)[i];
        child.bp = bp_get(&p->bp);
        child.lo = ptr_key(p);
        if (i + 1 < node_count(n->buf)) {
            child.hi = ptr_key(p + 1);
            child.has_hi = true;
        }
        check_node(c, t, &child);
    }
    tfs_node_put(c->fs, n);
}

static void check_tree(struct check *c, struct btree *t) {
    if (t->root.paddr[0] != 0) {
        struct node_want want = {.bp = t->root};
        u64 before = c->stats.nodes;
        check_node(c, t, &want);
        u64 nodes = c->stats.nodes - before;
        if (t->kind != TFS_TREE_LIVE && nodes != t->nodes) {
            tfs_check_say(c, "%s: %llu nodes, the volume says %llu", tree_name(t),
                          (unsigned long long)nodes, (unsigned long long)t->nodes);
        }
    }
}

// ---- records in order of key, from all sources
static void check_data(struct check *c, const struct extent *e, u64 ino) {
    struct tfs *fs = c->fs;
    err_t err = fs->env.read(fs->env.arg, e->paddr, e->blocks, c->data);
    for (u32 i = 0; i < e->blocks; i++) {
        if (err != ERR_OK ||
            crc32c(0, c->data + (size_t)i * TFS_BLOCK_SIZE, TFS_BLOCK_SIZE) != e->crc[i]) {
            tfs_check_say(c, "inode %llu: block %llu of the file (birth #%llu) is damaged",
                          (unsigned long long)ino, (unsigned long long)(e->off + i),
                          (unsigned long long)e->birth);
        }
    }
}

static void check_window(struct check *c, const struct record *r, const struct extent *e) {
    if (c->window_ino != r->key.obj) {
        c->window_ino = r->key.obj;
        c->window_count = 0;
    }
    u32 kept = 0;
    for (u32 i = 0; i < c->window_count; i++) {
        struct window *w = &c->window[i];
        if (w->end <= e->off) {
            continue;
        }
        if (w->birth < r->key.death && r->birth < w->death) {
            tfs_check_say(c, "inode %llu: two extents for file block %llu at one time",
                          (unsigned long long)r->key.obj, (unsigned long long)e->off);
        }
        c->window[kept++] = *w;
    }
    c->window_count = kept;
    if (kept < WINDOW_MAX) {
        c->window[c->window_count++] =
            (struct window){e->off, e->off + e->blocks, r->birth, r->key.death};
    }
}

static void check_value(struct check *c, const struct record *r) {
    struct tfs *fs = c->fs;
    err_t err = ERR_OK;
    struct inode inode;
    struct tfs_dirent dirent;
    struct extent *e = &fs->ext[0];
    u32 count;
    switch (r->key.type) {
    case TFS_INODE:
        err = tfs_inode_decode(r, &inode);
        break;
    case TFS_INLINE:
        err = r->len <= TFS_INLINE_MAX ? ERR_OK : ERR_TFS_FORMAT;
        break;
    case TFS_DIRENT:
        err = tfs_dirent_decode(r, &dirent);
        break;
    case TFS_EXTENT:
        err = tfs_extent_decode(fs, r, e);
        if (err == ERR_OK) {
            own(c, e->paddr, e->blocks, "file data");
            c->stats.data_blocks += e->blocks;
            check_window(c, r, e);
            if ((c->flags & TFS_CHECK_DATA) != 0) {
                check_data(c, e, r->key.obj);
            }
        }
        break;
    case TFS_TIMELINE:
        err = tfs_pack_decode(r, fs->decoded, &count);
        break;
    case TFS_XATTR:
    case TFS_ORPHAN:
    case TFS_RUN:
        break;
    default:
        err = ERR_TFS_FORMAT;
    }
    if (err != ERR_OK) {
        tfs_check_say(c, "object %llu: a record of type %u is not valid",
                      (unsigned long long)r->key.obj, r->key.type);
    }
}

struct merge {
    struct cursor *source; // runs by time, memtable, live tree
    u32 count;
    struct key last;
    u64 last_death;
    bool any;
};

static void check_interval(struct check *c, struct merge *m, const struct record *r) {
    bool plain = r->key.type != TFS_TIMELINE && r->key.type != TFS_ORPHAN && r->key.type != TFS_RUN;
    if (plain && r->birth >= r->key.death) {
        tfs_check_say(c, "object %llu type %u: born #%llu, died #%llu",
                      (unsigned long long)r->key.obj, r->key.type, (unsigned long long)r->birth,
                      (unsigned long long)r->key.death);
    }
    if (plain && m->any && key_same(&m->last, &r->key) && r->birth < m->last_death) {
        tfs_check_say(c, "object %llu type %u: two versions at one time, #%llu",
                      (unsigned long long)r->key.obj, r->key.type, (unsigned long long)r->birth);
    }
    if (plain && r->birth > c->fs->seq) {
        tfs_check_say(c, "object %llu type %u: born in the future", (unsigned long long)r->key.obj,
                      r->key.type);
    }
    m->last = r->key;
    m->last_death = r->key.death;
    m->any = true;
}

static err_t merge_step(struct check *c, struct merge *m, bool *more) {
    struct tfs *fs = c->fs;
    u32 best = m->count;
    struct key best_key = {};
    for (u32 i = 0; i < m->count; i++) {
        if (cursor_valid(&m->source[i])) {
            struct key k = tfs_bt_key(&m->source[i]);
            if (best == m->count || key_compare(&k, &best_key) < 0) {
                best = i;
                best_key = k;
            }
        }
    }
    *more = best < m->count;
    if (!*more) {
        return ERR_OK;
    }
    struct record r = tfs_bt_record(&m->source[best]);
    check_interval(c, m, &r);
    check_value(c, &r);
    if (best + 1 == m->count) {
        c->stats.live_records++;
        if (r.key.death != NO_DEATH) {
            tfs_check_say(c, "the live tree has a dead record");
        }
    } else if (r.key.type != TFS_TIMELINE) {
        c->stats.history_records++;
        if (best < fs->run_count && !tfs_run_may_have(fs->runs[best], r.key.obj, r.key.death - 1)) {
            tfs_check_say(c, "run %llu: its filter hides a record",
                          (unsigned long long)fs->runs[best]->number);
        }
    }
    return tfs_bt_next(&m->source[best]);
}

static err_t check_records(struct check *c) {
    struct tfs *fs = c->fs;
    struct key from = {};
    struct merge m = {.count = fs->run_count + 2};
    size_t bytes = m.count * sizeof(struct cursor);
    m.source = fs->env.alloc(fs->env.arg, bytes);
    if (m.source == nullptr) {
        return ERR_NOMEM;
    }
    memset(m.source, 0, bytes);
    err_t err = ERR_OK;
    for (u32 i = 0; i < m.count && err == ERR_OK; i++) {
        struct btree *t = i < fs->run_count    ? &fs->runs[i]->tree
                          : i == fs->run_count ? &fs->memtable
                                               : &fs->live;
        err = tfs_bt_seek(t, &from, &m.source[i]);
    }
    bool more = true;
    while (err == ERR_OK && more) {
        err = merge_step(c, &m, &more);
    }
    for (u32 i = 0; i < m.count; i++) {
        tfs_bt_close(&m.source[i]);
    }
    fs->env.free(fs->env.arg, m.source, bytes);
    return err;
}

// ---- space
static err_t check_group(struct check *c, u32 group, u64 *used) {
    struct tfs *fs = c->fs;
    u32 lines = 0;
    for (u32 i = 2; i < fs->ags[group].blocks; i++) {
        u64 b = ag_start(group) + i;
        bool in_use;
        TRY(tfs_space_is_used(fs, b, &in_use));
        bool owned = (c->owned[b / 8] >> (b % 8) & 1) != 0;
        *used += in_use ? 1 : 0;
        if (in_use != owned && lines++ < LINES_PER_GROUP) {
            tfs_check_say(c, "block %llu is %s", (unsigned long long)b,
                          owned ? "owned, but marked free" : "marked in use, but has no owner");
        }
    }
    return ERR_OK;
}

static void check_space(struct check *c) {
    struct tfs *fs = c->fs;
    u64 used = 0;
    for (u32 group = 0; group < fs->ag_count; group++) {
        bool on_disk = (fs->super.ag_in_use[group / 8] >> (group % 8) & 1) != 0;
        bool owned = false;
        u64 start = ag_start(group);
        for (u64 b = start; b < start + fs->ags[group].blocks && !owned; b++) {
            owned = (c->owned[b / 8] >> (b % 8) & 1) != 0;
        }
        if ((on_disk || owned) && check_group(c, group, &used) != ERR_OK) {
            tfs_check_say(c, "group %u: its bitmap cannot be used", group);
        }
    }
    if (used != le64_get(fs->super.blocks_used) || used != c->owned_count) {
        tfs_check_say(c, "%llu blocks in use, %llu with owners, the superblock says %llu",
                      (unsigned long long)used, (unsigned long long)c->owned_count,
                      (unsigned long long)le64_get(fs->super.blocks_used));
    }
    c->stats.blocks_used = used;
    c->stats.blocks_total = fs->blocks_total;
}

static void check_supers(struct check *c) {
    struct tfs *fs = c->fs;
    u64 slot = (fs->txg - 1) % TFS_RING_SLOTS;
    u64 end = le64_get(fs->super.block_count) - TFS_RING_SLOTS;
    for (u32 i = 0; i < 2; i++) {
        err_t err = fs->env.read(fs->env.arg, i == 0 ? slot : end + slot, 1, fs->scratch);
        if (err != ERR_OK || memcmp(fs->scratch, &fs->super, TFS_BLOCK_SIZE) != 0) {
            // Not a problem: power may have failed between the two writes.
            c->report(c->arg, i == 0 ? "note: the newest superblock is missing in the first ring"
                                     : "note: the newest superblock is missing in the second ring");
        }
    }
}

// ---- timeline
struct entries {
    struct check *c;
    u64 above;
};

static bool check_entry(void *arg, const struct tfs_moment *m) {
    struct entries *e = arg;
    if (m->seq >= e->above) {
        tfs_check_say(e->c, "timeline: entry #%llu is out of order", (unsigned long long)m->seq);
    }
    e->above = m->seq;
    e->c->stats.timeline_entries++;
    return true;
}

static err_t check_all(struct check *c) {
    struct tfs *fs = c->fs;
    struct entries entries = {c, fs->last_entry_seq + 1};
    check_supers(c);
    check_tree(c, &fs->live);
    check_tree(c, &fs->memtable);
    for (u32 i = 0; i < fs->run_count; i++) {
        check_tree(c, &fs->runs[i]->tree);
    }
    c->stats.runs = fs->run_count;
    err_t err = check_records(c);
    if (err == ERR_OK) {
        err = tfs_timeline_each(fs, NO_DEATH, check_entry, &entries);
    }
    if (err == ERR_OK) {
        err = tfs_check_names(c);
    }
    if (err != ERR_OK) {
        tfs_check_say(c, "the check could not read everything (error %d)", err);
        return err == ERR_NOMEM ? err : ERR_OK;
    }
    if (fs->memtable_records + fs->run_records < c->stats.history_records) {
        tfs_check_say(c, "%llu history records, the volume says %llu",
                      (unsigned long long)c->stats.history_records,
                      (unsigned long long)(fs->memtable_records + fs->run_records));
    }
    check_space(c);
    return ERR_OK;
}

static void give(struct tfs *fs, void *mem, size_t bytes) {
    if (mem != nullptr) {
        fs->env.free(fs->env.arg, mem, bytes);
    }
}

err_t tfs_check(const struct tfs_env *env, u32 flags, tfs_report_fn *report, void *arg,
                struct tfs_check_stats *stats) {
    struct check c = {.flags = flags, .report = report, .arg = arg};
    struct tfs_mount_opts opts = {.read_only = true, .cache_bytes = MIB(16)};
    err_t err = tfs_mount(env, &opts, &c.fs);
    if (err != ERR_OK) {
        tfs_check_say(&c, "the volume cannot be mounted (error %d)", err);
        *stats = c.stats;
        return err;
    }
    struct tfs *fs = c.fs;
    size_t data_bytes = (size_t)TFS_EXTENT_BLOCKS_MAX * TFS_BLOCK_SIZE;
    size_t window_bytes = WINDOW_MAX * sizeof(struct window);
    fs->check_mode = true;
    c.owned_bytes = (size_t)(le64_get(fs->super.block_count) / 8 + 1);
    c.owned = env->alloc(env->arg, c.owned_bytes);
    c.data = env->alloc(env->arg, data_bytes);
    c.window = env->alloc(env->arg, window_bytes);
    err = ERR_NOMEM;
    if (c.owned != nullptr && c.data != nullptr && c.window != nullptr) {
        memset(c.owned, 0, c.owned_bytes);
        err = check_all(&c);
    }
    give(fs, c.owned, c.owned_bytes);
    give(fs, c.data, data_bytes);
    give(fs, c.window, window_bytes);
    give(fs, c.inodes, c.inode_cap * sizeof(struct seen_inode));
    err_t end = tfs_unmount(fs);
    *stats = c.stats;
    return err != ERR_OK ? err : end;
}
