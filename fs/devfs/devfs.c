// SPDX-License-Identifier: MIT
// /dev: a tmpfs (so programs may make their own nodes, directories and sockets there) that is
// filled with what is registered, and that gets a node whenever a device comes later. Device nodes
// on any file system find their device by number.
#include "devfs_impl.h"
#include <fs/tmpfs/tmpfs.h>
#include <io/block/block.h>

constexpr u32 TYPE_CHR = (u32)VNODE_CHR << 12, TYPE_BLK = (u32)VNODE_BLK << 12,
              TYPE_DIR = (u32)VNODE_DIR << 12, TYPE_LNK = (u32)VNODE_LNK << 12;
constexpr u32 MOUNTS_MAX = 16;

struct devfs {
    struct mutex lock;
    struct char_device *chars GUARDED_BY(lc_devfs);
    struct mount *mounts[MOUNTS_MAX] GUARDED_BY(lc_devfs);
};
DECLARE_MUTEX_CLASS(devfs, struct devfs, lock)
static struct devfs dev = {.lock = MUTEX_INIT(dev.lock)};
static struct mount_ops devfs_mount_ops; // tmpfs's with an own unmount
static err_t (*tmpfs_unmount)(struct mount *m);

static void add_node(struct mount *m, const char *name, const struct tmpfs_made *made) {
    err_t err = tmpfs_add(m, name, made);
    if (err != ERR_OK && err != ERR_EXIST) {
        log(VFS, ERROR, "devfs: no node %s (error %d)", name, err);
    }
}

static void add_everywhere(const char *name, const struct tmpfs_made *made) REQUIRES(lc_devfs) {
    for (u32 i = 0; i < MOUNTS_MAX; i++) {
        if (dev.mounts[i] != nullptr) {
            add_node(dev.mounts[i], name, made);
        }
    }
}

static struct tmpfs_made char_node(const struct char_device *d) {
    return (struct tmpfs_made){.mode = TYPE_CHR | (d->mode & 07777), .rdev = d->number};
}

void char_device_register(struct char_device *d) {
    GUARD(devfs, &dev);
    d->next = dev.chars;
    dev.chars = d;
    struct tmpfs_made made = char_node(d);
    add_everywhere(d->name, &made);
}

static struct tmpfs_made block_node(const struct block_device *d) {
    return (struct tmpfs_made){.mode = TYPE_BLK | 0660, .rdev = d->number};
}

static void disk_registered(struct block_device *d) {
    GUARD(devfs, &dev);
    struct tmpfs_made made = block_node(d);
    add_everywhere(d->name, &made);
}

static bool add_disk(struct block_device *d, void *arg) {
    struct tmpfs_made made = block_node(d);
    add_node(arg, d->name, &made);
    return true;
}

static void populate_fixed(struct mount *m) {
    static const struct tmpfs_made directory = {.mode = TYPE_DIR | 0755};
    static const struct tmpfs_made open_directory = {.mode = TYPE_DIR | 01777};
    static const char *const links[][2] = {{"fd", "/proc/self/fd"},
                                           {"stdin", "/proc/self/fd/0"},
                                           {"stdout", "/proc/self/fd/1"},
                                           {"stderr", "/proc/self/fd/2"}};
    add_node(m, "shm", &open_directory);
    add_node(m, "pts", &directory);
    for (size_t i = 0; i < countof(links); i++) {
        struct tmpfs_made made = {.mode = TYPE_LNK | 0777, .target = links[i][1]};
        add_node(m, links[i][0], &made);
    }
}

static err_t enlist(struct mount *m) {
    GUARD(devfs, &dev);
    for (u32 i = 0; i < MOUNTS_MAX; i++) {
        if (dev.mounts[i] == nullptr) {
            dev.mounts[i] = m;
            for (struct char_device *d = dev.chars; d != nullptr; d = d->next) {
                struct tmpfs_made made = char_node(d);
                add_node(m, d->name, &made);
            }
            return ERR_OK;
        }
    }
    return ERR_NFILE;
}

static void delist(struct mount *m) {
    GUARD(devfs, &dev);
    for (u32 i = 0; i < MOUNTS_MAX; i++) {
        if (dev.mounts[i] == m) {
            dev.mounts[i] = nullptr;
        }
    }
}

static err_t devfs_unmount(struct mount *m) { return tmpfs_unmount(m); }

static err_t devfs_mount(const char *source, u32 flags, const char *options, struct mount **out) {
    unused_arg(source);
    unused_arg(flags);
    unused_arg(options);
    struct mount *m;
    TRY(tmpfs_mount_create("mode=755", &m));
    if (tmpfs_unmount == nullptr) {
        tmpfs_unmount = m->ops->unmount;
        devfs_mount_ops = *m->ops;
        devfs_mount_ops.unmount = devfs_unmount;
        devfs_mount_ops.detached = delist;
    }
    m->ops = &devfs_mount_ops;
    populate_fixed(m);
    err_t err = enlist(m);
    if (err != ERR_OK) {
        vnode_put(m->root);
        (void)tmpfs_unmount(m);
        heap_free(&m);
        return err;
    }
    block_each(add_disk, m);
    *out = m;
    return ERR_OK;
}

static struct char_device *char_find(u64 rdev) {
    GUARD(devfs, &dev);
    for (struct char_device *d = dev.chars; d != nullptr; d = d->next) {
        if (d->number == rdev) {
            return d;
        }
    }
    return nullptr;
}

err_t char_device_open(u64 rdev, struct vnode *v, struct file *f) {
    unused_arg(v);
    struct char_device *d = char_find(rdev);
    if (d == nullptr) {
        return ERR_NXIO;
    }
    f->ops = d->ops;
    f->data = d->driver;
    if (d->open != nullptr) {
        TRY(d->open(d, f));
    }
    return f->ops == nullptr ? ERR_NXIO : ERR_OK;
}

void devfs_init(void) {
    static struct fs_type type = {.name = "devtmpfs", .mount = devfs_mount};
    static struct fs_type short_name = {.name = "devfs", .mount = devfs_mount};
    vfs_char_open = char_device_open;
    vfs_block_open = block_device_open;
    block_registered = disk_registered;
    vfs_register_fs(&type);
    vfs_register_fs(&short_name);
    devfs_memory_init();
}
