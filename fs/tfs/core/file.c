// SPDX-License-Identifier: MIT
// File data. Up to 2 KiB live inside the tree (INLINE); more lives in extents. Data is written at
// once to new blocks (copy on write), only the tree changes wait for the commit. A live extent may
// be split anywhere: the pieces keep their birth, so for each file block the intervals of all
// extents, past and present, stay disjoint. What is replaced goes to history as a record of just
// the replaced range, which then owns those blocks; blocks that no kept moment ever showed are
// freed. Bytes behind the end of file inside the last block are zero on disk.
#include "core_impl.h"
#include <lib/crc32c.h>

constexpr u32 WRITE_BLOCKS_MAX = 256; // of one step of a long write
constexpr u32 READ_BLOCKS_MAX = 32;   // read by one env->read

static u64 block_of(u64 bytes) { return bytes / TFS_BLOCK_SIZE; }
static u64 blocks_up(u64 bytes) { return (bytes + TFS_BLOCK_SIZE - 1) / TFS_BLOCK_SIZE; }

// ---- extents as records
err_t tfs_extent_decode(struct tfs *fs, const struct record *r, struct extent *e) {
    struct tfs_extent_value v;
    if (r->len < sizeof(v)) {
        return ERR_TFS_FORMAT;
    }
    memcpy(&v, r->value, sizeof(v));
    *e = (struct extent){.off = r->key.off,
                         .paddr = le64_get(v.paddr),
                         .birth = r->birth,
                         .blocks = le32_get(v.blocks)};
    if (e->blocks == 0 || e->blocks > TFS_EXTENT_BLOCKS_MAX ||
        r->len != sizeof(v) + e->blocks * 4 || e->off > block_of(TFS_FILE_BYTES_MAX) ||
        !tfs_space_valid(fs, e->paddr, e->blocks)) {
        return ERR_TFS_FORMAT;
    }
    memcpy(e->crc, r->value + sizeof(v), e->blocks * 4);
    return ERR_OK;
}

// The blocks [first, first + count) of e as a record in `value` (tfs_extent_value with room for all
// of it).
static struct record extent_piece(u64 ino, const struct extent *e, u64 first, u32 count,
                                  u8 *value) {
    struct tfs_extent_value v = {.paddr = le64_of(e->paddr + (first - e->off)),
                                 .blocks = le32_of(count)};
    memcpy(value, &v, sizeof(v));
    memcpy(value + sizeof(v), &e->crc[first - e->off], count * 4);
    return (struct record){live_key(ino, TFS_EXTENT, first), e->birth, value,
                           (u32)(sizeof(v) + count * 4)};
}

constexpr u32 EXTENT_VALUE_MAX = sizeof(struct tfs_extent_value) + TFS_EXTENT_BLOCKS_MAX * 4;

static err_t extent_store(struct tfs *fs, u64 ino, const struct extent *e, u64 first, u32 count) {
    u8 value[EXTENT_VALUE_MAX];
    if (count == 0) {
        return ERR_OK;
    }
    struct record r = extent_piece(ino, e, first, count, value);
    return tfs_bt_put(&fs->live, &r);
}

static err_t extent_bury(struct tfs *fs, u64 ino, const struct extent *e, u64 first, u32 count) {
    u8 value[EXTENT_VALUE_MAX];
    struct record r = extent_piece(ino, e, first, count, value);
    return tfs_rec_bury(fs, &r);
}

// The live extent that covers block, or the first one behind it. *have: there is one.
static err_t extent_at(struct tfs *fs, u64 ino, u64 block, struct extent *e, bool *have) {
    struct key key = live_key(ino, TFS_EXTENT, block);
    struct cursor c;
    *have = false;
    TRY(tfs_bt_floor(&fs->live, &key, &c));
    for (u32 i = 0; i < 2; i++) {
        if (cursor_valid(&c)) {
            struct record r = tfs_bt_record(&c);
            if (r.key.obj == ino && r.key.type == TFS_EXTENT) {
                err_t err = tfs_extent_decode(fs, &r, e);
                if (err != ERR_OK || e->off + e->blocks > block) {
                    tfs_bt_close(&c);
                    *have = err == ERR_OK;
                    return err;
                }
            }
            tfs_bt_close(&c);
        }
        if (i == 0) {
            TRY(tfs_bt_seek(&fs->live, &key, &c));
        }
    }
    return ERR_OK;
}

err_t tfs_extents_remove(struct tfs *fs, struct inode *i, u64 first, u64 end, u32 limit,
                         bool *more) {
    struct extent *e = &fs->ext[0];
    *more = false;
    for (u32 n = 0; first < end; n++) {
        bool have;
        TRY(extent_at(fs, i->ino, first, e, &have));
        if (!have || e->off >= end) {
            return ERR_OK;
        }
        if (n == limit) {
            *more = true;
            return ERR_OK;
        }
        u64 e_end = e->off + e->blocks, a = MAX(e->off, first), b = MIN(e_end, end);
        struct key key = live_key(i->ino, TFS_EXTENT, e->off);
        if (a == e->off) {
            TRY(tfs_bt_del(&fs->live, &key));
        } else {
            TRY(extent_store(fs, i->ino, e, e->off, (u32)(a - e->off)));
        }
        TRY(extent_store(fs, i->ino, e, b, (u32)(e_end - b)));
        if (rec_kept(fs, e->birth)) {
            TRY(extent_bury(fs, i->ino, e, a, (u32)(b - a)));
        } else {
            TRY(tfs_space_free(fs, e->paddr + (a - e->off), b - a));
        }
        i->blocks -= MIN(i->blocks, b - a);
        first = b;
    }
    return ERR_OK;
}

// New blocks [e->off, …) of the file are at e->paddr: extends the extent before when it fits.
static err_t extent_add(struct tfs *fs, u64 ino, struct extent *e) {
    struct extent *before = &fs->ext[0];
    bool have = false;
    if (e->off > 0) {
        TRY(extent_at(fs, ino, e->off - 1, before, &have));
    }
    if (have && before->off + before->blocks == e->off &&
        before->paddr + before->blocks == e->paddr && !rec_kept(fs, before->birth) &&
        before->blocks + e->blocks <= TFS_EXTENT_BLOCKS_MAX) {
        memcpy(&before->crc[before->blocks], e->crc, e->blocks * 4);
        before->blocks += e->blocks;
        before->birth = fs->seq;
        return extent_store(fs, ino, before, before->off, before->blocks);
    }
    return extent_store(fs, ino, e, e->off, e->blocks);
}

// Writes whole blocks of data to new places and makes them the file's blocks [first, first +
// count).
static err_t blocks_write(struct tfs *fs, struct inode *i, u64 first, u32 count, const u8 *data) {
    bool more;
    TRY(tfs_extents_remove(fs, i, first, first + count, UINT32_MAX, &more));
    while (count > 0) {
        struct extent *e = &fs->ext[1];
        u32 got;
        u64 start;
        TRY(tfs_space_take(fs, ALLOC_DATA, MIN(count, TFS_EXTENT_BLOCKS_MAX), &start, &got));
        *e = (struct extent){.off = first, .paddr = start, .birth = fs->seq, .blocks = got};
        for (u32 k = 0; k < got; k++) {
            e->crc[k] = crc32c(0, data + (size_t)k * TFS_BLOCK_SIZE, TFS_BLOCK_SIZE);
        }
        TRY(fs->env.write(fs->env.arg, start, got, data));
        TRY(extent_add(fs, i->ino, e));
        i->blocks += got;
        first += got;
        count -= got;
        data += (size_t)got * TFS_BLOCK_SIZE;
    }
    return ERR_OK;
}

// ---- inline data
static err_t inline_get(struct tfs *fs, u64 at, u64 ino, struct cursor *c) { // ERR_NOENT
    struct key key = live_key(ino, TFS_INLINE, 0);
    TRY(tfs_view_get(fs, at, &key, c));
    if (tfs_bt_record(c).len > TFS_INLINE_MAX) {
        tfs_bt_close(c);
        return ERR_TFS_FORMAT;
    }
    return ERR_OK;
}

static err_t inline_load(struct tfs *fs, u64 ino, u8 *block, bool *have) { // zero-filled to a block
    struct cursor c;
    memset(block, 0, TFS_BLOCK_SIZE);
    err_t err = inline_get(fs, TFS_NOW, ino, &c);
    *have = err == ERR_OK;
    if (err == ERR_OK) {
        struct record r = tfs_bt_record(&c);
        memcpy(block, r.value, r.len);
        tfs_bt_close(&c);
    }
    return err == ERR_NOENT ? ERR_OK : err;
}

static err_t inline_write(struct tfs *fs, struct inode *i, struct tfs_span span, const u8 *data) {
    struct key key = live_key(i->ino, TFS_INLINE, 0);
    bool have;
    TRY(inline_load(fs, i->ino, fs->block, &have));
    memcpy(fs->block + span.offset, data, span.len);
    u64 size = MAX(i->size, span.offset + span.len);
    return tfs_rec_put(fs, &key, fs->block, (u32)size);
}

static err_t inline_to_block(struct tfs *fs, struct inode *i) {
    struct key key = live_key(i->ino, TFS_INLINE, 0);
    bool have;
    TRY(inline_load(fs, i->ino, fs->block, &have));
    if (!have) {
        return ERR_OK;
    }
    TRY(tfs_rec_del(fs, &key));
    return blocks_write(fs, i, 0, 1, fs->block);
}

// ---- writing
static err_t block_load(struct tfs *fs, u64 ino, u64 block,
                        u8 *buf) { // present state; holes are zeros
    struct extent *e = &fs->ext[0];
    bool have;
    TRY(extent_at(fs, ino, block, e, &have));
    if (!have || e->off > block) {
        memset(buf, 0, TFS_BLOCK_SIZE);
        return ERR_OK;
    }
    TRY(fs->env.read(fs->env.arg, e->paddr + (block - e->off), 1, buf));
    return crc32c(0, buf, TFS_BLOCK_SIZE) == e->crc[block - e->off] ? ERR_OK : ERR_TFS_CHECKSUM;
}

static err_t partial_write(struct tfs *fs, struct inode *i, struct tfs_span span, const u8 *data) {
    u64 block = block_of(span.offset);
    TRY(block_load(fs, i->ino, block, fs->block));
    memcpy(fs->block + span.offset % TFS_BLOCK_SIZE, data, span.len);
    return blocks_write(fs, i, block, 1, fs->block);
}

err_t tfs_file_write(struct tfs *fs, struct inode *i, struct tfs_span span, const void *buf) {
    u64 at = span.offset, end = span.offset + span.len;
    const u8 *data = buf;
    if (i->blocks == 0 && MAX(end, i->size) <= TFS_INLINE_MAX) {
        TRY(inline_write(fs, i, span, data));
    } else {
        TRY(inline_to_block(fs, i));
        while (at < end) {
            u64 in_block = at % TFS_BLOCK_SIZE, left = end - at;
            u64 n = left;
            if (in_block == 0 && left >= TFS_BLOCK_SIZE) {
                n = ALIGN_DOWN(left, (u64)TFS_BLOCK_SIZE);
                TRY(blocks_write(fs, i, block_of(at), (u32)block_of(n), data));
            } else {
                n = MIN(left, TFS_BLOCK_SIZE - in_block);
                TRY(partial_write(fs, i, (struct tfs_span){at, n}, data));
            }
            at += n;
            data += n;
        }
    }
    i->size = MAX(i->size, end);
    return ERR_OK;
}

static err_t write_step(struct tfs *fs, u64 ino, struct tfs_span span, const u8 *data) {
    struct inode i;
    TRY(tfs_inode_get(fs, TFS_NOW, ino, &i));
    if (!inode_is(&i, MODE_REG)) {
        return inode_is(&i, MODE_DIR) ? ERR_ISDIR : ERR_INVAL;
    }
    TRY(tfs_file_write(fs, &i, span, data));
    i.mtime_ns = tfs_now(fs);
    i.ctime_ns = i.mtime_ns;
    return tfs_inode_put(fs, &i);
}

err_t tfs_write(struct tfs *fs, u64 ino, struct tfs_span span, const void *buf, size_t *put) {
    const u8 *data = buf;
    err_t err = ERR_OK;
    *put = 0;
    if (span.offset > TFS_FILE_BYTES_MAX || span.len > TFS_FILE_BYTES_MAX - span.offset) {
        return ERR_FBIG;
    }
    fs->env.lock(fs->env.arg, fs->mutex);
    while (span.len > 0 && err == ERR_OK) {
        size_t room = (size_t)WRITE_BLOCKS_MAX * TFS_BLOCK_SIZE - span.offset % TFS_BLOCK_SIZE;
        struct tfs_span step = {span.offset, MIN(span.len, room)};
        struct op op = {.blocks = blocks_up(step.len) + 4};
        err = tfs_op_begin(fs, &op);
        if (err == ERR_OK) {
            err = tfs_op_end(fs, write_step(fs, ino, step, data), KIND_NONE, ino);
        }
        if (err == ERR_OK) {
            *put += step.len;
            data += step.len;
            span.offset += step.len;
            span.len -= step.len;
        }
    }
    fs->env.unlock(fs->env.arg, fs->mutex);
    return err;
}

// ---- sizes and holes
static err_t shrink(struct tfs *fs, struct inode *i, u64 size, bool *more) {
    struct key key = live_key(i->ino, TFS_INLINE, 0);
    struct cursor c;
    err_t err = inline_get(fs, TFS_NOW, i->ino, &c);
    if (err == ERR_OK) {
        u32 len = tfs_bt_record(&c).len;
        memcpy(fs->block, tfs_bt_record(&c).value, len);
        tfs_bt_close(&c);
        if (size == 0) {
            TRY(tfs_rec_del(fs, &key));
        } else if (size < len) {
            TRY(tfs_rec_put(fs, &key, fs->block, (u32)size));
        }
    } else if (err != ERR_NOENT) {
        return err;
    }
    u64 tail = size % TFS_BLOCK_SIZE;
    bool have = false;
    if (tail != 0 && i->blocks > 0) {
        TRY(extent_at(fs, i->ino, block_of(size), &fs->ext[0], &have));
    }
    if (have && fs->ext[0].off <= block_of(size)) {
        TRY(block_load(fs, i->ino, block_of(size), fs->block));
        memset(fs->block + tail, 0, TFS_BLOCK_SIZE - tail);
        TRY(blocks_write(fs, i, block_of(size), 1, fs->block));
    }
    TRY(tfs_extents_remove(fs, i, blocks_up(size), NO_DEATH, 64, more));
    return *more ? tfs_orphan_put(fs, i->ino, size, false) : ERR_OK;
}

err_t tfs_file_resize(struct tfs *fs, struct inode *i, u64 size, bool *more) {
    *more = false;
    if (size > TFS_FILE_BYTES_MAX) {
        return ERR_FBIG;
    }
    if (size < i->size) {
        TRY(shrink(fs, i, size, more));
    }
    i->size = size;
    return ERR_OK;
}

static err_t zero_range(struct tfs *fs, struct inode *i, u64 at, u64 end) { // inside one block
    bool have;
    TRY(extent_at(fs, i->ino, block_of(at), &fs->ext[0], &have));
    if (!have || fs->ext[0].off > block_of(at) || at == end) {
        return ERR_OK;
    }
    TRY(block_load(fs, i->ino, block_of(at), fs->block));
    memset(fs->block + at % TFS_BLOCK_SIZE, 0, end - at);
    return blocks_write(fs, i, block_of(at), 1, fs->block);
}

static err_t punch(struct tfs *fs, struct inode *i, u64 at, u64 end, bool *more) {
    bool have;
    *more = false;
    TRY(inline_load(fs, i->ino, fs->block, &have));
    if (have) {
        struct key key = live_key(i->ino, TFS_INLINE, 0);
        struct cursor c;
        TRY(inline_get(fs, TFS_NOW, i->ino, &c));
        u32 len = tfs_bt_record(&c).len;
        tfs_bt_close(&c);
        if (at >= len) {
            return ERR_OK;
        }
        memset(fs->block + at, 0, MIN(end, (u64)len) - at);
        return tfs_rec_put(fs, &key, fs->block, len);
    }
    u64 first = blocks_up(at), last = block_of(end);
    if (first > last) { // inside one block
        return zero_range(fs, i, at, end);
    }
    if (at % TFS_BLOCK_SIZE != 0) {
        TRY(zero_range(fs, i, at, first * TFS_BLOCK_SIZE));
    }
    if (end % TFS_BLOCK_SIZE != 0) {
        TRY(zero_range(fs, i, last * TFS_BLOCK_SIZE, end));
    }
    return tfs_extents_remove(fs, i, first, last, 64, more);
}

struct falloc {
    u64 ino, offset, end;
    u32 flags;
    bool more;
};

static err_t falloc_apply(struct tfs *fs, struct falloc *f) {
    struct inode i;
    TRY(tfs_inode_get(fs, TFS_NOW, f->ino, &i));
    if (!inode_is(&i, MODE_REG)) {
        return inode_is(&i, MODE_DIR) ? ERR_ISDIR : ERR_NODEV;
    }
    f->more = false;
    if ((f->flags & TFS_FALLOC_PUNCH_HOLE) != 0) {
        if (f->offset >= i.size) {
            return ERR_OK;
        }
        // Up to the end of the file means up to the end of its last block, which is zero behind it
        // anyway.
        u64 end = f->end >= i.size ? ALIGN_UP(i.size, (u64)TFS_BLOCK_SIZE) : f->end;
        TRY(punch(fs, &i, f->offset, end, &f->more));
    } else if ((f->flags & TFS_FALLOC_KEEP_SIZE) == 0 && f->end > i.size) {
        i.size = f->end;
    } else {
        return ERR_OK;
    }
    i.mtime_ns = tfs_now(fs);
    i.ctime_ns = i.mtime_ns;
    return tfs_inode_put(fs, &i);
}

err_t tfs_fallocate(struct tfs *fs, u64 ino, u32 flags, u64 offset, u64 len) {
    bool hole = (flags & TFS_FALLOC_PUNCH_HOLE) != 0;
    if ((flags & ~(TFS_FALLOC_KEEP_SIZE | TFS_FALLOC_PUNCH_HOLE)) != 0) {
        return ERR_OPNOTSUPP;
    }
    if (len == 0 || (hole && (flags & TFS_FALLOC_KEEP_SIZE) == 0)) {
        return len == 0 ? ERR_INVAL : ERR_OPNOTSUPP;
    }
    if (offset > TFS_FILE_BYTES_MAX || len > TFS_FILE_BYTES_MAX - offset) {
        return ERR_FBIG;
    }
    struct falloc f = {.ino = ino, .offset = offset, .end = offset + len, .flags = flags};
    struct op op = {.blocks = hole ? 4 : blocks_up(len), .privileged = hole};
    fs->env.lock(fs->env.arg, fs->mutex);
    err_t err = ERR_OK;
    do { // a hole of many extents is made in steps; the entry comes with the last
        err = tfs_op_begin(fs, &op);
        if (err == ERR_OK) {
            err = falloc_apply(fs, &f);
            bool last = err == ERR_OK && !f.more;
            err = tfs_op_end(fs, err, last ? TFS_KIND_TRUNCATE : KIND_NONE, ino);
        }
    } while (err == ERR_OK && f.more);
    fs->env.unlock(fs->env.arg, fs->mutex);
    return err;
}

// ---- reading
// The extent that covers block at a moment, or the first behind it.
static err_t extent_then(struct tfs *fs, u64 at, u64 ino, u64 block, bool *have) {
    struct extent *e = &fs->ext[0];
    if (at == TFS_NOW) {
        return extent_at(fs, ino, block, e, have);
    }
    u64 low = block < TFS_EXTENT_BLOCKS_MAX ? 0 : block - TFS_EXTENT_BLOCKS_MAX + 1;
    struct key from = live_key(ino, TFS_EXTENT, low);
    struct view v;
    TRY(tfs_view_open(fs, at, &from, &v));
    err_t err = ERR_OK;
    bool found = false;
    while (err == ERR_OK && !found) {
        struct record r;
        bool any;
        err = tfs_view_next(&v, &r, &any);
        if (err != ERR_OK || !any) {
            break;
        }
        err = tfs_extent_decode(fs, &r, e);
        found = err == ERR_OK && e->off + e->blocks > block;
    }
    tfs_view_close(&v);
    *have = found;
    return err;
}

struct piece { // of a file, read in one go
    u64 paddr; // 0: a hole
    u64 bytes; // holes: how many zeros
    u32 blocks;
    u32 crc[READ_BLOCKS_MAX];
};

static err_t piece_find(struct tfs *fs, u64 at, u64 ino, struct tfs_span span, struct piece *p) {
    u64 block = block_of(span.offset), end = blocks_up(span.offset + span.len);
    bool have;
    TRY(extent_then(fs, at, ino, block, &have));
    const struct extent *e = &fs->ext[0];
    if (!have || e->off > block) {
        u64 until =
            have ? MIN(e->off * TFS_BLOCK_SIZE, span.offset + span.len) : span.offset + span.len;
        p->paddr = 0;
        p->bytes = until - span.offset;
        return ERR_OK;
    }
    u64 skip = block - e->off;
    p->paddr = e->paddr + skip;
    p->blocks = (u32)MIN(MIN(e->blocks - skip, end - block), (u64)READ_BLOCKS_MAX);
    memcpy(p->crc, &e->crc[skip], p->blocks * 4);
    return ERR_OK;
}

static err_t read_checked(struct tfs *fs, const struct piece *p, u32 first, u32 count, u8 *to) {
    TRY(fs->env.read(fs->env.arg, p->paddr + first, count, to));
    for (u32 i = 0; i < count; i++) {
        if (crc32c(0, to + (size_t)i * TFS_BLOCK_SIZE, TFS_BLOCK_SIZE) != p->crc[first + i]) {
            return ERR_TFS_CHECKSUM;
        }
    }
    return ERR_OK;
}

// Without the mutex. Whole blocks go straight to the caller's buffer, the ragged ends through a
// block of our own.
static err_t piece_read(struct tfs *fs, const struct piece *p, struct tfs_span span, u8 *to,
                        u64 *done) {
    u64 head = span.offset % TFS_BLOCK_SIZE;
    u64 bytes = MIN((u64)p->blocks * TFS_BLOCK_SIZE - head, (u64)span.len);
    *done = bytes;
    u32 first = 0;
    u64 put = 0;
    while (put < bytes) {
        u64 left = bytes - put;
        if (head == 0 && left >= TFS_BLOCK_SIZE) {
            u32 whole = (u32)block_of(left);
            TRY(read_checked(fs, p, first, whole, to + put));
            first += whole;
            put += (u64)whole * TFS_BLOCK_SIZE;
            continue;
        }
        u64 n = MIN(left, TFS_BLOCK_SIZE - head);
        u8 *bounce = fs->env.alloc(fs->env.arg, TFS_BLOCK_SIZE);
        if (bounce == nullptr) {
            return ERR_NOMEM;
        }
        err_t err = read_checked(fs, p, first, 1, bounce);
        memcpy(to + put, bounce + head, n);
        fs->env.free(fs->env.arg, bounce, TFS_BLOCK_SIZE);
        TRY(err);
        first++;
        put += n;
        head = 0;
    }
    return ERR_OK;
}

static err_t inline_read(struct tfs *fs, u64 at, u64 ino, struct tfs_span *span, u8 *to) {
    struct cursor c;
    TRY(inline_get(fs, at, ino, &c)); // ERR_NOENT: the data is in extents
    struct record r = tfs_bt_record(&c);
    u64 have = r.len > span->offset ? MIN((u64)r.len - span->offset, (u64)span->len) : 0;
    if (have > 0) {
        memcpy(to, r.value + span->offset, have);
    }
    tfs_bt_close(&c);
    memset(to + have, 0, span->len - have);
    return ERR_OK;
}

static u32 reader_enter(
    struct tfs *fs) { // mutex held; blocks freed from now on are not reused before we leave
    u32 slot = (u32)(fs->reader_epoch & 1);
    fs->readers[slot]++;
    return slot;
}

// Mutex held at entry and at exit; span is clamped to the size.
static err_t read_pieces(struct tfs *fs, u64 at, u64 ino, struct tfs_span span, u8 *to) {
    while (span.len > 0) {
        struct piece p = {};
        u64 done = 0;
        TRY(piece_find(fs, at, ino, span, &p));
        if (p.paddr == 0) {
            done = p.bytes;
            memset(to, 0, done);
        } else {
            u32 slot = reader_enter(fs);
            fs->env.unlock(fs->env.arg, fs->mutex);
            err_t err = piece_read(fs, &p, span, to, &done);
            fs->env.lock(fs->env.arg, fs->mutex);
            fs->readers[slot]--;
            TRY(err);
        }
        to += done;
        span.offset += done;
        span.len -= done;
    }
    return ERR_OK;
}

err_t tfs_file_read(struct tfs *fs, u64 at, u64 ino, struct tfs_span span, void *buf, size_t *got) {
    struct inode i;
    TRY(tfs_inode_get(fs, at, ino, &i));
    if (!inode_is(&i, MODE_REG) && !inode_is(&i, MODE_LNK)) {
        return inode_is(&i, MODE_DIR) ? ERR_ISDIR : ERR_INVAL;
    }
    span.len = span.offset >= i.size ? 0 : MIN(span.len, (size_t)(i.size - span.offset));
    if (span.len > 0) {
        err_t err = inline_read(fs, at, ino, &span, buf);
        if (err == ERR_NOENT) {
            err = read_pieces(fs, at, ino, span, buf);
        }
        TRY(err);
    }
    *got = span.len;
    return ERR_OK;
}

err_t tfs_read(struct tfs *fs, u64 at, u64 ino, struct tfs_span span, void *buf, size_t *got) {
    fs->env.lock(fs->env.arg, fs->mutex);
    err_t err = tfs_file_read(fs, at, ino, span, buf, got);
    fs->env.unlock(fs->env.arg, fs->mutex);
    return err;
}

err_t tfs_readlink(struct tfs *fs, u64 at, u64 ino, char *buf, size_t len, size_t *got) {
    struct inode i;
    size_t read;
    fs->env.lock(fs->env.arg, fs->mutex);
    err_t err = tfs_inode_get(fs, at, ino, &i);
    if (err == ERR_OK && !inode_is(&i, MODE_LNK)) {
        err = ERR_INVAL;
    }
    if (err == ERR_OK) {
        err = tfs_file_read(fs, at, ino, (struct tfs_span){0, len}, buf, &read);
    }
    fs->env.unlock(fs->env.arg, fs->mutex);
    TRY(err);
    *got = i.size;
    return ERR_OK;
}

static err_t seek_locked(struct tfs *fs, u64 at, u64 ino, u64 offset, u64 *found, bool hole) {
    struct inode i;
    struct cursor c;
    TRY(tfs_inode_get(fs, at, ino, &i));
    if (!inode_is(&i, MODE_REG)) {
        return inode_is(&i, MODE_DIR) ? ERR_ISDIR : ERR_INVAL;
    }
    if (offset >= i.size) {
        return ERR_NXIO;
    }
    err_t err = inline_get(fs, at, ino, &c);
    if (err == ERR_OK) {
        u64 len = tfs_bt_record(&c).len;
        tfs_bt_close(&c);
        *found = hole ? MAX(offset, len) : offset;
        return !hole && offset >= len ? ERR_NXIO : ERR_OK;
    }
    if (err != ERR_NOENT) {
        return err;
    }
    u64 block = block_of(offset);
    for (;;) {
        bool have;
        TRY(extent_then(fs, at, ino, block, &have));
        const struct extent *e = &fs->ext[0];
        bool covers = have && e->off <= block;
        if (!hole) {
            u64 data = covers ? offset : have ? e->off * TFS_BLOCK_SIZE : i.size;
            *found = data;
            return data >= i.size ? ERR_NXIO : ERR_OK;
        }
        if (!covers) {
            *found = MIN(MAX(offset, block * TFS_BLOCK_SIZE), i.size);
            return ERR_OK;
        }
        block = e->off + e->blocks;
    }
}

err_t tfs_seek(struct tfs *fs, u64 at, u64 ino, u64 offset, bool hole, u64 *found) {
    u64 where = 0;
    fs->env.lock(fs->env.arg, fs->mutex);
    err_t err = seek_locked(fs, at, ino, offset, &where, hole);
    fs->env.unlock(fs->env.arg, fs->mutex);
    TRY(err);
    *found = where;
    return ERR_OK;
}
