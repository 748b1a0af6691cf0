// SPDX-License-Identifier: MIT
// Disks as files: a page cache object per device, made at its first open and kept. A device that
// carries a mounted file system (or a disk of which a part does) takes no writes from anyone, root
// included: that is how the past stays what it was. The check is made at open, at each write and
// again before pages go out, so that neither order of mounting and opening helps.
#include "devfs_impl.h"
#include <io/block/block.h>

constexpr u32 BLKROGET_REQUEST = 0x125e, BLKGETSIZE_REQUEST = 0x1260, BLKFLSBUF_REQUEST = 0x1261,
              BLKSSZGET_REQUEST = 0x1268;
constexpr u32 BLKBSZGET_REQUEST = 0x80081270, BLKGETSIZE64_REQUEST = 0x80081272;
constexpr u32 SECTOR_BYTES = 512;

struct disk_file {
    struct vm_object object;
    struct block_device *device;
    struct disk_file *next;
};
static _Atomic(struct disk_file *) disk_files; // only ever grows

static bool writes_denied(const struct block_device *d) {
    for (; d != nullptr; d = d->parent) {
        if (d->writers_denied != 0) {
            return true;
        }
    }
    return false;
}

static u64 page_bytes(const struct block_device *d, u64 index) {
    u64 size = d->sectors * SECTOR_BYTES;
    u64 at = index * PAGE_SIZE;
    return at >= size ? 0 : MIN(size - at, PAGE_SIZE);
}

static err_t disk_fill(struct vm_object *o, u64 index, struct page *p) {
    struct block_device *d = container_of(o, struct disk_file, object)->device;
    u64 bytes = page_bytes(d, index);
    return bytes == 0 ? ERR_OK
                      : block_read(d, index * (PAGE_SIZE / SECTOR_BYTES), page_ptr(p), bytes);
}

static err_t disk_write_back(struct vm_object *o, u64 index, struct page **pages, u32 count) {
    struct block_device *d = container_of(o, struct disk_file, object)->device;
    if (writes_denied(d)) {
        log(BLOCK, ERROR, "%s: write refused, a file system is mounted", d->name);
        return ERR_PERM;
    }
    for (u32 i = 0; i < count; i++) {
        u64 bytes = page_bytes(d, index + i);
        if (bytes != 0) {
            TRY(block_write(d, (index + i) * (PAGE_SIZE / SECTOR_BYTES), page_ptr(pages[i]), bytes,
                            0));
        }
    }
    return ERR_OK;
}

static const struct vm_object_ops disk_object_ops = {.fill = disk_fill,
                                                     .write_back = disk_write_back};

static err_t find_or_make(struct block_device *d, struct disk_file **out) {
    for (struct disk_file *x = disk_files; x != nullptr; x = x->next) {
        if (x->device == d) {
            *out = x;
            return ERR_OK;
        }
    }
    struct disk_file *x;
    TRY(heap_new(&x));
    x->device = d;
    vm_object_init(&x->object, &disk_object_ops, nullptr);
    x->object.size_bytes = d->sectors * SECTOR_BYTES;
    // Two first opens at once make two objects; the later one is found from then on, the other goes
    // on working uncached by others.
    x->next = disk_files;
    while (!__c11_atomic_compare_exchange_weak(&disk_files, &x->next, x, __ATOMIC_RELEASE,
                                               __ATOMIC_RELAXED)) {
    }
    *out = x;
    return ERR_OK;
}

static err_t disk_read(struct file *f, struct vm_span span, u64 *pos, size_t *done) {
    struct disk_file *x = f->data;
    err_t err = vm_object_read(&x->object, *pos, span, done);
    *pos += *done;
    return err;
}

static err_t disk_write(struct file *f, struct vm_span span, u64 *pos, size_t *done) {
    struct disk_file *x = f->data;
    if (writes_denied(x->device)) {
        return ERR_PERM;
    }
    u64 size = x->object.size_bytes;
    if (*pos >= size) {
        return span.bytes == 0 ? ERR_OK : ERR_NOSPC;
    }
    span.bytes = MIN(span.bytes, size - *pos);
    f->written = true;
    err_t err = vm_object_write(&x->object, *pos, span, done);
    *pos += *done;
    return err;
}

static err_t disk_sync(struct file *f, bool data_only) {
    unused_arg(data_only);
    struct disk_file *x = f->data;
    TRY(vm_object_sync(&x->object, 0, ~(u64)0));
    return block_flush(x->device);
}

static err_t disk_seek(struct file *f, i64 offset, int whence, u64 *pos) {
    struct disk_file *x = f->data;
    if (whence == 2) {
        u64 size = x->object.size_bytes;
        i64 to;
        if (__builtin_add_overflow((i64)size, offset, &to) || to < 0) {
            return ERR_INVAL;
        }
        *pos = (u64)to;
        return ERR_OK;
    }
    return file_seek_plain(f, offset, whence, pos);
}

static err_t disk_ioctl(struct file *f, u32 request, u64 arg, i64 *result) {
    unused_arg(result);
    struct disk_file *x = f->data;
    struct uptr to = {arg};
    u64 sectors = x->device->sectors;
    u64 bytes = sectors * SECTOR_BYTES;
    i32 number = SECTOR_BYTES;
    i64 page = PAGE_SIZE;
    switch (request) {
    case BLKGETSIZE64_REQUEST:
        return copy_out(to, &bytes, sizeof bytes);
    case BLKGETSIZE_REQUEST:
        return copy_out(to, &sectors, sizeof sectors);
    case BLKBSZGET_REQUEST:
        return copy_out(to, &page, sizeof page);
    case BLKSSZGET_REQUEST:
        return copy_out(to, &number, sizeof number);
    case BLKROGET_REQUEST:
        number = x->device->read_only || writes_denied(x->device) ? 1 : 0;
        return copy_out(to, &number, sizeof number);
    case BLKFLSBUF_REQUEST:
        return disk_sync(f, false);
    default:
        return ERR_NOTTY;
    }
}

static err_t disk_map(struct file *f, u64 offset, u64 bytes, struct vm_object **out) {
    unused_arg(offset);
    unused_arg(bytes);
    struct disk_file *x = f->data;
    vm_object_get(&x->object);
    *out = &x->object;
    return ERR_OK;
}

static void disk_release(struct file *f) {
    if (f->written && disk_sync(f, false) != ERR_OK) {
        struct disk_file *x = f->data;
        log(BLOCK, ERROR, "%s: not everything written could be stored", x->device->name);
    }
}

static const struct file_ops disk_ops = {
    .read = disk_read,
    .write = disk_write,
    .ioctl = disk_ioctl,
    .map = disk_map,
    .seek = disk_seek,
    .release = disk_release,
    .sync = disk_sync,
};

err_t block_device_open(u64 rdev, struct vnode *v, struct file *f) {
    unused_arg(v);
    struct block_device *d = block_find_number((u32)rdev);
    if (d == nullptr) {
        return ERR_NXIO;
    }
    if ((f->flags & O_ACCMODE) != O_RDONLY) {
        if (d->read_only) {
            return ERR_ROFS;
        }
        if (writes_denied(d)) {
            log(BLOCK, WARN, "%s: opening for writing refused, a file system is mounted", d->name);
            return ERR_PERM;
        }
    }
    struct disk_file *x;
    TRY(find_or_make(d, &x));
    if (writes_denied(d)) { // changes below us all the time: read it afresh
        vm_object_drop(&x->object, 0, ~(u64)0);
    }
    f->ops = &disk_ops;
    f->data = x;
    return ERR_OK;
}
