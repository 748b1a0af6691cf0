// SPDX-License-Identifier: MIT
// Space. Each allocation group has in memory: `used` (what the next commit writes to disk), `busy`
// (used, or freed so lately that an older superblock or a running reader may still need the block),
// and one bitmap of freed blocks for each of the last commits. Invariant: busy = used | pend[0] | …
// | pend[3], all disjoint. Allocation looks at busy only.
//
// On disk a group has two bitmap blocks; the superblock says which one is the present. Commit
// writes the other one, so a torn write never destroys the good one. After a mount, blocks free in
// the present bitmap but used in the other one count as just freed: so the superblock before the
// last stays mountable.
//
// A group never written (bit clear in the superblock's ag_in_use) is all free and not read.
#include "core_impl.h"
#include <lib/crc32c.h>

constexpr u32 MAP_BYTES = TFS_AG_BLOCKS / 8;
constexpr u32 MAP_WORDS = MAP_BYTES / 8;
constexpr u32 AG_MEM = MAP_BYTES * (2 + PEND_SLOTS);
constexpr u32 AG_BITMAPS = 2;
constexpr u32 PRELOAD_GROUPS = 32; // 4 GiB of volume, 0.8 MiB of memory
static_assert(MAP_BYTES % 8 == 0);

static u64 *map_used(struct ag *ag) { return (u64 *)(void *)ag->mem; }
static u64 *map_busy(struct ag *ag) { return (u64 *)(void *)(ag->mem + MAP_BYTES); }
static u64 *map_pend(struct ag *ag, u32 slot) {
    return (u64 *)(void *)(ag->mem + (size_t)MAP_BYTES * (2 + slot));
}
static bool bit_get(const u64 *map, u32 i) { return (map[i / 64] >> (i % 64) & 1) != 0; }
static void bit_set(u64 *map, u32 i) { map[i / 64] |= (u64)1 << (i % 64); }
static void bit_clear(u64 *map, u32 i) { map[i / 64] &= ~((u64)1 << (i % 64)); }

static bool ag_on_disk(const struct tfs *fs, u32 group) {
    return (fs->super.ag_in_use[group / 8] >> (group % 8) & 1) != 0;
}

static u32 ag_slot(const struct tfs *fs, u32 group) {
    return fs->super.ag_slot[group / 8] >> (group % 8) & 1;
}

bool tfs_space_valid(const struct tfs *fs, u64 start, u64 count) {
    if (start < TFS_RING_SLOTS || count == 0 || count > TFS_AG_BLOCKS) {
        return false;
    }
    u64 group = (start - TFS_RING_SLOTS) / TFS_AG_BLOCKS;
    u64 in_group = (start - TFS_RING_SLOTS) % TFS_AG_BLOCKS;
    return group < fs->ag_count && in_group >= AG_BITMAPS &&
           in_group + count <= fs->ags[group].blocks;
}

err_t tfs_space_init(struct tfs *fs, u64 block_count) {
    u64 space = block_count - 2 * TFS_RING_SLOTS;
    u32 full = (u32)(space / TFS_AG_BLOCKS);
    u32 rest = (u32)(space % TFS_AG_BLOCKS);
    fs->ag_count = full + (rest >= TFS_AG_MIN_BLOCKS ? 1 : 0);
    fs->ags = fs->env.alloc(fs->env.arg, fs->ag_count * sizeof(*fs->ags));
    if (fs->ags == nullptr) {
        return ERR_NOMEM;
    }
    fs->blocks_total = 0;
    for (u32 i = 0; i < fs->ag_count; i++) {
        u32 blocks = i < full ? TFS_AG_BLOCKS : rest;
        fs->ags[i] = (struct ag){.blocks = blocks, .free = blocks - AG_BITMAPS};
        fs->blocks_total += blocks - AG_BITMAPS;
    }
    u64 reserve = fs->blocks_total * 3 / 100;
    fs->reserve = MIN(MAX(reserve, (u64)128), (u64)16384);
    fs->cursor[ALLOC_META_A] = 0;
    fs->cursor[ALLOC_META_B] = fs->blocks_total / 2;
    fs->cursor[ALLOC_DATA] = fs->blocks_total / 16;
    return ERR_OK;
}

void tfs_space_fini(struct tfs *fs) {
    if (fs->ags == nullptr) {
        return;
    }
    for (u32 i = 0; i < fs->ag_count; i++) {
        if (fs->ags[i].mem != nullptr) {
            fs->env.free(fs->env.arg, fs->ags[i].mem, AG_MEM);
        }
    }
    fs->env.free(fs->env.arg, fs->ags, fs->ag_count * sizeof(*fs->ags));
    fs->ags = nullptr;
}

static bool bitmap_valid(const struct tfs *fs, const u8 *block, u32 group, u64 paddr) {
    const struct tfs_bitmap *b = (const struct tfs_bitmap *)(const void *)block;
    return le32_get(b->magic) == TFS_BITMAP_MAGIC && le64_get(b->fsid) == fs->fsid &&
           le64_get(b->paddr) == paddr && le32_get(b->group) == group &&
           le64_get(b->txg) < fs->txg &&
           le32_get(b->crc) == crc32c(0, block + 8, TFS_BLOCK_SIZE - 8);
}

static void ag_count_bits(struct ag *ag) {
    u32 used = 0, busy = 0;
    for (u32 i = 0; i < MAP_WORDS; i++) {
        used += (u32)__builtin_popcountll(map_used(ag)[i]);
        busy += (u32)__builtin_popcountll(map_busy(ag)[i]);
    }
    ag->used = used;
    ag->free = TFS_AG_BLOCKS - busy;
}

static void ag_bound(struct ag *ag) { // bitmaps and what is behind the end are in use
    for (u32 i = 0; i < AG_BITMAPS; i++) {
        bit_set(map_used(ag), i);
    }
    for (u32 i = ag->blocks; i < TFS_AG_BLOCKS; i++) {
        bit_set(map_used(ag), i);
    }
}

static err_t ag_read(struct tfs *fs, u32 group, struct ag *ag) {
    u8 *block = fs->scratch;
    bool have[2] = {}; // the present one, the other one
    u64 txg[2] = {};
    u32 now = ag_slot(fs, group);
    err_t first = ERR_OK;
    for (u32 slot = 0; slot < 2; slot++) {
        u64 paddr = ag_start(group) + slot;
        err_t err = fs->env.read(fs->env.arg, paddr, 1, block);
        if (err != ERR_OK) {
            first = err;
            continue;
        }
        const struct tfs_bitmap *b = (const struct tfs_bitmap *)(const void *)block;
        if (bitmap_valid(fs, block, group, paddr)) {
            have[slot == now ? 0 : 1] = true;
            txg[slot == now ? 0 : 1] = le64_get(b->txg);
            memcpy(slot == now ? map_used(ag) : map_busy(ag), b->bits, MAP_BYTES);
        }
    }
    if (!have[0]) {
        return first != ERR_OK ? first : ERR_TFS_CHECKSUM;
    }
    u64 *a = map_used(ag), *b = map_busy(ag);
    u64 *pend = map_pend(ag, (u32)((fs->txg - 1) % PEND_SLOTS));
    // The other bitmap may come from a commit that was never finished: then it claims to be the
    // younger one.
    bool both = have[1] && txg[1] < txg[0];
    for (u32 i = 0; i < MAP_WORDS; i++) {
        pend[i] = both ? b[i] & ~a[i] : 0;
        b[i] = a[i] | pend[i];
    }
    ag->pend_mask = both ? (u8)(1u << ((fs->txg - 1) % PEND_SLOTS)) : 0;
    return ERR_OK;
}

static err_t ag_load(struct tfs *fs, u32 group, struct ag **out) {
    struct ag *ag = &fs->ags[group];
    *out = ag;
    if (ag->mem != nullptr) {
        return ERR_OK;
    }
    u8 *mem = fs->env.alloc(fs->env.arg, AG_MEM);
    if (mem == nullptr) {
        return ERR_NOMEM;
    }
    memset(mem, 0, AG_MEM);
    struct ag loaded = {.mem = mem, .blocks = ag->blocks};
    if (ag_on_disk(fs, group)) {
        err_t err = ag_read(fs, group, &loaded);
        if (err != ERR_OK) {
            fs->env.free(fs->env.arg, mem, AG_MEM);
            return err;
        }
    }
    ag_bound(&loaded);
    for (u32 i = 0; i < MAP_WORDS; i++) {
        map_busy(&loaded)[i] |= map_used(&loaded)[i];
    }
    ag_count_bits(&loaded);
    // The volume's count knows of the used blocks, not of those that count as just freed.
    u32 waiting = TFS_AG_BLOCKS - loaded.used - loaded.free;
    fs->blocks_free -= MIN(fs->blocks_free, (u64)waiting);
    *ag = loaded;
    return ERR_OK;
}

static u32 find_free(const u64 *busy, u32 from, u32 end) { // first clear bit in [from, end), or end
    for (u32 i = from; i < end;) {
        u64 word = ~busy[i / 64] >> (i % 64);
        if (word != 0) {
            u32 at = i + (u32)__builtin_ctzll(word);
            return MIN(at, end);
        }
        i = (i / 64 + 1) * 64;
    }
    return end;
}

static u32 run_length(const u64 *busy, u32 from, u32 end) { // clear bits from `from` on
    u32 i = from;
    while (i < end) {
        u64 word = busy[i / 64] >> (i % 64);
        if (word != 0) {
            u32 at = i + (u32)__builtin_ctzll(word);
            return MIN(at, end) - from;
        }
        i = (i / 64 + 1) * 64;
    }
    return end - from;
}

// Looks for `least` adjacent free blocks from `from` on; takes up to want.
static u32 ag_take(struct tfs *fs, struct ag *ag, u32 from, const u32 least_want[2], u32 *at) {
    u64 *busy = map_busy(ag);
    u32 i = from;
    while ((i = find_free(busy, i, ag->blocks)) < ag->blocks) {
        u32 len = run_length(busy, i, MIN(ag->blocks, i + least_want[1]));
        if (len >= least_want[0]) {
            for (u32 b = i; b < i + len; b++) {
                bit_set(busy, b);
                bit_set(map_used(ag), b);
            }
            ag->used += len;
            ag->free -= len;
            ag->dirty = true;
            fs->blocks_free -= MIN(fs->blocks_free, (u64)len);
            fs->blocks_used += len;
            fs->touched = true;
            fs->changed = true;
            *at = i;
            return len;
        }
        i += len;
    }
    return 0;
}

err_t tfs_space_take(struct tfs *fs, enum alloc_kind kind, u32 want, u64 *start, u32 *got) {
    u64 cursor = fs->cursor[kind];
    u32 first_group = (u32)(cursor / TFS_AG_BLOCKS) % fs->ag_count;
    // Pass 0 wants all adjacent, behind the cursor; later passes take what there is.
    for (u32 pass = 0; pass < 2; pass++) {
        u32 least_want[2] = {pass == 0 ? want : 1, want};
        for (u32 step = 0; step <= fs->ag_count; step++) {
            u32 group = (first_group + step) % fs->ag_count;
            struct ag *ag = &fs->ags[group];
            if (ag->mem != nullptr && ag->free < least_want[0]) {
                continue;
            }
            err_t err = ag_load(fs, group, &ag);
            if (err == ERR_NOMEM) {
                return err;
            }
            if (err != ERR_OK) {
                continue; // a group with damaged bitmaps is not used
            }
            u32 from = step == 0 ? (u32)(cursor % TFS_AG_BLOCKS) : 0, at = 0;
            u32 len = ag_take(fs, ag, from, least_want, &at);
            if (len > 0) {
                *start = ag_start(group) + at;
                *got = len;
                fs->cursor[kind] = (u64)group * TFS_AG_BLOCKS + at + len;
                return ERR_OK;
            }
        }
        if (want == 1) {
            break;
        }
    }
    return ERR_NOSPC;
}

err_t tfs_space_ready(struct tfs *fs) {
    for (u32 kind = 0; kind < ALLOC_KINDS; kind++) {
        u32 group = (u32)(fs->cursor[kind] / TFS_AG_BLOCKS) % fs->ag_count;
        struct ag *ag;
        if (fs->ags[group].mem == nullptr && ag_load(fs, group, &ag) == ERR_NOMEM) {
            return ERR_NOMEM;
        }
    }
    return ERR_OK;
}

void tfs_space_preload(struct tfs *fs) {
    for (u32 group = 0; group < MIN(fs->ag_count, PRELOAD_GROUPS); group++) {
        struct ag *ag;
        err_t err = ag_load(fs, group, &ag);
        unused_arg(err); // it is tried again when the group is needed
    }
}

err_t tfs_space_free(struct tfs *fs, u64 start, u64 count) {
    if (!tfs_space_valid(fs, start, count)) {
        return ERR_TFS_FORMAT;
    }
    u32 group = (u32)((start - TFS_RING_SLOTS) / TFS_AG_BLOCKS);
    u32 at = (u32)((start - TFS_RING_SLOTS) % TFS_AG_BLOCKS);
    struct ag *ag;
    TRY(ag_load(fs, group, &ag));
    u32 slot = (u32)(fs->txg % PEND_SLOTS);
    for (u32 i = at; i < at + count; i++) {
        if (!bit_get(map_used(ag), i)) {
            return ERR_TFS_FORMAT; // freed twice: the bitmaps or the trees lie
        }
        bit_clear(map_used(ag), i);
        bit_set(map_pend(ag, slot), i);
    }
    ag->pend_mask |= (u8)(1u << slot);
    ag->used -= (u32)count;
    ag->dirty = true;
    fs->blocks_used -= MIN(fs->blocks_used, count);
    fs->pend_epoch[slot] = fs->reader_epoch;
    fs->touched = true;
    fs->changed = true;
    return ERR_OK;
}

static void ag_release(struct tfs *fs, struct ag *ag, u32 slot) {
    u64 *pend = map_pend(ag, slot);
    u32 count = 0;
    for (u32 i = 0; i < MAP_WORDS; i++) {
        map_busy(ag)[i] &= ~pend[i];
        count += (u32)__builtin_popcountll(pend[i]);
        pend[i] = 0;
    }
    ag->pend_mask &= (u8) ~(1u << slot);
    ag->free += count;
    fs->blocks_free += count;
}

static void ag_postpone(struct ag *ag, u32 from, u32 to) {
    for (u32 i = 0; i < MAP_WORDS; i++) {
        map_pend(ag, to)[i] |= map_pend(ag, from)[i];
        map_pend(ag, from)[i] = 0;
    }
    ag->pend_mask = (u8)((ag->pend_mask & ~(1u << from)) | 1u << to);
}

// fs->txg is the txg just opened. What was freed in txg - REUSE_TXGS may go, if no reader is left
// from that time.
void tfs_space_release(struct tfs *fs) {
    if (fs->readers[(fs->reader_epoch + 1) & 1] == 0) {
        fs->reader_epoch++;
    }
    u32 slot = (u32)((fs->txg - REUSE_TXGS) % PEND_SLOTS);
    u32 now = (u32)(fs->txg % PEND_SLOTS);
    bool quiet = fs->reader_epoch >= fs->pend_epoch[slot] + 2;
    for (u32 i = 0; i < fs->ag_count; i++) {
        struct ag *ag = &fs->ags[i];
        if (ag->mem == nullptr || (ag->pend_mask >> slot & 1) == 0) {
            continue;
        }
        if (quiet) {
            ag_release(fs, ag, slot);
        } else {
            ag_postpone(ag, slot, now);
            fs->pend_epoch[now] = fs->pend_epoch[slot];
        }
    }
}

err_t tfs_space_write(struct tfs *fs) {
    for (u32 i = 0; i < fs->ag_count; i++) {
        struct ag *ag = &fs->ags[i];
        if (!ag->dirty) {
            continue;
        }
        u32 slot = ag_on_disk(fs, i) ? 1 - ag_slot(fs, i) : 0;
        u64 paddr = ag_start(i) + slot;
        memset(fs->scratch, 0, TFS_BLOCK_SIZE);
        struct tfs_bitmap *b = (struct tfs_bitmap *)(void *)fs->scratch;
        b->magic = le32_of(TFS_BITMAP_MAGIC);
        b->fsid = le64_of(fs->fsid);
        b->paddr = le64_of(paddr);
        b->txg = le64_of(fs->txg);
        b->group = le32_of(i);
        b->used = le32_of(ag->used);
        memcpy(b->bits, map_used(ag), MAP_BYTES);
        b->crc = le32_of(crc32c(0, fs->scratch + 8, TFS_BLOCK_SIZE - 8));
        TRY(fs->env.write(fs->env.arg, paddr, 1, fs->scratch));
        ag->dirty = false;
        fs->super.ag_in_use[i / 8] |= (u8)(1u << (i % 8));
        fs->super.ag_slot[i / 8] &= (u8) ~(1u << (i % 8));
        fs->super.ag_slot[i / 8] |= (u8)(slot << (i % 8));
    }
    return ERR_OK;
}

err_t tfs_space_is_used(struct tfs *fs, u64 block, bool *used) {
    struct ag *ag;
    TRY(ag_load(fs, (u32)((block - TFS_RING_SLOTS) / TFS_AG_BLOCKS), &ag));
    *used = bit_get(map_used(ag), (u32)((block - TFS_RING_SLOTS) % TFS_AG_BLOCKS));
    return ERR_OK;
}
