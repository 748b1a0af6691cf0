// SPDX-License-Identifier: MIT
// File data between the page cache and the core.
//
// A write lands in the page cache and is noted: the node goes on the volume's dirty list, pinned by
// a vnode reference. It reaches the core (which picks new blocks and writes them) at close, fsync,
// sync, from the committer thread every second, or from the writer itself when the volume has too
// much of it. Close and fsync then end a version (tfs_boundary).
//
// Reading fills one page at a time; for a reader that goes forward a whole window is read from the
// core into one of a few buffers of the volume, and the next pages are copied from there.
// `generation` counts what changed in the core, so that no window is used that was read before a
// change.
#include "mount_impl.h"

constexpr u64 COMPLAIN_EVERY_NS = 10 * NS_PER_SEC;
constexpr i64 SPACE_CHECK_BYTES = 16 << 20; // below this the core is asked before each write
constexpr u64 METADATA_BLOCKS_MAX = 2048;   // 8 MiB
static const u64 READ_AHEAD_BYTES = READ_AHEAD_PAGES * PAGE_SIZE;

static struct tfs_node *node_of_object(struct vm_object *o) {
    return container_of(o, struct tfs_node, object);
}

void tfs_complain(struct tfs_volume *vol, const char *what, u64 ino, err_t err) {
    u64 now = time_now_ns();
    u64 last = vol->complained_ns;
    if (last == 0 || now - last > COMPLAIN_EVERY_NS) {
        vol->complained_ns = now;
        log(TFS, ERROR, "%s: %s: ino=%lu: %s", vol->device->name, what, ino, err_text(err));
    }
}

// ---- reading

static struct read_ahead *ahead_find(struct tfs_node *n, u64 offset) REQUIRES(lc_vnode_table) {
    struct tfs_volume *vol = n->volume;
    for (u32 i = 0; i < READ_AHEAD_SLOTS; i++) {
        struct read_ahead *a = &vol->ahead[i];
        if (a->owner == n && !a->busy && a->generation == n->generation && offset >= a->first &&
            offset < a->first + a->bytes) {
            return a;
        }
    }
    return nullptr;
}

// Takes a slot that covers offset (hit), or the longest unused one.
static struct read_ahead *ahead_take(struct tfs_node *n, u64 offset, bool *hit) {
    struct tfs_volume *vol = n->volume;
    GUARD(vnode_table, vol);
    struct read_ahead *a = ahead_find(n, offset);
    *hit = a != nullptr;
    for (u32 i = 0; i < READ_AHEAD_SLOTS && !*hit; i++) {
        struct read_ahead *x = &vol->ahead[i];
        if (!x->busy && (a == nullptr || x->used < a->used)) {
            a = x;
        }
    }
    if (a != nullptr) {
        a->busy = true;
        a->used = ++vol->ahead_clock;
    }
    return a;
}

static void ahead_give_back(struct tfs_volume *vol, struct read_ahead *a) {
    GUARD(vnode_table, vol);
    a->busy = false;
}

void tfs_read_ahead_forget(struct tfs_node *n) {
    GUARD(vnode_table, n->volume);
    for (u32 i = 0; i < READ_AHEAD_SLOTS; i++) {
        if (n->volume->ahead[i].owner == n) {
            n->volume->ahead[i].owner = nullptr;
        }
    }
}

static err_t ahead_fill(struct tfs_node *n, struct read_ahead *a, u64 offset) {
    a->owner = nullptr; // busy: nobody looks
    if (a->buf == nullptr) {
        TRY(heap_alloc(READ_AHEAD_BYTES, (void **)&a->buf));
    }
    u64 generation = n->generation;
    size_t got;
    struct tfs_span span = {offset, READ_AHEAD_BYTES};
    TRY(tfs_read(n->volume->core, n->at, n->ino, span, a->buf, &got));
    a->first = offset;
    a->bytes = (u32)got;
    a->generation = generation;
    a->owner = n;
    return ERR_OK;
}

// False: not served from a window.
static bool fill_ahead(struct tfs_node *n, u64 offset, u8 *to) {
    bool hit;
    struct read_ahead *a = ahead_take(n, offset, &hit);
    if (a == nullptr) {
        return false;
    }
    bool good = hit || (ahead_fill(n, a, offset) == ERR_OK && a->generation == n->generation);
    if (good && offset < a->first + a->bytes) {
        memcpy(to, a->buf + (offset - a->first), MIN(PAGE_SIZE, a->first + a->bytes - offset));
    }
    ahead_give_back(n->volume, a);
    return good;
}

static err_t tfs_fill(struct vm_object *o, u64 index, struct page *p) {
    struct tfs_node *n = node_of_object(o);
    u64 offset = index * PAGE_SIZE;
    bool forward = index == n->next_index && index != 0;
    n->next_index = index + 1;
    if (forward && fill_ahead(n, offset, page_ptr(p))) {
        return ERR_OK;
    }
    size_t got;
    struct tfs_span span = {offset, PAGE_SIZE};
    err_t err = tfs_read(n->volume->core, n->at, n->ino, span, page_ptr(p), &got);
    if (err != ERR_OK) {
        tfs_complain(n->volume, "reading", n->ino, err);
    }
    return err;
}

static void tfs_object_destroy(struct vm_object *o) {
    struct tfs_node *n = node_of_object(o);
    heap_free(&n);
}

// ---- writing back

struct run { // pages that go to the core in one call
    u64 offset;
    const void *from;
    size_t bytes;
};

// The longest run at the start of pages: those that lie side by side in memory as they are, others
// by way of the bounce buffer.
static u32 next_run(struct tfs_volume *vol, struct page **pages, u32 count, struct run *r)
    REQUIRES(lc_tfs_mount) {
    u8 *start = page_ptr(pages[0]);
    u32 joined = 1;
    while (joined < count && (u8 *)page_ptr(pages[joined]) == start + joined * PAGE_SIZE) {
        joined++;
    }
    r->from = start;
    if (joined == 1 && count > 1) {
        joined = MIN(count, BOUNCE_PAGES);
        for (u32 i = 0; i < joined; i++) {
            memcpy(vol->bounce + i * PAGE_SIZE, page_ptr(pages[i]), PAGE_SIZE);
        }
        r->from = vol->bounce;
    }
    r->bytes = joined * PAGE_SIZE;
    return joined;
}

static err_t write_runs(struct tfs_node *n, u64 index, struct page **pages, u32 count)
    REQUIRES(lc_tfs_mount) {
    for (u32 at = 0; at < count;) {
        struct run r = {.offset = (index + at) * PAGE_SIZE};
        u64 size = n->object.size_bytes;
        if (r.offset >= size) {
            break; // cut off meanwhile
        }
        at += next_run(n->volume, pages + at, count - at, &r);
        struct tfs_span span = {r.offset, MIN(r.bytes, size - r.offset)};
        size_t put;
        TRY(tfs_write(n->volume->core, n->ino, span, r.from, &put));
    }
    return ERR_OK;
}

static err_t tfs_write_back(struct vm_object *o, u64 index, struct page **pages, u32 count) {
    struct tfs_node *n = node_of_object(o);
    struct tfs_volume *vol = n->volume;
    GUARD(tfs_mount, vol);
    u64 touched = n->touched_ns;
    if (touched != 0) {
        vol->stamp_ns = touched;
        vol->stamp_thread = thread_current();
    }
    err_t err = write_runs(n, index, pages, count);
    vol->stamp_thread = nullptr;
    n->generation++;
    if (err != ERR_OK) {
        tfs_complain(vol, "writing", n->ino, err);
    }
    return err;
}

static void tfs_dirtied(struct vm_object *o) {
    struct tfs_node *n = node_of_object(o);
    if (n->touched_ns == 0) {
        n->touched_ns =
            time_wall_ns(); // a store through a mapping; write(2) says so itself right after
    }
    tfs_mark_dirty(n);
}

const struct vm_object_ops tfs_object_ops = {.fill = tfs_fill,
                                             .write_back = tfs_write_back,
                                             .destroy = tfs_object_destroy,
                                             .dirtied = tfs_dirtied};
const struct vm_object_ops tfs_past_object_ops = {.fill = tfs_fill, .destroy = tfs_object_destroy};

// ---- who has something to flush

void tfs_mark_dirty(struct tfs_node *n) {
    GUARD(vnode_table, n->volume);
    if (!n->in_dirty && vnode_get_if_live(n->vnode)) { // a dying node is flushed by inactive
        n->in_dirty = true;
        list_push_back(&n->volume->dirty, &n->dirty_node);
    }
}

err_t tfs_vnode_flush(struct tfs_node *n) {
    struct tfs_volume *vol = n->volume;
    u64 touched = n->touched_ns;
    u64 bytes = n->unflushed_bytes;
    TRY(vm_object_sync(&n->object, 0, ~(u64)0));
    n->unflushed_bytes -= bytes;
    vol->dirty_bytes -= bytes;
    tfs_vnode_changed(n);
    u64 expected = touched; // unless written again since
    (void)__c11_atomic_compare_exchange_strong(&n->touched_ns, &expected, 0, __ATOMIC_ACQ_REL,
                                               __ATOMIC_RELAXED);
    return ERR_OK;
}

static struct tfs_node *take_dirty(struct tfs_volume *vol) {
    GUARD(vnode_table, vol);
    struct list *at = list_pop_front(&vol->dirty);
    if (at == nullptr) {
        return nullptr;
    }
    struct tfs_node *n = list_entry(at, struct tfs_node, dirty_node);
    n->in_dirty = false;
    return n;
}

static u32 count_dirty(struct tfs_volume *vol) {
    GUARD(vnode_table, vol);
    u32 count = 0;
    struct tfs_node *n;
    list_for_each(n, &vol->dirty, dirty_node) { count++; }
    return count;
}

err_t tfs_volume_flush(struct tfs_volume *vol) {
    err_t first = ERR_OK;
    for (u32 left = count_dirty(vol); left != 0; left--) {
        struct tfs_node *n = take_dirty(vol);
        if (n == nullptr) {
            break;
        }
        struct vnode *v = n->vnode;
        err_t err = tfs_vnode_flush(n);
        if (err != ERR_OK) {
            first = first == ERR_OK ? err : first;
            if (!vol->stopping) {
                tfs_mark_dirty(n); // once more later
            }
        }
        vnode_put(v);
    }
    return first;
}

// ---- what the VFS calls

void tfs_space_refresh(struct tfs_volume *vol) {
    struct tfs_statfs s;
    if (tfs_statfs(vol->core, &s) == ERR_OK) {
        // A part stays for the metadata of what is promised.
        u64 margin = MIN(s.blocks_total / 64, METADATA_BLOCKS_MAX);
        u64 blocks = s.blocks_available > margin ? s.blocks_available - margin : 0;
        vol->space_bytes = (i64)(blocks * TFS_BLOCK_SIZE) - (i64)vol->dirty_bytes;
    }
}

// Space is promised at the time of the write, so that a full disk shows there and not as lost data
// at close.
err_t tfs_prepare_write(struct vnode *v, u64 offset, size_t bytes) {
    struct tfs_volume *vol = tfs_vnode_of(v)->volume;
    if (offset + bytes > TFS_FILE_BYTES_MAX) {
        return ERR_FBIG;
    }
    if (vol->read_only) {
        return ERR_ROFS;
    }
    if (vol->dirty_bytes > vol->dirty_bytes_max) {
        TRY(tfs_volume_flush(vol)); // the writer pays
    }
    if (vol->space_bytes < (i64)bytes + SPACE_CHECK_BYTES) {
        tfs_space_refresh(vol);
        if (vol->space_bytes < (i64)bytes) {
            TRY(tfs_volume_flush(vol)); // overwriting the same pages counts more than once
            tfs_space_refresh(vol);
        }
        if (vol->space_bytes < (i64)bytes) {
            return ERR_NOSPC;
        }
    }
    return ERR_OK;
}

void tfs_wrote(struct vnode *v, size_t bytes) {
    struct tfs_node *n = tfs_vnode_of(v);
    n->touched_ns = time_wall_ns();
    n->unflushed_bytes += bytes;
    n->volume->dirty_bytes += bytes;
    n->volume->space_bytes -= (i64)bytes;
    tfs_mark_dirty(n);
}

void tfs_close(struct vnode *v, struct file *f) {
    struct tfs_node *n = tfs_vnode_of(v);
    if (!f->written || v->object == nullptr || n->volume->failed) {
        return;
    }
    err_t err = tfs_vnode_flush(n);
    if (err == ERR_OK) {
        err = tfs_boundary(n->volume->core, n->ino, TFS_KIND_CLOSE);
    }
    if (err != ERR_OK) {
        tfs_complain(n->volume, "closing", n->ino, err);
    }
}

err_t tfs_sync(struct vnode *v, bool data_only) {
    unused_arg(data_only);
    struct tfs_node *n = tfs_vnode_of(v);
    if (v->object != nullptr) {
        TRY(tfs_vnode_flush(n));
    }
    TRY(tfs_boundary(n->volume->core, n->ino, TFS_KIND_FSYNC));
    return tfs_commit(n->volume->core);
}

err_t tfs_seek_data(struct vnode *v, u64 offset, bool hole, u64 *out) {
    struct tfs_node *n = tfs_vnode_of(v);
    if (offset >= v->object->size_bytes) {
        return ERR_NXIO;
    }
    if (n->kind == NODE_PRESENT) {
        TRY(tfs_vnode_flush(n));
    }
    return tfs_seek(n->volume->core, n->at, n->ino, offset, hole, out);
}
