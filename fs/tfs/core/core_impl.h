// SPDX-License-Identifier: MIT
// Inside of the core. Reading order: node.c (cache) and alloc.c (space), tree.c (B+tree), commit.c,
// super.c (mount), record.c (live records with history), view.c (the present or the past as one
// sequence), history.c (runs), timeline.c, then the operations: inode.c, dir.c, name.c, file.c,
// xattr.c; check.c.
//
// Everything here runs under fs->mutex unless a comment says otherwise.
//
// How an operation may fail: it looks first and changes later. tfs_op_begin makes sure of space and
// node memory, so that after the first change (fs->touched) only a broken device or a damaged disk
// can stop it; then the file system is marked failed, refuses further changes and never commits:
// the disk keeps the last commit.
#pragma once
#include <abi/disk/tfs.h>
#include <fs/tfs/core/tfs.h>
#include <lib/list.h>
#include <lib/mem.h>

constexpr u64 NO_DEATH = ~(u64)0;
constexpr u32 PEND_SLOTS = 4; // blocks freed in txg N wait in slot N mod 4 until N+3 is open
constexpr u32 REUSE_TXGS = 3;
constexpr u32 NODE_HASH_SLOTS = 1024;   // power of two
constexpr u32 SPARE_NODES = 96;         // node buffers at hand when an operation begins
constexpr u32 IO_NODES = 16;            // nodes written by one env->write
constexpr u32 MEMTABLE_NODES_MAX = 512; // then it becomes a run
constexpr u32 RUN_MERGE_FACTOR = 4;
constexpr u64 RUN_MERGE_NODES_MAX = 4096; // 16 MiB: larger results are not made
constexpr u32 RUNS_MAX = 4096;
constexpr u32 PACK_ENTRIES = 48;    // timeline entries in one record; 48 * 41 bytes at worst
constexpr u32 DIR_DEPTH_MAX = 4096; // parents followed before the disk is called damaged
constexpr u32 HASH_COLLISIONS_MAX = 256;
constexpr u64 OP_BLOCKS = 160;   // metadata blocks one ordinary operation may take, both copies
constexpr u64 SLACK_BLOCKS = 64; // never given to operations: for commit's own records

struct key {
    u64 obj, off, death;
    u8 type;
};
struct bp { // tfs_bp in memory
    u64 paddr[2];
    u64 birth;
    u32 crc;
    u8 level;
};
struct cnode { // a node in the cache
    struct cnode *hash_next;
    struct list link; // lru (clean) or dirty list
    u64 paddr[2];
    u64 birth;
    u8 *buf; // 4096 bytes
    u32 crc; // valid when clean, or sealed by commit
    u32 pins;
    u8 level, tree;
    bool dirty;
};
struct btree {
    struct tfs *fs;
    struct bp root; // paddr 0: empty
    u64 id;
    enum tfs_tree kind;
    u64 nodes;
};
struct record { // borrowed from a pinned node
    struct key key;
    u64 birth;
    const u8 *value;
    u32 len;
};
struct cursor { // at one item of a leaf; the tree must not change while it is open
    struct btree *tree;
    struct cnode *leaf; // pinned; null: behind the end
    u32 idx;
    bool has_hi;
    struct key hi; // first key that is not in this leaf
};
struct node_want { // what the parent knows of a child
    struct bp bp;
    struct key lo, hi;
    bool has_hi;
};
struct run {
    struct btree tree;
    u64 number;
    u64 records, min_birth, min_death, max_death, first_obj, last_obj, min_wall_ns;
    u64 first_entry_seq, last_entry_seq;
    u8 *bloom; // 1024 bytes, owned
};
struct ag {
    u8 *mem;  // used, busy, pend[PEND_SLOTS]: bitmaps of 4032 bytes each; null: not loaded
    u32 free; // not busy; exact when loaded
    u32 used;
    u32 blocks;
    bool dirty;
    u8 pend_mask;
};
enum alloc_kind : u8 { ALLOC_META_A, ALLOC_META_B, ALLOC_DATA, ALLOC_KINDS };
struct extent {
    u64 off, paddr, birth; // off: file block
    u32 blocks;
    u32 crc[TFS_EXTENT_BLOCKS_MAX];
};
struct open_ref {
    struct open_ref *next;
    u64 ino;
    u64 count;
};
constexpr u32 REF_SLOTS = 256;

struct tfs {
    struct tfs_env env;
    void *mutex;
    bool read_only;
    bool bulk; // mount option
    err_t failed;
    bool touched; // the running operation changed something
    bool changed; // something to commit
    bool in_commit;
    bool check_mode; // history interval checks on, nothing healed
    // superblock state
    u64 fsid;
    struct tfs_super super; // the last commit
    u64 txg;                // open: last commit + 1
    u64 seq, last_entry_seq;
    u64 next_ino, next_run, inodes_used;
    u64 memtable_records, memtable_min_birth;
    struct btree live, memtable;
    // space
    struct ag *ags;
    u32 ag_count;
    u64 blocks_total, blocks_used, blocks_free; // free: usable right now
    u64 reserve;
    u64 cursor[ALLOC_KINDS];
    u64 reader_epoch;
    u32 readers[2];
    u64 pend_epoch[PEND_SLOTS];
    // node cache
    struct cnode **hash;
    struct list lru, dirty;
    struct cnode *spare; // by hash_next
    u32 node_count, spare_count, dirty_count, node_cap;
    u8 *scratch;          // 4096
    u8 *old_value;        // 4096: record.c
    u8 *block;            // 4096: file.c, one partly written block; xattr.c
    struct extent ext[2]; // file.c
    u8 *batch;            // IO_NODES * 4096
    struct cnode **sort;  // node_cap entries
    // history
    struct run **runs; // by time, oldest first
    u32 run_count, run_cap;
    u64 run_records;
    u32 memtable_cap; // nodes
    struct tfs_moment pack[PACK_ENTRIES];
    u32 pack_count;
    struct tfs_moment decoded[PACK_ENTRIES]; // timeline.c
    bool pack_dirty;
    struct open_ref *refs[REF_SLOTS];
    u64 heals;
    struct node_want walk[TFS_LEVEL_MAX + 1]; // tfs_bt_free_all
};

// ---- node.c
err_t tfs_node_get(struct btree *t, const struct node_want *want, struct cnode **out); // pinned
void tfs_node_pin(struct cnode *n);
void tfs_node_put(struct tfs *fs, struct cnode *n);
err_t tfs_node_new(struct btree *t, u8 level, struct cnode **out); // dirty, pinned
err_t tfs_node_cow(struct btree *t,
                   struct cnode *n); // pinned by the caller; afterwards dirty with a new place
void tfs_node_free(struct btree *t, struct cnode *n); // pinned once, by the caller; gone afterwards
struct cnode *tfs_node_find(struct tfs *fs, u64 paddr); // in the cache only, not pinned; null
err_t tfs_node_ready(struct tfs *fs, u32 count);        // so many spare buffers
void tfs_node_forget(struct tfs *fs, u64 paddr);        // a clean node's blocks were freed
err_t tfs_node_read_raw(struct btree *t, const struct bp *bp,
                        u8 *buf); // no cache, healed from the second copy
u32 tfs_node_crc(const u8 *buf);
err_t tfs_node_verify(const struct btree *t, const struct bp *bp, const u8 *buf);
void tfs_node_clean(struct tfs *fs, struct cnode *n); // after commit wrote it
void tfs_node_drop_all(struct tfs *fs);

static inline struct tfs_node *node_head(u8 *buf) { return (struct tfs_node *)buf; }
static inline const struct tfs_node *node_chead(const u8 *buf) {
    return (const struct tfs_node *)buf;
}
static inline struct tfs_item *node_items(u8 *buf) {
    return (struct tfs_item *)(buf + sizeof(struct tfs_node));
}
static inline const struct tfs_item *node_citems(const u8 *buf) {
    return (const struct tfs_item *)(buf + sizeof(struct tfs_node));
}
static inline struct tfs_ptr *node_ptrs(u8 *buf) {
    return (struct tfs_ptr *)(buf + sizeof(struct tfs_node));
}
static inline const struct tfs_ptr *node_cptrs(const u8 *buf) {
    return (const struct tfs_ptr *)(buf + sizeof(struct tfs_node));
}
static inline u32 node_count(const u8 *buf) { return le16_get(node_chead(buf)->count); }
static inline struct key item_key(const struct tfs_item *i) {
    return (struct key){le64_get(i->obj), le64_get(i->off), le64_get(i->death), i->type};
}
static inline struct key ptr_key(const struct tfs_ptr *p) {
    return (struct key){le64_get(p->obj), le64_get(p->off), le64_get(p->death), p->type};
}
static inline int key_compare(const struct key *a, const struct key *b) {
    if (a->obj != b->obj) {
        return a->obj < b->obj ? -1 : 1;
    }
    if (a->type != b->type) {
        return a->type < b->type ? -1 : 1;
    }
    if (a->off != b->off) {
        return a->off < b->off ? -1 : 1;
    }
    return a->death == b->death ? 0 : a->death < b->death ? -1 : 1;
}
static inline bool key_same(const struct key *a, const struct key *b) { // but for death
    return a->obj == b->obj && a->off == b->off && a->type == b->type;
}
static inline struct key live_key(u64 obj, u8 type, u64 off) {
    return (struct key){obj, off, NO_DEATH, type};
}
static inline struct bp bp_get(const struct tfs_bp *d) {
    return (struct bp){{le64_get(d->paddr[0]), le64_get(d->paddr[1])},
                       le64_get(d->birth_txg),
                       le32_get(d->crc),
                       d->level};
}
struct tfs_bp tfs_bp_of(const struct bp *bp);

// ---- alloc.c
err_t tfs_space_init(struct tfs *fs, u64 block_count); // memory only
void tfs_space_fini(struct tfs *fs);
// Takes 1..want adjacent blocks. ERR_NOSPC.
err_t tfs_space_take(struct tfs *fs, enum alloc_kind kind, u32 want, u64 *start, u32 *got);
err_t tfs_space_free(struct tfs *fs, u64 start, u64 count); // reusable REUSE_TXGS commits later
err_t tfs_space_ready(struct tfs *fs); // the groups to be used next are in memory; ERR_NOMEM
void tfs_space_preload(
    struct tfs *fs); // at mount, so that freeing needs no memory on small volumes
void tfs_space_release(struct tfs *fs); // after a commit: what was freed long enough ago
err_t tfs_space_write(struct tfs *fs);  // bitmaps of the open txg
err_t tfs_space_is_used(struct tfs *fs, u64 block, bool *used); // for check
bool tfs_space_valid(const struct tfs *fs, u64 start,
                     u64 count); // inside one group, not its bitmaps
static inline u64 ag_start(u32 group) { return TFS_RING_SLOTS + (u64)group * TFS_AG_BLOCKS; }

// ---- tree.c
err_t tfs_bt_seek(struct btree *t, const struct key *key, struct cursor *c);  // first item >= key
err_t tfs_bt_floor(struct btree *t, const struct key *key, struct cursor *c); // last item <= key
err_t tfs_bt_next(struct cursor *c);
void tfs_bt_close(struct cursor *c); // any number of times
static inline bool cursor_valid(const struct cursor *c) { return c->leaf != nullptr; }
struct record tfs_bt_record(const struct cursor *c);
struct key tfs_bt_key(const struct cursor *c);
err_t tfs_bt_put(struct btree *t, const struct record *r); // inserts or replaces
err_t tfs_bt_del(struct btree *t, const struct key *key);  // ERR_NOENT
err_t tfs_bt_free_all(struct btree *t);                    // all nodes; the tree is empty then
// Leaf helpers shared with the run writer.
void tfs_node_format(struct btree *t, struct cnode *n);
bool tfs_leaf_append(u8 *buf, const struct record *r); // false: no room

// ---- commit.c, super.c
struct op {
    u64 blocks;      // needed beyond OP_BLOCKS
    bool privileged; // may use the reserve (removing things)
};
err_t tfs_op_begin(struct tfs *fs, const struct op *op);
err_t tfs_op_again(struct tfs *fs,
                   const struct op *op); // next step of a long operation: may commit, new seq
err_t tfs_op_end(struct tfs *fs, err_t err, enum tfs_kind kind, u64 ino); // kind 0: no entry
err_t tfs_commit_locked(struct tfs *fs);
err_t tfs_nodes_write(struct tfs *fs, struct cnode *const *nodes,
                      u32 count); // sealed ones; count <= node_cap
err_t tfs_super_write(struct tfs *fs);
bool tfs_super_valid(const struct tfs_env *env, const u8 *block);
void tfs_log(struct tfs *fs, enum tfs_log_level level, const char *text);
constexpr enum tfs_kind KIND_NONE = (enum tfs_kind)0;

// ---- record.c: the live tree with history
err_t tfs_rec_get(struct tfs *fs, const struct key *key, struct cursor *c); // ERR_NOENT; c at it
err_t tfs_rec_put(struct tfs *fs, const struct key *key, const void *value, u32 len);
err_t tfs_rec_del(struct tfs *fs, const struct key *key);
err_t tfs_rec_bury(struct tfs *fs,
                   const struct record *r); // into the memtable, died now; r->birth <= last entry
static inline bool rec_kept(const struct tfs *fs, u64 birth) { return birth <= fs->last_entry_seq; }

// ---- view.c: records of one object and type at a moment, in order of off
struct past;
struct view {
    struct tfs *fs;
    u64 at, obj;
    u8 type;
    bool started;
    struct cursor live; // present
    struct past *past;  // or a merge of runs, memtable and live tree
    struct key last;
};
err_t tfs_view_open(struct tfs *fs, u64 at, const struct key *from, struct view *v);
err_t tfs_view_next(struct view *v, struct record *r, bool *have); // r until the next call
void tfs_view_close(struct view *v);
err_t tfs_view_get(struct tfs *fs, u64 at, const struct key *key, struct cursor *c); // ERR_NOENT

// ---- history.c
err_t tfs_history_load(struct tfs *fs);
void tfs_history_fini(struct tfs *fs);
err_t tfs_history_flush(
    struct tfs *fs); // memtable to a run, then merges; does nothing without space
bool tfs_run_may_have(const struct run *run, u64 obj, u64 at);
err_t tfs_run_decode(const struct record *r, struct tfs *fs, struct run *run); // allocates bloom

// ---- timeline.c
err_t tfs_entry_add(struct tfs *fs, enum tfs_kind kind, u64 ino);
err_t tfs_pack_save(struct tfs *fs); // into the memtable
err_t tfs_pack_decode(const struct record *r, struct tfs_moment *out,
                      u32 *count); // out: PACK_ENTRIES

// ---- inode.c
struct inode {
    u64 ino;
    u32 mode, nlink, uid, gid;
    u64 rdev, size, blocks, atime_ns, mtime_ns, ctime_ns, btime_ns, parent;
    u64 birth;
};
constexpr u32 MODE_TYPE = 0170000, MODE_DIR = 0040000, MODE_REG = 0100000, MODE_LNK = 0120000;
static inline bool inode_is(const struct inode *i, u32 type) {
    return (i->mode & MODE_TYPE) == type;
}
err_t tfs_inode_get(struct tfs *fs, u64 at, u64 ino, struct inode *i);
err_t tfs_inode_put(struct tfs *fs, const struct inode *i);
err_t tfs_inode_decode(const struct record *r, struct inode *i);
err_t tfs_inode_new(struct tfs *fs, const struct tfs_create *how, u64 parent,
                    struct inode *i); // not stored
u64 tfs_now(struct tfs *fs);
bool tfs_ref_held(struct tfs *fs, u64 ino);
err_t tfs_ref_add(struct tfs *fs, u64 ino);
void tfs_refs_fini(struct tfs *fs);
// The last name of i went in the running operation: removes it now, or leaves an orphan when it is
// open or big. *reclaim: the caller must call tfs_reclaim after the operation.
err_t tfs_inode_unlinked(struct tfs *fs, struct inode *i, bool *reclaim);
err_t tfs_inode_erase(struct tfs *fs, struct inode *i,
                      bool *more); // one step of removing all of it
err_t tfs_orphan_put(struct tfs *fs, u64 ino, u64 keep_bytes, bool whole);
err_t tfs_reclaim(struct tfs *fs,
                  u64 ino);            // outside an operation: finishes an orphan that nobody holds
err_t tfs_reclaim_all(struct tfs *fs); // at mount

// ---- dir.c
err_t tfs_name_valid(struct tfs_name name);
struct dirent {
    struct key key;
    u64 ino;
    u32 mode_type;
};
err_t tfs_dirent_find(struct tfs *fs, u64 at, u64 dir, struct tfs_name name, struct dirent *d);
err_t tfs_dirent_decode(const struct record *r, struct tfs_dirent *d); // name borrowed from r
err_t tfs_dirent_add(struct tfs *fs, u64 dir, struct tfs_name name, const struct inode *i);
err_t tfs_dir_get(struct tfs *fs, u64 at, u64 dir, struct inode *i); // ERR_NOTDIR
u64 tfs_name_hash(struct tfs *fs, struct tfs_name name);             // low 8 bits clear

// ---- file.c
err_t tfs_extent_decode(struct tfs *fs, const struct record *r, struct extent *e);
err_t tfs_extents_remove(struct tfs *fs, struct inode *i, u64 first, u64 end, u32 limit,
                         bool *more);
err_t tfs_file_write(struct tfs *fs, struct inode *i, struct tfs_span span, const void *buf);
err_t tfs_file_read(struct tfs *fs, u64 at, u64 ino, struct tfs_span span, void *buf, size_t *got);
err_t tfs_file_resize(struct tfs *fs, struct inode *i, u64 size,
                      bool *more); // more: tfs_reclaim later
