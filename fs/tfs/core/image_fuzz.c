// SPDX-License-Identifier: MIT
// Damaged images: the input changes bytes of a small, busy volume; then checksums are made right
// again, so that the damage gets past them. Mounting, walking present and past, writing, and the
// check must end without a crash. Input: 5 bytes a change: which used block (2), offset in it (2),
// value (1).
#include "sim_impl.h"
#include <lib/crc32c.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

constexpr u64 BYTES = MIB(8);
constexpr u32 BLOCKS = BYTES / TFS_BLOCK_SIZE;

static struct sim base; // the good image
static u32 used[BLOCKS],
    used_count; // its present metadata: superblock, bitmaps, first copies of nodes
static bool recording;

static void must(err_t err) {
    if (err != ERR_OK) {
        abort();
    }
}

static void make_files(struct tfs *fs) {
    static u8 data[20000];
    for (u32 i = 0; i < 120; i++) {
        char text[24];
        struct tfs_create how = {i % 10 == 0 ? 0040755 : 0100644, 0, 0, 0};
        struct tfs_name name = {text, (size_t)snprintf(text, sizeof(text), "file%u", i % 90)};
        u64 ino;
        size_t put;
        if (tfs_create(fs, TFS_ROOT_INO, name, &how, &ino) != ERR_OK) {
            must(tfs_lookup(fs, TFS_NOW, TFS_ROOT_INO, name, &ino));
        }
        err_t err = tfs_write(fs, ino, (struct tfs_span){i * 37, 100 + i * 150}, data, &put);
        err =
            tfs_xattr_set(fs, ino, (struct tfs_name){"user.x", 6}, (struct tfs_bytes){data, i}, 0);
        if (i % 7 == 3) {
            err = tfs_unlink(fs, TFS_ROOT_INO, name);
        }
        base.wall_ns += NS_PER_SEC;
        if (i % 20 == 19) {
            must(tfs_commit(fs));
        }
        unused_arg(err);
    }
}

static u32 magic_of(const u8 *block) {
    u32 magic;
    memcpy(&magic, block, 4);
    return magic;
}

static u8 *block_at(struct sim *s, u64 i) { return s->seen + i * TFS_BLOCK_SIZE; }

// From the leaves up: a node's checksum stands in its parent, too. Levels above 11 do not exist.
static void fix_node(struct sim *s, struct tfs_bp *bp, u32 depth) {
    u64 paddr = le64_get(bp->paddr[0]);
    if (depth > TFS_LEVEL_MAX || paddr >= BLOCKS ||
        magic_of(block_at(s, paddr)) != TFS_NODE_MAGIC) {
        return;
    }
    u8 *block = block_at(s, paddr);
    struct tfs_node *n = (struct tfs_node *)(void *)block;
    struct tfs_ptr *ptrs = (struct tfs_ptr *)(void *)(block + sizeof(*n));
    for (u32 i = 0; n->level > 0 && i < le16_get(n->count) && i < TFS_PTRS_MAX; i++) {
        if (ptrs[i].bp.level < n->level) {
            fix_node(s, &ptrs[i].bp, depth + 1);
        }
    }
    n->crc = le32_of(crc32c(0, block + 8, TFS_BLOCK_SIZE - 8));
    bp->crc = n->crc;
    if (recording) {
        used[used_count++] = (u32)paddr;
    }
}

static void fix_runs(struct sim *s, struct tfs_bp *bp,
                     u32 depth) { // RUN records hold roots of trees
    u64 paddr = le64_get(bp->paddr[0]);
    if (depth > TFS_LEVEL_MAX || paddr >= BLOCKS ||
        magic_of(block_at(s, paddr)) != TFS_NODE_MAGIC) {
        return;
    }
    u8 *block = block_at(s, paddr);
    struct tfs_node *n = (struct tfs_node *)(void *)block;
    struct tfs_ptr *ptrs = (struct tfs_ptr *)(void *)(block + sizeof(*n));
    struct tfs_item *items = (struct tfs_item *)(void *)(block + sizeof(*n));
    for (u32 i = 0; i < le16_get(n->count); i++) {
        if (n->level > 0 && i < TFS_PTRS_MAX && ptrs[i].bp.level < n->level) {
            fix_runs(s, &ptrs[i].bp, depth + 1);
        } else if (n->level == 0 && i < TFS_NODE_SPACE / sizeof(*items) &&
                   items[i].type == TFS_RUN &&
                   le16_get(items[i].value_off) + sizeof(struct tfs_run_value) <= TFS_BLOCK_SIZE) {
            fix_node(s, (struct tfs_bp *)(void *)(block + le16_get(items[i].value_off)), 0);
        }
    }
}

static void fix_sums(struct sim *s) {
    for (u32 i = 0; i < BLOCKS; i++) {
        u8 *block = block_at(s, i);
        if (magic_of(block) == TFS_BITMAP_MAGIC) {
            struct tfs_bitmap *b = (struct tfs_bitmap *)(void *)block;
            b->crc = le32_of(crc32c(0, block + 8, TFS_BLOCK_SIZE - 8));
        }
    }
    u8 *block = block_at(s, used[0]);
    struct tfs_super *super = (struct tfs_super *)(void *)block;
    fix_runs(s, &super->live, 0);
    fix_node(s, &super->live, 0);
    fix_node(s, &super->memtable, 0);
    super->crc = le32_of(crc32c(0, block + 12, TFS_BLOCK_SIZE - 12));
}

static void base_make(void) {
    sim_init(&base, BYTES, 1);
    base.write_through = true;
    struct tfs_env env = sim_env(&base);
    struct tfs_format_opts format = {};
    struct tfs_mount_opts opts = {.memtable_nodes = 6};
    struct tfs *fs;
    must(tfs_format(&env, &format));
    must(tfs_mount(&env, &opts, &fs));
    make_files(fs);
    must(tfs_unmount(fs));
    u32 newest = 0;
    for (u32 i = 0; i < TFS_RING_SLOTS; i++) {
        const struct tfs_super *super = (const struct tfs_super *)(void *)block_at(&base, i);
        const struct tfs_super *best = (const struct tfs_super *)(void *)block_at(&base, newest);
        if (le64_get(super->txg) > le64_get(best->txg)) {
            newest = i;
        }
    }
    used[used_count++] = newest;
    used[used_count++] = TFS_RING_SLOTS; // the bitmaps
    used[used_count++] = TFS_RING_SLOTS + 1;
    recording = true;
    fix_sums(&base);
    recording = false;
}

struct walk {
    u64 inos[256];
    u32 count;
};

static bool walk_emit(void *arg, const struct tfs_dirent *d) {
    struct walk *w = arg;
    if (w->count < countof(w->inos)) {
        w->inos[w->count++] = d->ino;
    }
    return true;
}

static bool ignore_xattr(void *arg, struct tfs_name name, size_t len) {
    unused_arg(arg);
    return name.len + len > 0;
}

static bool ignore_version(void *arg, const struct tfs_version *v) {
    unused_arg(arg);
    return v->birth_seq > 0;
}

static void walk(struct tfs *fs, u64 at) {
    static u8 buf[30000];
    static struct walk w;
    w.count = 0;
    err_t err = tfs_readdir(fs, at, TFS_ROOT_INO, 0, walk_emit, &w);
    for (u32 i = 0; i < w.count; i++) {
        struct tfs_attr a;
        size_t got;
        u64 found;
        err = tfs_getattr(fs, at, w.inos[i], &a);
        err = tfs_read(fs, at, w.inos[i], (struct tfs_span){i, sizeof(buf)}, buf, &got);
        err = tfs_seek(fs, at, w.inos[i], i, true, &found);
        err = tfs_xattr_list(fs, at, w.inos[i], ignore_xattr, nullptr);
        if (i < 20) {
            err = tfs_versions_each(fs, w.inos[i], ignore_version, nullptr);
            err = tfs_readdir(fs, at, w.inos[i], 0, walk_emit, &w);
        }
    }
    unused_arg(err);
}

static void change(struct tfs *fs) {
    struct tfs_create how = {0100644, 0, 0, 0};
    u64 ino;
    size_t put;
    err_t err = tfs_create(fs, TFS_ROOT_INO, (struct tfs_name){"new", 3}, &how, &ino);
    if (err == ERR_OK) {
        err = tfs_write(fs, ino, (struct tfs_span){0, 9000}, base.disk, &put);
    }
    err = tfs_unlink(fs, TFS_ROOT_INO, (struct tfs_name){"file5", 5});
    struct tfs_rename r = {TFS_ROOT_INO, {"file20", 6}, TFS_ROOT_INO, {"file21", 6}, 0};
    err = tfs_rename(fs, &r);
    err = tfs_commit(fs);
    unused_arg(err);
}

static void quiet(void *arg, const char *text) {
    unused_arg(arg);
    unused_arg(text);
}

static struct sim copy; // kept between runs; only changed blocks are restored

static void copy_reset(void) {
    if (copy.seen == nullptr) {
        sim_init(&copy, BYTES, 2);
        copy.write_through = true;
    }
    memcpy(copy.seen, base.disk, BYTES);
    copy.off = false;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size) {
    if (used_count == 0) {
        base_make();
    }
    copy_reset();
    for (size_t i = 0; i + 5 <= size && i < 200; i += 5) {
        u32 block = used[(data[i] | data[i + 1] << 8) % used_count];
        u32 off = (data[i + 2] | data[i + 3] << 8) % TFS_BLOCK_SIZE;
        block_at(&copy, block)[off] = data[i + 4];
    }
    fix_sums(&copy);
    struct tfs_env env = sim_env(&copy);
    struct tfs_check_stats stats;
    err_t err = tfs_check(&env, TFS_CHECK_DATA, quiet, nullptr, &stats);
    struct tfs_mount_opts opts = {.memtable_nodes = 6};
    struct tfs *fs;
    if (tfs_mount(&env, &opts, &fs) == ERR_OK) {
        u64 seq = 40;
        walk(fs, TFS_NOW);
        err = tfs_seq_of_time(fs, base.wall_ns - 60 * NS_PER_SEC, &seq);
        walk(fs, seq);
        change(fs);
        err = tfs_unmount(fs);
    }
    unused_arg(err);
    if (copy.live_allocs != 0) {
        abort();
    }
    return 0;
}
