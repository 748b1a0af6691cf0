// SPDX-License-Identifier: MIT
// The node cache. A node is found by the block of its first copy. Clean nodes hang in an LRU list
// and may go at any time unless pinned; dirty nodes (born in the open txg) stay until commit wrote
// them. Copy on write happens when a node becomes dirty: the same buffer gets a new place, the old
// blocks are freed, and the caller (tree.c) writes the new place into the parent. So a node's place
// is known before commit, and commit itself needs no space.
//
// A node is believed only after: magic, volume, tree, level, own place, birth, checksum against the
// parent's pointer, order of keys, and all values inside the node; and, at each descent, that its
// keys lie in the range its parent gives. The last rule makes every walk over a damaged disk end:
// no node can be reached by two ways.
#include "core_impl.h"
#include <lib/crc32c.h>

static u32 hash_slot(u64 paddr) {
    return (u32)((paddr * 0x9e3779b97f4a7c15) >> 40) & (NODE_HASH_SLOTS - 1);
}

struct tfs_bp tfs_bp_of(const struct bp *bp) {
    return (struct tfs_bp){.paddr = {le64_of(bp->paddr[0]), le64_of(bp->paddr[1])},
                           .birth_txg = le64_of(bp->birth),
                           .crc = le32_of(bp->crc),
                           .level = bp->level};
}

struct cnode *tfs_node_find(struct tfs *fs, u64 paddr) {
    struct cnode *n = fs->hash[hash_slot(paddr)];
    while (n != nullptr && n->paddr[0] != paddr) {
        n = n->hash_next;
    }
    return n;
}

static void hash_add(struct tfs *fs, struct cnode *n) {
    struct cnode **slot = &fs->hash[hash_slot(n->paddr[0])];
    n->hash_next = *slot;
    *slot = n;
}

static void hash_remove(struct tfs *fs, struct cnode *n) {
    struct cnode **slot = &fs->hash[hash_slot(n->paddr[0])];
    while (*slot != n) {
        slot = &(*slot)->hash_next;
    }
    *slot = n->hash_next;
}

static void spare_add(struct tfs *fs, struct cnode *n) {
    n->hash_next = fs->spare;
    fs->spare = n;
    fs->spare_count++;
}

static bool spare_make(struct tfs *fs) { // one more buffer from env
    struct cnode *n = fs->env.alloc(fs->env.arg, sizeof(*n));
    if (n == nullptr) {
        return false;
    }
    *n = (struct cnode){.buf = fs->env.alloc(fs->env.arg, TFS_BLOCK_SIZE)};
    if (n->buf == nullptr) {
        fs->env.free(fs->env.arg, n, sizeof(*n));
        return false;
    }
    list_init(&n->link);
    fs->node_count++;
    spare_add(fs, n);
    return true;
}

static bool evict_one(struct tfs *fs) { // the clean node not used for the longest time
    if (list_empty(&fs->lru)) {
        return false;
    }
    struct cnode *n = list_first(&fs->lru, struct cnode, link);
    list_remove(&n->link);
    hash_remove(fs, n);
    spare_add(fs, n);
    return true;
}

err_t tfs_node_ready(struct tfs *fs, u32 count) {
    while (fs->spare_count < count) {
        if (fs->node_count < fs->node_cap && spare_make(fs)) {
            continue;
        }
        if (!evict_one(fs) && !spare_make(fs)) {
            return ERR_NOMEM;
        }
    }
    return ERR_OK;
}

static err_t spare_take(struct tfs *fs, struct cnode **out) {
    TRY(tfs_node_ready(fs, 1));
    struct cnode *n = fs->spare;
    fs->spare = n->hash_next;
    fs->spare_count--;
    *out = n;
    return ERR_OK;
}

void tfs_node_pin(struct cnode *n) {
    if (n->pins == 0 && !n->dirty) {
        list_remove(&n->link);
    }
    n->pins++;
}

void tfs_node_put(struct tfs *fs, struct cnode *n) {
    n->pins--;
    if (n->pins == 0 && !n->dirty) {
        list_push_back(&fs->lru, &n->link);
    }
}

static err_t verify_leaf(const u8 *buf, u32 count) {
    const struct tfs_node *h = node_chead(buf);
    const struct tfs_item *items = node_citems(buf);
    u32 items_end = (u32)(sizeof(*h) + count * sizeof(struct tfs_item));
    u32 heap = le16_get(h->heap);
    if (items_end > heap || heap > TFS_BLOCK_SIZE) {
        return ERR_TFS_FORMAT;
    }
    u32 sum = 0;
    struct key last = {};
    for (u32 i = 0; i < count; i++) {
        u32 off = le16_get(items[i].value_off);
        u32 len = le16_get(items[i].value_len);
        struct key k = item_key(&items[i]);
        if (len > TFS_VALUE_MAX || off < heap || off + len > TFS_BLOCK_SIZE ||
            (i > 0 && key_compare(&last, &k) >= 0)) {
            return ERR_TFS_FORMAT;
        }
        sum += len;
        last = k;
    }
    return sum == le16_get(h->heap_used) && sum <= TFS_BLOCK_SIZE - heap ? ERR_OK : ERR_TFS_FORMAT;
}

static err_t verify_inner(const u8 *buf, u32 count, u8 level, u64 birth) {
    const struct tfs_ptr *ptrs = node_cptrs(buf);
    if (count == 0 || count > TFS_PTRS_MAX) {
        return ERR_TFS_FORMAT;
    }
    struct key last = {};
    for (u32 i = 0; i < count; i++) {
        struct key k = ptr_key(&ptrs[i]);
        if ((i > 0 && key_compare(&last, &k) >= 0) || ptrs[i].bp.level != level - 1 ||
            le64_get(ptrs[i].bp.birth_txg) > birth) {
            return ERR_TFS_FORMAT;
        }
        last = k;
    }
    return ERR_OK;
}

u32 tfs_node_crc(const u8 *buf) { return crc32c(0, buf + 8, TFS_BLOCK_SIZE - 8); }

err_t tfs_node_verify(const struct btree *t, const struct bp *bp, const u8 *buf) {
    const struct tfs_node *h = node_chead(buf);
    u32 crc = crc32c(0, buf + 8, TFS_BLOCK_SIZE - 8);
    if (crc != bp->crc || le32_get(h->crc) != crc) {
        return ERR_TFS_CHECKSUM;
    }
    u32 count = le16_get(h->count);
    if (le32_get(h->magic) != TFS_NODE_MAGIC || le64_get(h->fsid) != t->fs->fsid ||
        le64_get(h->paddr[0]) != bp->paddr[0] || le64_get(h->paddr[1]) != bp->paddr[1] ||
        le64_get(h->birth_txg) != bp->birth || le64_get(h->tree_id) != t->id ||
        h->tree != t->kind || h->level != bp->level || h->level > TFS_LEVEL_MAX || count == 0) {
        return ERR_TFS_FORMAT;
    }
    return h->level == 0 ? verify_leaf(buf, count) : verify_inner(buf, count, h->level, bp->birth);
}

err_t tfs_node_read_raw(struct btree *t, const struct bp *bp, u8 *buf) {
    struct tfs *fs = t->fs;
    err_t first = ERR_OK;
    for (u32 copy = 0; copy < 2; copy++) {
        if (!tfs_space_valid(fs, bp->paddr[copy], 1)) {
            return ERR_TFS_FORMAT;
        }
        err_t err = fs->env.read(fs->env.arg, bp->paddr[copy], 1, buf);
        if (err == ERR_OK) {
            err = tfs_node_verify(t, bp, buf);
        }
        if (err != ERR_OK) {
            first = first == ERR_OK ? err : first;
            continue;
        }
        if (copy == 1 && !fs->read_only && !fs->check_mode) {
            // The first copy is bad and this one is good: heal. A failure to do so changes nothing.
            fs->heals++;
            tfs_log(fs, TFS_LOG_WARN, "tfs: a damaged node was read from its second copy, healed");
            err = fs->env.write(fs->env.arg, bp->paddr[0], 1, buf);
            if (err != ERR_OK) {
                tfs_log(fs, TFS_LOG_WARN, "tfs: healing failed");
            }
        }
        return ERR_OK;
    }
    return first;
}

static err_t node_in_range(const struct cnode *n, const struct node_want *want) {
    u32 count = node_count(n->buf);
    struct key first, last;
    if (n->level == 0) {
        first = item_key(&node_citems(n->buf)[0]);
        last = item_key(&node_citems(n->buf)[count - 1]);
    } else {
        first = ptr_key(&node_cptrs(n->buf)[0]);
        last = ptr_key(&node_cptrs(n->buf)[count - 1]);
    }
    if (key_compare(&first, &want->lo) < 0 ||
        (want->has_hi && key_compare(&last, &want->hi) >= 0)) {
        return ERR_TFS_FORMAT;
    }
    return ERR_OK;
}

err_t tfs_node_get(struct btree *t, const struct node_want *want, struct cnode **out) {
    struct tfs *fs = t->fs;
    const struct bp *bp = &want->bp;
    struct cnode *n = tfs_node_find(fs, bp->paddr[0]);
    if (n == nullptr) {
        TRY(spare_take(fs, &n));
        err_t err = tfs_node_read_raw(t, bp, n->buf);
        if (err != ERR_OK) {
            spare_add(fs, n);
            return err;
        }
        n->paddr[0] = bp->paddr[0];
        n->paddr[1] = bp->paddr[1];
        n->birth = bp->birth;
        n->level = bp->level;
        n->tree = t->kind;
        n->crc = bp->crc;
        n->dirty = false;
        n->pins = 1;
        hash_add(fs, n);
    } else {
        // A damaged disk may point to one block from two places.
        if (n->birth != bp->birth || n->level != bp->level || n->tree != t->kind ||
            n->paddr[1] != bp->paddr[1]) {
            return ERR_TFS_FORMAT;
        }
        tfs_node_pin(n);
    }
    err_t err = node_in_range(n, want);
    if (err != ERR_OK) {
        tfs_node_put(fs, n);
        return err;
    }
    *out = n;
    return ERR_OK;
}

static err_t place_take(struct tfs *fs, u64 paddr[2]) {
    u32 got;
    TRY(tfs_space_take(fs, ALLOC_META_A, 1, &paddr[0], &got));
    err_t err = tfs_space_take(fs, ALLOC_META_B, 1, &paddr[1], &got);
    if (err != ERR_OK) {
        err_t undo = tfs_space_free(fs, paddr[0], 1);
        unused_arg(undo);
    }
    return err;
}

static void place_set(struct btree *t, struct cnode *n, const u64 paddr[2]) {
    struct tfs *fs = t->fs;
    struct tfs_node *h = node_head(n->buf);
    for (u32 i = 0; i < 2; i++) {
        n->paddr[i] = paddr[i];
        h->paddr[i] = le64_of(paddr[i]);
    }
    n->birth = fs->txg;
    h->birth_txg = le64_of(fs->txg);
    n->dirty = true;
    list_push_back(&fs->dirty, &n->link);
    fs->dirty_count++;
    hash_add(fs, n);
    fs->touched = true;
    fs->changed = true;
}

void tfs_node_format(struct btree *t, struct cnode *n) {
    memset(n->buf, 0, TFS_BLOCK_SIZE);
    struct tfs_node *h = node_head(n->buf);
    h->magic = le32_of(TFS_NODE_MAGIC);
    h->fsid = le64_of(t->fs->fsid);
    h->tree_id = le64_of(t->id);
    h->tree = t->kind;
    h->level = n->level;
    h->heap = le16_of(n->level == 0 ? TFS_BLOCK_SIZE : 0);
    n->tree = t->kind;
}

err_t tfs_node_new(struct btree *t, u8 level, struct cnode **out) {
    struct tfs *fs = t->fs;
    struct cnode *n;
    u64 paddr[2];
    TRY(place_take(fs, paddr));
    TRY(spare_take(fs, &n));
    n->level = level;
    n->pins = 1;
    tfs_node_format(t, n);
    place_set(t, n, paddr);
    t->nodes++;
    *out = n;
    return ERR_OK;
}

err_t tfs_node_cow(struct btree *t, struct cnode *n) {
    struct tfs *fs = t->fs;
    fs->touched = true;
    fs->changed = true;
    if (n->dirty) {
        return ERR_OK;
    }
    u64 paddr[2];
    TRY(place_take(fs, paddr));
    for (u32 i = 0; i < 2; i++) {
        TRY(tfs_space_free(fs, n->paddr[i], 1));
    }
    hash_remove(fs, n);
    place_set(t, n, paddr);
    return ERR_OK;
}

void tfs_node_free(struct btree *t, struct cnode *n) {
    struct tfs *fs = t->fs;
    for (u32 i = 0; i < 2; i++) {
        err_t err = tfs_space_free(fs, n->paddr[i], 1);
        if (err != ERR_OK) {
            fs->failed = err;
        }
    }
    hash_remove(fs, n);
    if (n->dirty) {
        fs->dirty_count--;
        list_remove(&n->link);
    }
    n->dirty = false;
    n->pins = 0;
    t->nodes--;
    spare_add(fs, n);
}

void tfs_node_forget(struct tfs *fs, u64 paddr) {
    struct cnode *n = tfs_node_find(fs, paddr);
    if (n != nullptr && !n->dirty && n->pins == 0) {
        list_remove(&n->link);
        hash_remove(fs, n);
        spare_add(fs, n);
    }
}

void tfs_node_clean(struct tfs *fs, struct cnode *n) {
    list_remove(&n->link);
    n->dirty = false;
    fs->dirty_count--;
    if (n->pins == 0) {
        list_push_back(&fs->lru, &n->link);
    }
}

void tfs_node_drop_all(struct tfs *fs) {
    for (u32 i = 0; i < NODE_HASH_SLOTS; i++) {
        while (fs->hash[i] != nullptr) {
            struct cnode *n = fs->hash[i];
            fs->hash[i] = n->hash_next;
            spare_add(fs, n);
        }
    }
    while (fs->spare != nullptr) {
        struct cnode *n = fs->spare;
        fs->spare = n->hash_next;
        fs->env.free(fs->env.arg, n->buf, TFS_BLOCK_SIZE);
        fs->env.free(fs->env.arg, n, sizeof(*n));
    }
}
