// SPDX-License-Identifier: MIT
// tmpfs: nodes are their vnodes. Each name of a node owns a reference to its vnode, so a named node
// stays in memory; when the last name and the last user are gone, `inactive` frees it. File
// contents are the pages of an anonymous vm_object.
#include "tmpfs_impl.h"
#include <lib/path.h>
#include <mm/phys/page.h>

static void tmpfs_inactive(struct vnode *v) {
    struct tmpfs_node *n = tmpfs_node(v);
    if (n->object != nullptr) {
        n->fs->pages_used -= n->pages_counted;
        vm_object_put(n->object);
    }
    tmpfs_names_free(n);
    tmpfs_xattrs_free(n);
    n->fs->nodes--;
    heap_free(&n->target);
    heap_free(&n);
}

err_t tmpfs_node_create(struct tmpfs *t, const struct vattr *init, struct vnode **out) {
    struct tmpfs_node *n;
    TRY(heap_new(&n));
    enum vnode_type type = (enum vnode_type)(init->mode >> 12);
    struct vnode *v = nullptr;
    err_t err = ERR_OK;
    if (type == VNODE_REG) {
        err = vm_object_create_anon(&n->object);
    }
    if (err == ERR_OK) {
        err = vnode_alloc(t->mount, type, ++t->next_ino, &tmpfs_ops, &v);
    }
    if (err != ERR_OK) {
        if (n->object != nullptr) {
            vm_object_put(n->object);
        }
        heap_free(&n);
        return err;
    }
    if (n->object != nullptr) {
        n->object->size_bytes = 0;
        n->object->owner = v;
    }
    u64 now = time_wall_ns();
    n->fs = t;
    n->vnode = v;
    n->mode = init->mode;
    n->uid = init->uid;
    n->gid = init->gid;
    n->rdev = init->rdev;
    n->atime_ns = n->mtime_ns = n->ctime_ns = n->btime_ns = now;
    n->next_cookie = 3;
    list_init(&n->xattrs);
    v->fs = n;
    v->rdev = init->rdev;
    v->object = n->object;
    t->nodes++;
    *out = v;
    return ERR_OK;
}

static err_t tmpfs_getattr(struct vnode *v, struct vattr *out) {
    struct tmpfs_node *n = tmpfs_node(v);
    u64 size = 0;
    u64 pages = 0;
    if (n->object != nullptr) {
        size = n->object->size_bytes;
        GUARD(vm_object, n->object);
        pages = n->object->page_count;
    } else if (n->target != nullptr) {
        size = strlen(n->target);
    } else if (v->type == VNODE_DIR) {
        size = n->name_count * 20; // as Linux counts
    }
    GUARD(tmpfs, n->fs);
    *out = (struct vattr){.mode = n->mode,
                          .uid = n->uid,
                          .gid = n->gid,
                          .nlink = n->nlink,
                          .ino = v->ino,
                          .size = size,
                          .blocks_512 = pages * 8,
                          .rdev = n->rdev,
                          .atime = timespec_from_ns(n->atime_ns),
                          .mtime = timespec_from_ns(n->mtime_ns),
                          .ctime = timespec_from_ns(n->ctime_ns),
                          .btime = timespec_from_ns(n->btime_ns)};
    return ERR_OK;
}

static err_t tmpfs_readlink(struct vnode *v, char *buf, size_t capacity, size_t *len) {
    const char *target = tmpfs_node(v)->target;
    *len = MIN(strlen(target), capacity);
    memcpy(buf, target, *len);
    return ERR_OK;
}

const struct vnode_ops tmpfs_ops = {
    .lookup = tmpfs_lookup,
    .create = tmpfs_create,
    .symlink = tmpfs_symlink,
    .link = tmpfs_link,
    .unlink = tmpfs_unlink,
    .rename = tmpfs_rename,
    .readlink = tmpfs_readlink,
    .readdir = tmpfs_readdir,
    .getattr = tmpfs_getattr,
    .setattr = tmpfs_setattr,
    .fallocate = tmpfs_fallocate,
    .seek = tmpfs_seek,
    .getxattr = tmpfs_getxattr,
    .setxattr = tmpfs_setxattr,
    .removexattr = tmpfs_removexattr,
    .listxattr = tmpfs_listxattr,
    .inactive = tmpfs_inactive,
    .prepare_write = tmpfs_prepare_write,
    .wrote = tmpfs_wrote,
    .tmpfile = tmpfs_tmpfile,
};

static err_t tmpfs_statfs(struct mount *m, struct statfs_info *out) {
    struct tmpfs *t = m->fs;
    u64 used = t->pages_used;
    u64 max = t->pages_max;
    u64 left = max > used ? max - used : 0;
    *out =
        (struct statfs_info){.type = 0x01021994, // Linux's TMPFS_MAGIC
                             .bsize = PAGE_SIZE,
                             .blocks = max,
                             .bfree = left,
                             .bavail = left,
                             .files = page_array_count / 2,
                             .ffree = page_array_count / 2 - MIN(t->nodes, page_array_count / 2)};
    return ERR_OK;
}

// The tree went with its root's vnode.
static err_t tmpfs_unmount(struct mount *m) {
    struct tmpfs *t = m->fs;
    heap_free(&t);
    m->fs = nullptr;
    return ERR_OK;
}

static const struct mount_ops tmpfs_mount_ops = {.statfs = tmpfs_statfs, .unmount = tmpfs_unmount};

static bool option(const char *options, const char *key, const char **value) {
    size_t len = strlen(key);
    for (const char *s = options; s != nullptr && *s != 0;) {
        if (text_equal_n(s, key, len) && s[len] == '=') {
            *value = s + len + 1;
            return true;
        }
        while (*s != 0 && *s != ',') {
            s++;
        }
        s += *s == ',';
    }
    return false;
}

static err_t option_number(const char *options, const char *key, u64 *out) {
    const char *s;
    const char *end;
    return option(options, key, &s) ? text_to_u64(s, &end, out) : ERR_OK;
}

static err_t option_size(const char *options, u64 *pages) {
    const char *s;
    if (!option(options, "size", &s)) {
        return ERR_OK;
    }
    u64 n;
    const char *end;
    TRY(text_to_u64(s, &end, &n));
    switch (*end) {
    case 'k':
    case 'K':
        n = KIB(n);
        break;
    case 'm':
    case 'M':
        n = MIB(n);
        break;
    case 'g':
    case 'G':
        n = GIB(n);
        break;
    case '%':
        n = page_array_count * PAGE_SIZE / 100 * n;
        break;
    default:
        break;
    }
    *pages = bytes_to_pages(n);
    return ERR_OK;
}

static err_t option_mode(const char *options, u32 *mode) {
    const char *s;
    if (!option(options, "mode", &s)) {
        return ERR_OK;
    }
    u32 n = 0;
    for (; *s >= '0' && *s <= '7'; s++) {
        n = n * 8 + (u32)(*s - '0');
    }
    *mode = n & 07777;
    return *s == 0 || *s == ',' ? ERR_OK : ERR_INVAL;
}

static err_t make_root(struct tmpfs *t, const char *options) {
    u64 pages = page_array_count / 2;
    u64 uid = 0;
    u64 gid = 0;
    u32 mode = 01777;
    TRY(option_size(options, &pages));
    TRY(option_mode(options, &mode));
    TRY(option_number(options, "uid", &uid));
    TRY(option_number(options, "gid", &gid));
    t->pages_max = pages;
    struct vattr init = {.mode = ((u32)VNODE_DIR << 12) | mode, .uid = (u32)uid, .gid = (u32)gid};
    TRY(tmpfs_node_create(t, &init, &t->mount->root));
    tmpfs_node(t->mount->root)->nlink = 2;
    return ERR_OK;
}

err_t tmpfs_mount_create(const char *options, struct mount **out) {
    struct mount *m;
    TRY(heap_new(&m));
    struct tmpfs *t;
    err_t err = heap_new(&t);
    if (err == ERR_OK) {
        mutex_init(&t->lock);
        t->mount = m;
        m->ops = &tmpfs_mount_ops;
        m->fs = t;
        m->dev = vfs_anonymous_dev();
        err = make_root(t, options);
        if (err != ERR_OK) {
            heap_free(&t);
        }
    }
    if (err != ERR_OK) {
        heap_free(&m);
        return err;
    }
    *out = m;
    return ERR_OK;
}

static err_t tmpfs_mount(const char *source, u32 flags, const char *options, struct mount **out) {
    unused_arg(source);
    unused_arg(flags);
    return tmpfs_mount_create(options, out);
}

void tmpfs_init(void) {
    static struct fs_type type = {.name = "tmpfs", .mount = tmpfs_mount};
    vfs_register_fs(&type);
}

static err_t add_one(struct vnode *dir, const struct path_part *part,
                     const struct tmpfs_made *made) {
    struct vattr init = {
        .mode = made->mode, .uid = made->uid, .gid = made->gid, .rdev = made->rdev};
    struct vnode *v;
    GUARD(vnode, dir);
    if (made->target != nullptr) {
        TRY(tmpfs_symlink(dir, part->bytes, part->len, made->target, &init, &v));
    } else {
        TRY(tmpfs_create(dir, part->bytes, part->len, &init, &v));
    }
    vnode_put(v);
    return ERR_OK;
}

err_t tmpfs_add(struct mount *m, const char *path, const struct tmpfs_made *made) {
    static const struct tmpfs_made directory = {.mode = ((u32)VNODE_DIR << 12) | 0755};
    struct vnode *dir = m->root;
    vnode_get(dir);
    err_t err = ERR_OK;
    for (bool last = false; !last && err == ERR_OK;) {
        struct path_part part;
        path_next(&path, &part);
        last = part.last;
        if (last) {
            err = add_one(dir, &part, made);
            break;
        }
        err = add_one(dir, &part, &directory);
        struct vnode *next = nullptr;
        if (err == ERR_OK || err == ERR_EXIST) {
            err = tmpfs_lookup(dir, part.bytes, part.len, &next);
        }
        if (next != nullptr) {
            vnode_put(dir);
            dir = next;
        }
    }
    vnode_put(dir);
    return err;
}
