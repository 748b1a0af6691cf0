// SPDX-License-Identifier: MIT
// Operations and commits. A commit makes all finished operations durable at once:
//   1. records of its own: the timeline pack; a full memtable becomes a run;
//   2. dirty nodes get their checksums from the leaves up and are written, both copies, in order of
//   their place;
//   3. bitmaps of changed groups; 4. flush; 5. superblock, both rings; 6. flush.
// Everything before 5 goes to blocks the last superblock does not use, so a crash anywhere leaves
// the last or the new state. An error anywhere marks the file system failed: the disk keeps the
// last commit.
#include "core_impl.h"
#include <lib/crc32c.h>

void tfs_log(struct tfs *fs, enum tfs_log_level level, const char *text) {
    if (fs->env.log != nullptr) {
        fs->env.log(fs->env.arg, level, text);
    }
}

u64 tfs_now(struct tfs *fs) { return fs->env.now_wall_ns(fs->env.arg); }

static void seal(struct tfs *fs) {
    u8 top = MAX(fs->live.root.level, fs->memtable.root.level);
    for (u8 level = 0; level <= top; level++) {
        struct cnode *n;
        list_for_each(n, &fs->dirty, link) {
            if (n->level != level) {
                continue;
            }
            u32 count = level > 0 ? node_count(n->buf) : 0;
            for (u32 i = 0; i < count; i++) {
                struct tfs_bp *bp = &node_ptrs(n->buf)[i].bp;
                if (le64_get(bp->birth_txg) == fs->txg) {
                    struct cnode *child = tfs_node_find(fs, le64_get(bp->paddr[0]));
                    if (child != nullptr && child->dirty) { // not when it is a run's
                        bp->crc = le32_of(child->crc);
                    }
                }
            }
            n->crc = crc32c(0, n->buf + 8, TFS_BLOCK_SIZE - 8);
            node_head(n->buf)->crc = le32_of(n->crc);
        }
    }
    struct btree *trees[2] = {&fs->live, &fs->memtable};
    for (u32 i = 0; i < 2; i++) {
        struct cnode *root = tfs_node_find(fs, trees[i]->root.paddr[0]);
        if (trees[i]->root.paddr[0] != 0 && root != nullptr) {
            trees[i]->root.crc = root->crc;
        }
    }
}

static void sift(struct cnode **a, u32 i, u32 count, u32 copy) {
    for (;;) {
        u32 child = 2 * i + 1;
        if (child >= count) {
            return;
        }
        if (child + 1 < count && a[child + 1]->paddr[copy] > a[child]->paddr[copy]) {
            child++;
        }
        if (a[child]->paddr[copy] <= a[i]->paddr[copy]) {
            return;
        }
        struct cnode *t = a[i];
        a[i] = a[child];
        a[child] = t;
        i = child;
    }
}

static void sort_by_place(struct cnode **a, u32 count, u32 copy) { // heapsort
    for (u32 i = count / 2; i-- > 0;) {
        sift(a, i, count, copy);
    }
    for (u32 end = count; end-- > 1;) {
        struct cnode *t = a[0];
        a[0] = a[end];
        a[end] = t;
        sift(a, 0, end, copy);
    }
}

static err_t write_sorted(struct tfs *fs, u32 count, u32 copy) {
    sort_by_place(fs->sort, count, copy);
    for (u32 i = 0; i < count;) {
        u32 n = 0;
        u64 start = fs->sort[i]->paddr[copy];
        while (n < IO_NODES && i + n < count && fs->sort[i + n]->paddr[copy] == start + n) {
            memcpy(fs->batch + (size_t)n * TFS_BLOCK_SIZE, fs->sort[i + n]->buf, TFS_BLOCK_SIZE);
            n++;
        }
        TRY(fs->env.write(fs->env.arg, start, n, fs->batch));
        i += n;
    }
    return ERR_OK;
}

err_t tfs_nodes_write(struct tfs *fs, struct cnode *const *nodes, u32 count) {
    for (u32 copy = 0; copy < 2; copy++) {
        memcpy(fs->sort, nodes, count * sizeof(struct cnode *));
        TRY(write_sorted(fs, count, copy));
    }
    return ERR_OK;
}

static err_t write_nodes(struct tfs *fs) {
    u32 count = 0;
    struct cnode *n;
    list_for_each(n, &fs->dirty, link) {
        fs->sort[count++] = n;
        if (count == fs->node_cap) {
            TRY(write_sorted(fs, count, 0));
            TRY(write_sorted(fs, count, 1));
            count = 0;
        }
    }
    TRY(write_sorted(fs, count, 0));
    return write_sorted(fs, count, 1);
}

static err_t commit_steps(struct tfs *fs) {
    TRY(tfs_pack_save(fs));
    if (fs->memtable.nodes >= fs->memtable_cap) {
        TRY(tfs_history_flush(fs));
    }
    seal(fs);
    TRY(write_nodes(fs));
    TRY(tfs_space_write(fs));
    TRY(fs->env.flush(fs->env.arg));
    TRY(tfs_super_write(fs));
    return fs->env.flush(fs->env.arg);
}

err_t tfs_commit_locked(struct tfs *fs) {
    if (fs->failed != ERR_OK) {
        return fs->failed;
    }
    err_t err = commit_steps(fs);
    if (err != ERR_OK) {
        fs->failed = err;
        tfs_log(fs, TFS_LOG_ERROR, "tfs: commit failed; no further changes until the next mount");
        return err;
    }
    struct cnode *n, *tmp;
    list_for_each_safe(n, tmp, &fs->dirty, link) { tfs_node_clean(fs, n); }
    fs->txg++;
    fs->changed = false;
    tfs_space_release(fs);
    return ERR_OK;
}

static err_t make_room(struct tfs *fs, const struct op *op) {
    u64 need = OP_BLOCKS + SLACK_BLOCKS + op->blocks + (op->privileged ? 0 : fs->reserve);
    for (u32 i = 0; i <= REUSE_TXGS + 1; i++) {
        if (fs->blocks_free >= need) {
            return ERR_OK;
        }
        if (fs->blocks_total - MIN(fs->blocks_total, fs->blocks_used) < need) {
            return ERR_NOSPC;
        }
        TRY(tfs_commit_locked(fs)); // so that freed blocks become usable
    }
    return ERR_NOSPC;
}

static err_t op_prepare(struct tfs *fs, const struct op *op) {
    if (fs->read_only || fs->failed != ERR_OK) {
        return ERR_ROFS;
    }
    if (fs->dirty_count > fs->node_cap / 2) {
        TRY(tfs_commit_locked(fs));
    }
    TRY(make_room(fs, op));
    TRY(tfs_space_ready(fs));
    err_t err = tfs_node_ready(fs, SPARE_NODES);
    if (err == ERR_NOMEM && fs->dirty_count > 0) {
        TRY(tfs_commit_locked(fs)); // dirty nodes become clean ones, which can go
        err = tfs_node_ready(fs, SPARE_NODES);
    }
    return err;
}

err_t tfs_op_begin(struct tfs *fs, const struct op *op) {
    TRY(op_prepare(fs, op));
    fs->seq++;
    fs->touched = false;
    return ERR_OK;
}

err_t tfs_op_again(struct tfs *fs, const struct op *op) {
    bool touched = fs->touched;
    TRY(op_prepare(fs, op));
    fs->seq++;
    fs->touched = touched;
    return ERR_OK;
}

err_t tfs_op_end(struct tfs *fs, err_t err, enum tfs_kind kind, u64 ino) {
    if (!fs->touched) {
        fs->seq--; // nothing happened: the number is free again
        return err;
    }
    if (err == ERR_OK && kind != KIND_NONE && !fs->bulk) {
        err = tfs_entry_add(fs, kind, ino);
    }
    if (err != ERR_OK && fs->failed == ERR_OK) {
        fs->failed = err;
        tfs_log(fs, TFS_LOG_ERROR,
                "tfs: an operation broke off; no further changes until the next mount");
    }
    return err;
}

err_t tfs_commit(struct tfs *fs) {
    fs->env.lock(fs->env.arg, fs->mutex);
    err_t err = fs->read_only ? ERR_OK : fs->failed;
    if (err == ERR_OK && !fs->read_only) {
        if (fs->seq > fs->last_entry_seq) {
            err = tfs_entry_add(fs, TFS_KIND_COMMIT, 0);
        }
        if (err == ERR_OK && (fs->changed || fs->pack_dirty)) {
            err = tfs_commit_locked(fs);
        }
    }
    fs->env.unlock(fs->env.arg, fs->mutex);
    return err;
}

err_t tfs_boundary(struct tfs *fs, u64 ino, enum tfs_kind kind) {
    fs->env.lock(fs->env.arg, fs->mutex);
    err_t err = fs->failed != ERR_OK ? ERR_ROFS : ERR_OK;
    if (err == ERR_OK && !fs->read_only && fs->seq > fs->last_entry_seq) {
        err = tfs_entry_add(fs, kind, ino);
    }
    fs->env.unlock(fs->env.arg, fs->mutex);
    return err;
}

bool tfs_is_dirty(struct tfs *fs) {
    fs->env.lock(fs->env.arg, fs->mutex);
    bool dirty = !fs->read_only && fs->failed == ERR_OK && (fs->changed || fs->pack_dirty);
    fs->env.unlock(fs->env.arg, fs->mutex);
    return dirty;
}
