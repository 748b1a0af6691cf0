// SPDX-License-Identifier: MIT
// History runs. When the memtable is big, its records are written once more as a *run*: a B+tree of
// the same node format, built from the bottom, dense, never changed afterwards, in mostly adjacent
// blocks. A RUN record in the live tree names it, so the run appears and the memtable empties in
// one commit. RUN_MERGE_FACTOR neighbouring runs of about one size are merged into one. Runs lie in
// order of time: every death in one is above every death in the one before.
#include "core_impl.h"

constexpr u32 BLOOM_BYTES = 1024;
constexpr u32 BLOOM_PROBES = 3;

static u32 bloom_bit(u64 obj, u32 probe) {
    u64 h = (obj + 1) * 0x9e3779b97f4a7c15;
    return (u32)(h >> (16 * probe)) % (BLOOM_BYTES * 8);
}

static void bloom_add(u8 *bloom, u64 obj) {
    for (u32 i = 0; i < BLOOM_PROBES; i++) {
        u32 bit = bloom_bit(obj, i);
        bloom[bit / 8] |= (u8)(1u << (bit % 8));
    }
}

bool tfs_run_may_have(const struct run *run, u64 obj, u64 at) {
    if (run->max_death <= at || (at != 0 && run->min_birth > at) || obj < run->first_obj ||
        obj > run->last_obj) {
        return false;
    }
    for (u32 i = 0; i < BLOOM_PROBES; i++) {
        u32 bit = bloom_bit(obj, i);
        if ((run->bloom[bit / 8] >> (bit % 8) & 1) == 0) {
            return false;
        }
    }
    return true;
}

// ---- the list
static void run_destroy(struct tfs *fs, struct run *run) {
    if (run->bloom != nullptr) {
        fs->env.free(fs->env.arg, run->bloom, BLOOM_BYTES);
    }
    fs->env.free(fs->env.arg, run, sizeof(*run));
}

static struct run *run_create(struct tfs *fs) {
    struct run *run = fs->env.alloc(fs->env.arg, sizeof(*run));
    if (run == nullptr) {
        return nullptr;
    }
    *run = (struct run){.tree = {.fs = fs, .kind = TFS_TREE_RUN},
                        .min_birth = NO_DEATH,
                        .min_death = NO_DEATH,
                        .first_obj = NO_DEATH,
                        .min_wall_ns = NO_DEATH,
                        .first_entry_seq = NO_DEATH};
    run->bloom = fs->env.alloc(fs->env.arg, BLOOM_BYTES);
    if (run->bloom == nullptr) {
        run_destroy(fs, run);
        return nullptr;
    }
    memset(run->bloom, 0, BLOOM_BYTES);
    return run;
}

static err_t list_room(struct tfs *fs) { // for one more
    if (fs->run_count < fs->run_cap) {
        return ERR_OK;
    }
    if (fs->run_count >= RUNS_MAX) {
        return ERR_NOSPC;
    }
    u32 cap = fs->run_cap == 0 ? 16 : fs->run_cap * 2;
    struct run **runs = fs->env.alloc(fs->env.arg, cap * sizeof(struct run *));
    if (runs == nullptr) {
        return ERR_NOMEM;
    }
    if (fs->run_cap > 0) {
        memcpy(runs, fs->runs, fs->run_count * sizeof(struct run *));
        fs->env.free(fs->env.arg, fs->runs, fs->run_cap * sizeof(struct run *));
    }
    fs->runs = runs;
    fs->run_cap = cap;
    return ERR_OK;
}

static void list_insert(struct tfs *fs, u32 at, struct run *run) {
    memmove(&fs->runs[at + 1], &fs->runs[at], (fs->run_count - at) * sizeof(struct run *));
    fs->runs[at] = run;
    fs->run_count++;
    fs->run_records += run->records;
}

void tfs_history_fini(struct tfs *fs) {
    for (u32 i = 0; i < fs->run_count; i++) {
        run_destroy(fs, fs->runs[i]);
    }
    if (fs->run_cap > 0) {
        fs->env.free(fs->env.arg, fs->runs, fs->run_cap * sizeof(struct run *));
    }
    fs->runs = nullptr;
    fs->run_count = 0;
    fs->run_cap = 0;
    fs->run_records = 0;
}

// ---- RUN records
err_t tfs_run_decode(const struct record *r, struct tfs *fs, struct run *run) {
    const struct tfs_run_value *v = (const struct tfs_run_value *)(const void *)r->value;
    if (r->len != sizeof(*v)) {
        return ERR_TFS_FORMAT;
    }
    u8 *bloom = run->bloom;
    *run = (struct run){.tree = {.fs = fs, .root = bp_get(&v->root), .id = r->key.off},
                        .number = r->key.off,
                        .records = le64_get(v->records),
                        .min_birth = le64_get(v->min_birth),
                        .min_death = le64_get(v->min_death),
                        .max_death = le64_get(v->max_death),
                        .first_obj = le64_get(v->first_obj),
                        .last_obj = le64_get(v->last_obj),
                        .min_wall_ns = le64_get(v->min_wall_ns),
                        .first_entry_seq = le64_get(v->first_entry_seq),
                        .last_entry_seq = le64_get(v->last_entry_seq),
                        .bloom = bloom};
    run->tree.kind = TFS_TREE_RUN;
    run->tree.nodes = le64_get(v->nodes);
    memcpy(bloom, v->bloom, BLOOM_BYTES);
    return run->tree.root.level <= TFS_LEVEL_MAX && run->tree.root.paddr[0] != 0 ? ERR_OK
                                                                                 : ERR_TFS_FORMAT;
}

static err_t run_store(struct tfs *fs, const struct run *run) {
    struct tfs_run_value *v = (struct tfs_run_value *)(void *)fs->old_value;
    memset(v, 0, sizeof(*v));
    v->root = tfs_bp_of(&run->tree.root);
    v->records = le64_of(run->records);
    v->nodes = le64_of(run->tree.nodes);
    v->min_birth = le64_of(run->min_birth);
    v->min_death = le64_of(run->min_death);
    v->max_death = le64_of(run->max_death);
    v->first_obj = le64_of(run->first_obj);
    v->last_obj = le64_of(run->last_obj);
    v->min_wall_ns = le64_of(run->min_wall_ns);
    v->first_entry_seq = le64_of(run->first_entry_seq);
    v->last_entry_seq = le64_of(run->last_entry_seq);
    memcpy(v->bloom, run->bloom, BLOOM_BYTES);
    struct record r = {live_key(0, TFS_RUN, run->number), fs->seq, fs->old_value, sizeof(*v)};
    return tfs_bt_put(&fs->live, &r);
}

static u64 run_time(const struct run *run) { return MAX(run->max_death, run->last_entry_seq); }

err_t tfs_history_load(struct tfs *fs) {
    struct key from = {0, 0, 0, TFS_RUN};
    struct cursor c;
    TRY(tfs_bt_seek(&fs->live, &from, &c));
    err_t err = ERR_OK;
    while (err == ERR_OK && cursor_valid(&c)) {
        struct record r = tfs_bt_record(&c);
        if (r.key.obj != 0 || r.key.type != TFS_RUN) {
            break;
        }
        err = list_room(fs);
        struct run *run = err == ERR_OK ? run_create(fs) : nullptr;
        if (run == nullptr) {
            err = err == ERR_OK ? ERR_NOMEM : err;
            break;
        }
        err = tfs_run_decode(&r, fs, run);
        if (err != ERR_OK) {
            run_destroy(fs, run);
            break;
        }
        // By time. Run numbers do not tell: a merge gives a new number to an old time.
        u32 at = fs->run_count;
        while (at > 0 && run_time(fs->runs[at - 1]) > run_time(run)) {
            at--;
        }
        list_insert(fs, at, run);
        err = tfs_bt_next(&c);
    }
    tfs_bt_close(&c);
    return err;
}

// ---- writing a run: records come in order; each level has one open node
struct builder {
    struct run *run;
    struct cnode *open[TFS_LEVEL_MAX + 1];
    u32 levels;
    struct cnode *done[IO_NODES]; // full and sealed, to be written together
    u32 done_count;
};

static err_t builder_node(struct builder *b, u8 level) {
    // Nodes of a run become dirty like others, but are written as soon as they are full.
    return tfs_node_new(&b->run->tree, level, &b->open[level]);
}

static struct key first_key(const u8 *buf, u8 level) {
    return level == 0 ? item_key(&node_citems(buf)[0]) : ptr_key(&node_cptrs(buf)[0]);
}

static err_t builder_write(struct builder *b) {
    struct tfs *fs = b->run->tree.fs;
    TRY(tfs_nodes_write(fs, b->done, b->done_count));
    for (u32 i = 0; i < b->done_count; i++) {
        tfs_node_clean(fs, b->done[i]);
        tfs_node_put(fs, b->done[i]);
    }
    b->done_count = 0;
    return ERR_OK;
}

static err_t node_done(struct builder *b, struct cnode *n) {
    n->crc = tfs_node_crc(n->buf);
    node_head(n->buf)->crc = le32_of(n->crc);
    b->done[b->done_count++] = n;
    return b->done_count == IO_NODES ? builder_write(b) : ERR_OK;
}

// Closes the open nodes from `level` up while they are full (or all: last), putting pointers one
// level up.
static err_t builder_close(struct builder *b, u8 level, bool last) {
    for (;; level++) {
        struct cnode *n = b->open[level];
        struct bp bp = {{n->paddr[0], n->paddr[1]}, n->birth, tfs_node_crc(n->buf), level};
        struct key key = first_key(n->buf, level);
        TRY(node_done(b, n));
        b->open[level] = nullptr;
        if (last && level + 1u >= b->levels) {
            b->run->tree.root = bp;
            return builder_write(b);
        }
        if (level == TFS_LEVEL_MAX) {
            return ERR_FBIG;
        }
        if (b->open[level + 1] == nullptr) {
            TRY(builder_node(b, (u8)(level + 1)));
            b->levels = MAX(b->levels, level + 2u);
        }
        u8 *up = b->open[level + 1]->buf;
        u32 count = node_count(up);
        node_ptrs(up)[count] = (struct tfs_ptr){.obj = le64_of(key.obj),
                                                .off = le64_of(key.off),
                                                .death = le64_of(key.death),
                                                .type = key.type,
                                                .bp = tfs_bp_of(&bp)};
        node_head(up)->count = le16_of((u16)(count + 1));
        if (!last && count + 1 < TFS_PTRS_MAX) {
            return ERR_OK;
        }
    }
}

static err_t run_note(struct run *run,
                      const struct record *r) { // what the filter and the index need
    struct tfs *fs = run->tree.fs;
    run->records++;
    run->first_obj = MIN(run->first_obj, r->key.obj);
    run->last_obj = MAX(run->last_obj, r->key.obj);
    if (r->key.type != TFS_TIMELINE) {
        run->min_birth = MIN(run->min_birth, r->birth);
        run->min_death = MIN(run->min_death, r->key.death);
        run->max_death = MAX(run->max_death, r->key.death);
        bloom_add(run->bloom, r->key.obj);
        return ERR_OK;
    }
    u32 count;
    TRY(tfs_pack_decode(r, fs->decoded, &count));
    run->first_entry_seq = MIN(run->first_entry_seq, fs->decoded[0].seq);
    run->last_entry_seq = MAX(run->last_entry_seq, fs->decoded[count - 1].seq);
    for (u32 i = 0; i < count; i++) {
        run->min_wall_ns = MIN(run->min_wall_ns, fs->decoded[i].wall_ns);
    }
    return ERR_OK;
}

static err_t builder_add(struct builder *b, const struct record *r) {
    TRY(run_note(b->run, r));
    if (b->open[0] != nullptr && tfs_leaf_append(b->open[0]->buf, r)) {
        return ERR_OK;
    }
    if (b->open[0] != nullptr) {
        TRY(builder_close(b, 0, false));
    }
    TRY(builder_node(b, 0));
    b->levels = MAX(b->levels, 1u);
    return tfs_leaf_append(b->open[0]->buf, r) ? ERR_OK : ERR_TFS_FORMAT;
}

static err_t builder_finish(struct builder *b) {
    // From the leaf up; levels without an open node have nothing to close.
    for (u8 level = 0; level < b->levels; level++) {
        if (b->open[level] != nullptr) {
            return builder_close(b, level, true);
        }
    }
    return ERR_TFS_FORMAT;
}

// ---- memtable to run
static err_t copy_tree(struct btree *t, struct builder *b) {
    struct cursor c;
    struct key from = {};
    TRY(tfs_bt_seek(t, &from, &c));
    err_t err = ERR_OK;
    while (err == ERR_OK && cursor_valid(&c)) {
        struct record r = tfs_bt_record(&c);
        err = builder_add(b, &r);
        if (err == ERR_OK) {
            err = tfs_bt_next(&c);
        }
    }
    tfs_bt_close(&c);
    return err;
}

static bool space_for(struct tfs *fs, u64 nodes) {
    return fs->blocks_free >= 2 * (nodes + nodes / 16) + OP_BLOCKS + SLACK_BLOCKS + fs->reserve;
}

// Merging: the first RUN_MERGE_FACTOR neighbours of one tier, newest first. *first: where they
// begin.
static u32 tier_of(const struct run *run) {
    u32 tier = 0;
    for (u64 n = run->tree.nodes; n >= MEMTABLE_NODES_MAX * RUN_MERGE_FACTOR / 2;
         n /= RUN_MERGE_FACTOR) {
        tier++;
    }
    return tier;
}

static bool merge_choose(struct tfs *fs, u32 *first, u64 *nodes) {
    for (u32 at = fs->run_count; at >= RUN_MERGE_FACTOR; at--) {
        u32 from = at - RUN_MERGE_FACTOR;
        bool same = true;
        u64 sum = 0;
        for (u32 i = from; i < at; i++) {
            same = same && tier_of(fs->runs[i]) == tier_of(fs->runs[from]);
            sum += fs->runs[i]->tree.nodes;
        }
        if (same && sum <= RUN_MERGE_NODES_MAX) {
            *first = from;
            *nodes = sum;
            return true;
        }
    }
    return false;
}

static err_t merge_records(struct tfs *fs, u32 first, struct builder *b) {
    struct cursor c[RUN_MERGE_FACTOR] = {};
    struct key from = {};
    err_t err = ERR_OK;
    for (u32 i = 0; i < RUN_MERGE_FACTOR && err == ERR_OK; i++) {
        err = tfs_bt_seek(&fs->runs[first + i]->tree, &from, &c[i]);
    }
    while (err == ERR_OK) {
        struct cursor *best = nullptr;
        struct key best_key = {};
        for (u32 i = 0; i < RUN_MERGE_FACTOR; i++) {
            if (cursor_valid(&c[i])) {
                struct key k = tfs_bt_key(&c[i]);
                if (best == nullptr || key_compare(&k, &best_key) < 0) {
                    best = &c[i];
                    best_key = k;
                }
            }
        }
        if (best == nullptr) {
            break;
        }
        struct record r = tfs_bt_record(best);
        err = builder_add(b, &r);
        if (err == ERR_OK) {
            err = tfs_bt_next(best);
        }
    }
    for (u32 i = 0; i < RUN_MERGE_FACTOR; i++) {
        tfs_bt_close(&c[i]);
    }
    return err;
}

static err_t run_begin(struct tfs *fs, struct builder *b) {
    TRY(list_room(fs));
    b->run = run_create(fs);
    if (b->run == nullptr) {
        return ERR_NOMEM;
    }
    b->run->number = fs->next_run++;
    b->run->tree.id = b->run->number;
    return ERR_OK;
}

static err_t runs_drop(struct tfs *fs, u32 first, u32 count) {
    for (u32 i = first; i < first + count; i++) {
        struct run *run = fs->runs[i];
        struct key key = live_key(0, TFS_RUN, run->number);
        TRY(tfs_bt_del(&fs->live, &key));
        TRY(tfs_bt_free_all(&run->tree));
        fs->run_records -= run->records;
        run_destroy(fs, run);
    }
    memmove(&fs->runs[first], &fs->runs[first + count],
            (fs->run_count - first - count) * sizeof(struct run *));
    fs->run_count -= count;
    return ERR_OK;
}

[[gnu::noinline]] static err_t merge_once(struct tfs *fs, bool *again) {
    u32 first;
    u64 nodes;
    struct builder b = {};
    *again = false;
    if (!merge_choose(fs, &first, &nodes) || !space_for(fs, nodes)) {
        return ERR_OK;
    }
    err_t err = run_begin(fs, &b);
    if (err != ERR_OK) {
        return err == ERR_NOMEM || err == ERR_NOSPC ? ERR_OK : err; // nothing changed yet
    }
    err = merge_records(fs, first, &b);
    if (err == ERR_OK) {
        err = builder_finish(&b);
    }
    if (err == ERR_OK) {
        err = run_store(fs, b.run);
    }
    if (err == ERR_OK) {
        err = runs_drop(fs, first, RUN_MERGE_FACTOR);
    }
    if (err != ERR_OK) {
        run_destroy(fs, b.run);
        return err;
    }
    list_insert(fs, first, b.run);
    *again = true;
    return ERR_OK;
}

err_t tfs_history_flush(struct tfs *fs) {
    struct builder b = {};
    if (!space_for(fs, fs->memtable.nodes)) {
        return ERR_OK;
    }
    err_t err = run_begin(fs, &b);
    if (err != ERR_OK) {
        return err == ERR_NOMEM || err == ERR_NOSPC ? ERR_OK : err;
    }
    err = copy_tree(&fs->memtable, &b);
    if (err == ERR_OK) {
        err = builder_finish(&b);
    }
    if (err == ERR_OK) {
        err = run_store(fs, b.run);
    }
    if (err == ERR_OK) {
        err = tfs_bt_free_all(&fs->memtable);
    }
    if (err != ERR_OK) {
        run_destroy(fs, b.run);
        return err;
    }
    list_insert(fs, fs->run_count, b.run);
    fs->memtable_records = 0;
    fs->memtable_min_birth = NO_DEATH;
    fs->pack_count = 0; // it is in the run now; the next entry starts a new one
    bool again = true;
    while (again) {
        TRY(merge_once(fs, &again));
    }
    return ERR_OK;
}
