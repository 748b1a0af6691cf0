// SPDX-License-Identifier: MIT
// The superblock rings, formatting, mounting. A commit's superblock goes to slot (txg mod 64) of
// both rings. Mounting takes the valid one with the highest txg whose trees can be read, and goes
// back to older ones when they cannot.
#include "core_impl.h"
#include <lib/crc32c.h>

constexpr u32 SUPER_TRIES = 4;
constexpr u64 CACHE_DEFAULT = MIB(4), CACHE_MIN = MIB(1);
constexpr u32 RING_CHUNK = 16;

bool tfs_super_valid(const struct tfs_env *env, const u8 *block) {
    const struct tfs_super *s = (const struct tfs_super *)(const void *)block;
    if (le64_get(s->magic) != TFS_SUPER_MAGIC ||
        le32_get(s->crc) != crc32c(0, block + 12, TFS_BLOCK_SIZE - 12)) {
        return false;
    }
    u64 blocks = le64_get(s->block_count);
    return blocks * TFS_BLOCK_SIZE >= TFS_MIN_BYTES && blocks <= env->block_count &&
           blocks < (u64)TFS_AG_MAX * TFS_AG_BLOCKS && le64_get(s->txg) > 0 &&
           le64_get(s->last_entry_seq) <= le64_get(s->seq) && le64_get(s->seq) < NO_DEATH / 2 &&
           s->live.level <= TFS_LEVEL_MAX && s->memtable.level <= TFS_LEVEL_MAX;
}

err_t tfs_super_write(struct tfs *fs) {
    struct tfs_super *s = &fs->super;
    s->txg = le64_of(fs->txg);
    s->seq = le64_of(fs->seq);
    s->last_entry_seq = le64_of(fs->last_entry_seq);
    s->wall_ns = le64_of(tfs_now(fs));
    s->blocks_used = le64_of(fs->blocks_used);
    s->next_ino = le64_of(fs->next_ino);
    s->next_run = le64_of(fs->next_run);
    s->inodes_used = le64_of(fs->inodes_used);
    s->memtable_records = le64_of(fs->memtable_records);
    s->memtable_nodes = le64_of(fs->memtable.nodes);
    s->memtable_min_birth = le64_of(fs->memtable_min_birth);
    s->live = tfs_bp_of(&fs->live.root);
    s->memtable = tfs_bp_of(&fs->memtable.root);
    s->crc = le32_of(crc32c(0, (const u8 *)s + 12, TFS_BLOCK_SIZE - 12));
    u64 slot = fs->txg % TFS_RING_SLOTS;
    u64 end_ring = le64_get(s->block_count) - TFS_RING_SLOTS;
    TRY(fs->env.write(fs->env.arg, slot, 1, s));
    return fs->env.write(fs->env.arg, end_ring + slot, 1, s);
}

// ---- memory
static void *take(struct tfs *fs, size_t bytes) {
    void *mem = fs->env.alloc(fs->env.arg, bytes);
    if (mem != nullptr) {
        memset(mem, 0, bytes);
    }
    return mem;
}

static void give(struct tfs *fs, void *mem, size_t bytes) {
    if (mem != nullptr) {
        fs->env.free(fs->env.arg, mem, bytes);
    }
}

static void fs_destroy(struct tfs *fs) {
    struct tfs_env env = fs->env;
    tfs_history_fini(fs);
    tfs_refs_fini(fs);
    if (fs->hash != nullptr) {
        tfs_node_drop_all(fs);
    }
    tfs_space_fini(fs);
    give(fs, fs->hash, NODE_HASH_SLOTS * sizeof(*fs->hash));
    give(fs, fs->scratch, TFS_BLOCK_SIZE);
    give(fs, fs->old_value, TFS_BLOCK_SIZE);
    give(fs, fs->block, TFS_BLOCK_SIZE);
    give(fs, fs->batch, (size_t)IO_NODES * TFS_BLOCK_SIZE);
    give(fs, fs->sort, fs->node_cap * sizeof(struct cnode *));
    if (fs->mutex != nullptr) {
        env.mutex_destroy(env.arg, fs->mutex);
    }
    env.free(env.arg, fs, sizeof(*fs));
}

static err_t fs_create(const struct tfs_env *env, u64 cache_bytes, struct tfs **out) {
    struct tfs *fs = env->alloc(env->arg, sizeof(*fs));
    if (fs == nullptr) {
        return ERR_NOMEM;
    }
    memset(fs, 0, sizeof(*fs));
    fs->env = *env;
    list_init(&fs->lru);
    list_init(&fs->dirty);
    u64 cache = MAX(cache_bytes == 0 ? CACHE_DEFAULT : cache_bytes, CACHE_MIN);
    fs->node_cap = (u32)MIN(cache / TFS_BLOCK_SIZE, (u64)1 << 20);
    fs->memtable_cap = MIN(MEMTABLE_NODES_MAX, fs->node_cap / 4);
    fs->mutex = env->mutex_create(env->arg);
    fs->hash = take(fs, NODE_HASH_SLOTS * sizeof(*fs->hash));
    fs->scratch = take(fs, TFS_BLOCK_SIZE);
    fs->old_value = take(fs, TFS_BLOCK_SIZE);
    fs->block = take(fs, TFS_BLOCK_SIZE);
    fs->batch = take(fs, (size_t)IO_NODES * TFS_BLOCK_SIZE);
    fs->sort = take(fs, fs->node_cap * sizeof(struct cnode *));
    if (fs->mutex == nullptr || fs->hash == nullptr || fs->scratch == nullptr ||
        fs->old_value == nullptr || fs->block == nullptr || fs->batch == nullptr ||
        fs->sort == nullptr) {
        fs_destroy(fs);
        return ERR_NOMEM;
    }
    fs->live = (struct btree){.fs = fs, .kind = TFS_TREE_LIVE};
    fs->memtable = (struct btree){.fs = fs, .kind = TFS_TREE_MEMTABLE};
    *out = fs;
    return ERR_OK;
}

// ---- formatting
static err_t rings_clear(struct tfs *fs, u64 block_count) {
    memset(fs->batch, 0, (size_t)IO_NODES * TFS_BLOCK_SIZE);
    for (u32 ring = 0; ring < 2; ring++) {
        u64 start = ring == 0 ? 0 : block_count - TFS_RING_SLOTS;
        for (u32 i = 0; i < TFS_RING_SLOTS; i += IO_NODES) {
            TRY(fs->env.write(fs->env.arg, start + i, IO_NODES, fs->batch));
        }
    }
    return fs->env.flush(fs->env.arg);
}

static void super_fill(struct tfs *fs, const struct tfs_format_opts *opts, u64 block_count) {
    struct tfs_super *s = &fs->super;
    struct tfs_env *env = &fs->env;
    s->magic = le64_of(TFS_SUPER_MAGIC);
    s->version = le32_of(TFS_VERSION);
    u64 id[2] = {env->random(env->arg), env->random(env->arg)};
    memcpy(s->uuid, id, sizeof(id));
    s->uuid[6] = (u8)((s->uuid[6] & 0x0f) | 0x40); // RFC 9562: version 4, variant 10
    s->uuid[8] = (u8)((s->uuid[8] & 0x3f) | 0x80);
    fs->fsid = env->random(env->arg);
    s->fsid = le64_of(fs->fsid);
    s->hash_key[0] = le64_of(env->random(env->arg));
    s->hash_key[1] = le64_of(env->random(env->arg));
    s->block_count = le64_of(block_count);
    s->created_ns = le64_of(tfs_now(fs));
    if (opts->label != nullptr) {
        size_t len = strlen(opts->label);
        memcpy(s->label, opts->label, MIN(len, sizeof(s->label) - 1));
    }
}

static err_t format_root(struct tfs *fs, const struct tfs_format_opts *opts) {
    struct op op = {};
    TRY(tfs_op_begin(fs, &op));
    u32 mode = opts->root_mode == 0 ? 0755 : opts->root_mode & 07777;
    struct tfs_create how = {MODE_DIR | mode, opts->root_uid, opts->root_gid, 0};
    struct inode root;
    err_t err = tfs_inode_new(fs, &how, TFS_ROOT_INO, &root);
    if (err == ERR_OK) {
        err = tfs_inode_put(fs, &root);
    }
    TRY(tfs_op_end(fs, err, TFS_KIND_FORMAT, TFS_ROOT_INO));
    return tfs_commit_locked(fs);
}

err_t tfs_format(const struct tfs_env *env, const struct tfs_format_opts *opts) {
    u64 block_count = MIN(env->block_count, (u64)TFS_AG_MAX * TFS_AG_BLOCKS - 1);
    if (env->write == nullptr) {
        return ERR_ROFS;
    }
    if (block_count * TFS_BLOCK_SIZE < TFS_MIN_BYTES) {
        return ERR_INVAL;
    }
    struct tfs *fs;
    TRY(fs_create(env, 0, &fs));
    err_t err = tfs_space_init(fs, block_count);
    if (err == ERR_OK) {
        err = rings_clear(fs, block_count);
    }
    if (err == ERR_OK) {
        super_fill(fs, opts, block_count);
        fs->txg = 1;
        fs->next_ino = TFS_ROOT_INO;
        fs->next_run = 1;
        fs->memtable_min_birth = NO_DEATH;
        fs->blocks_free = fs->blocks_total;
        err = format_root(fs, opts);
    }
    fs_destroy(fs);
    return err;
}

// ---- mounting
struct ring_scan {
    u64 below; // only superblocks with a lower txg
    u64 best;  // 0: none
    bool magic_seen, version_seen;
};

static err_t scan_ring(struct tfs *fs, u64 start, struct ring_scan *scan) {
    static_assert(RING_CHUNK <= IO_NODES);
    for (u32 i = 0; i < TFS_RING_SLOTS; i += RING_CHUNK) {
        TRY(fs->env.read(fs->env.arg, start + i, RING_CHUNK, fs->batch));
        for (u32 k = 0; k < RING_CHUNK; k++) {
            const u8 *block = fs->batch + (size_t)k * TFS_BLOCK_SIZE;
            const struct tfs_super *s = (const struct tfs_super *)(const void *)block;
            if (le64_get(s->magic) != TFS_SUPER_MAGIC) {
                continue;
            }
            scan->magic_seen = true;
            if (le32_get(s->version) != TFS_VERSION) {
                scan->version_seen = true;
                continue;
            }
            u64 txg = le64_get(s->txg);
            if (txg < scan->below && txg > scan->best && tfs_super_valid(&fs->env, block)) {
                scan->best = txg;
                memcpy(&fs->super, block, TFS_BLOCK_SIZE);
            }
        }
    }
    return ERR_OK;
}

static err_t find_super(struct tfs *fs, struct ring_scan *scan) {
    scan->best = 0;
    err_t first = scan_ring(fs, 0, scan);
    err_t second = scan_ring(fs, fs->env.block_count - TFS_RING_SLOTS, scan);
    if (scan->best != 0) {
        return ERR_OK;
    }
    if (first != ERR_OK && second != ERR_OK) {
        return first;
    }
    return !scan->magic_seen    ? ERR_TFS_NOT_TFS
           : scan->version_seen ? ERR_TFS_VERSION
                                : ERR_TFS_CHECKSUM;
}

static err_t super_load(struct tfs *fs) {
    const struct tfs_super *s = &fs->super;
    fs->fsid = le64_get(s->fsid);
    fs->txg = le64_get(s->txg) + 1;
    fs->seq = le64_get(s->seq);
    fs->last_entry_seq = le64_get(s->last_entry_seq);
    fs->next_ino = le64_get(s->next_ino);
    fs->next_run = le64_get(s->next_run);
    fs->inodes_used = le64_get(s->inodes_used);
    fs->memtable_records = le64_get(s->memtable_records);
    fs->memtable_min_birth = le64_get(s->memtable_min_birth);
    fs->live.root = bp_get(&s->live);
    fs->memtable.root = bp_get(&s->memtable);
    fs->memtable.nodes = le64_get(s->memtable_nodes);
    TRY(tfs_space_init(fs, le64_get(s->block_count)));
    fs->blocks_used = le64_get(s->blocks_used);
    if (fs->blocks_used > fs->blocks_total || fs->live.root.paddr[0] == 0) {
        return ERR_TFS_FORMAT;
    }
    fs->blocks_free = fs->blocks_total - fs->blocks_used;
    struct inode root;
    TRY(tfs_dir_get(fs, TFS_NOW, TFS_ROOT_INO, &root));
    if (fs->memtable.root.paddr[0] != 0) {
        TRY(tfs_node_read_raw(&fs->memtable, &fs->memtable.root, fs->scratch));
    }
    return tfs_history_load(fs);
}

static void super_unload(struct tfs *fs) {
    tfs_history_fini(fs);
    tfs_node_drop_all(fs);
    fs->node_count = 0;
    fs->spare_count = 0;
    list_init(&fs->lru);
    tfs_space_fini(fs);
}

static err_t mount_newest(struct tfs *fs) {
    struct ring_scan scan = {.below = NO_DEATH};
    err_t first = ERR_OK;
    for (u32 i = 0; i < SUPER_TRIES; i++) {
        err_t err = find_super(fs, &scan);
        if (err != ERR_OK) {
            return first != ERR_OK ? first : err;
        }
        err = super_load(fs);
        if (err == ERR_OK || err == ERR_NOMEM) {
            return err;
        }
        first = first == ERR_OK ? err : first;
        tfs_log(fs, TFS_LOG_WARN, "tfs: the newest state cannot be read, going back one commit");
        super_unload(fs);
        scan.below = scan.best;
    }
    return first;
}

err_t tfs_mount(const struct tfs_env *env, const struct tfs_mount_opts *opts, struct tfs **out) {
    if (env->block_count * TFS_BLOCK_SIZE < TFS_MIN_BYTES || env->block_count > (u64)1 << 48) {
        return ERR_TFS_NOT_TFS;
    }
    struct tfs *fs;
    TRY(fs_create(env, opts->cache_bytes, &fs));
    if (opts->memtable_nodes != 0) {
        fs->memtable_cap = MIN(opts->memtable_nodes, fs->memtable_cap);
    }
    fs->bulk = opts->bulk;
    fs->read_only = opts->read_only || env->write == nullptr;
    err_t err = mount_newest(fs);
    if (err == ERR_OK && !fs->read_only) {
        tfs_space_preload(fs);
        err = tfs_reclaim_all(fs);
    }
    if (err != ERR_OK) {
        fs_destroy(fs);
        return err;
    }
    *out = fs;
    return ERR_OK;
}

err_t tfs_unmount(struct tfs *fs) {
    err_t err = fs->read_only ? ERR_OK : tfs_commit(fs);
    fs_destroy(fs);
    return err;
}

err_t tfs_statfs(struct tfs *fs, struct tfs_statfs *out) {
    fs->env.lock(fs->env.arg, fs->mutex);
    u64 free = fs->blocks_total - MIN(fs->blocks_total, fs->blocks_used);
    u64 kept = fs->reserve + OP_BLOCKS + SLACK_BLOCKS;
    *out = (struct tfs_statfs){.blocks_total = fs->blocks_total,
                               .blocks_free = free,
                               .blocks_available = free > kept ? free - kept : 0,
                               .inodes_used = fs->inodes_used,
                               .fsid = fs->fsid,
                               .txg = fs->txg - 1,
                               .seq = fs->seq,
                               .history_records = fs->memtable_records + fs->run_records,
                               .history_runs = fs->run_count};
    memcpy(out->uuid, fs->super.uuid, sizeof(out->uuid));
    memcpy(out->label, fs->super.label, sizeof(out->label));
    out->label[sizeof(out->label) - 1] = 0;
    fs->env.unlock(fs->env.arg, fs->mutex);
    return ERR_OK;
}
