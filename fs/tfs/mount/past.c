// SPDX-License-Identifier: MIT
// The past by path. In each directory of the present, names that do not exist may still mean
// something:
//
//   name@@TIME      `name` in this directory as both were at TIME
//   .time/TIME/     this directory as it was at TIME; below it every lookup stays at that moment
//
// TIME (lib/time_words) becomes an entry of the timeline, the moment, once; the vnodes found carry
// that moment. They are read-only for everyone, keep their inode number and report a device number
// of their own per moment, so that programs that compare (dev, ino) do not take past and present
// for one file. Reading one needs the permission of then and, if the file still exists, that of
// now: what was made private later stays private.
//
// `.time` never shows up in listings; its own listing names some recent moments at which the
// directory existed.
#include "mount_impl.h"
#include <lib/path.h>
#include <lib/time_words.h>

constexpr u32 MOMENTS_LISTED = 20;
constexpr u32 MOMENTS_LOOKED_AT = 4096;
constexpr u64 MOMENTS_APART_NS = NS_PER_SEC;

u64 tfs_moment_dev(const struct tfs_volume *vol, u64 at) {
    unused_arg(vol);
    u64 major = 0x700 | (at >> 20 & 0xff); // numbers that no driver has; Linux's encoding of dev_t
    u64 minor = at & 0xfffff;
    return (minor & 0xfff00) << 12 | major << 8 | (minor & 0xff);
}

// What no one keeps is not there.
static err_t as_absent(err_t err) {
    return err == ERR_HISTORY_NOT_KEPT || err == ERR_NOTDIR ? ERR_NOENT : err;
}

err_t tfs_moment_of(struct tfs_volume *vol, const char *text, size_t len, u64 *at) {
    struct time_words words;
    if (time_words_parse(text, len, time_wall_ns(), &words) != ERR_OK) {
        return ERR_NOENT;
    }
    if (!words.is_seq) {
        return as_absent(tfs_seq_of_time(vol->core, words.value, at));
    }
    struct tfs_moment moment;
    err_t err = tfs_seq_snap(vol->core, words.value, &moment);
    if (err == ERR_OK) {
        *at = moment.seq;
    }
    return as_absent(err);
}

static err_t past_node(struct tfs_volume *vol, u64 at, u64 ino, struct vnode **out) {
    return as_absent(tfs_vnode_get(vol, NODE_PAST, at, ino, out));
}

err_t tfs_past_lookup(struct tfs_node *dir, const char *name, size_t len, struct vnode **out) {
    if (len == 5 && memcmp(name, ".time", 5) == 0) {
        return tfs_vnode_get(dir->volume, NODE_TIME_DIR, TFS_NOW, dir->ino, out);
    }
    size_t split;
    if (!path_split_moment(name, len, &split)) {
        return ERR_NOENT;
    }
    u64 at;
    u64 ino;
    TRY(tfs_moment_of(dir->volume, name + split + 2, len - split - 2, &at));
    err_t err = tfs_lookup(dir->volume->core, at, dir->ino, tfs_name_of(name, split), &ino);
    return err == ERR_OK ? past_node(dir->volume, at, ino, out) : as_absent(err);
}

err_t tfs_time_dir_lookup(struct vnode *dir, const char *name, size_t len, struct vnode **out) {
    struct tfs_node *d = tfs_vnode_of(dir);
    u64 at;
    TRY(tfs_moment_of(d->volume, name, len, &at));
    return past_node(d->volume, at, d->ino, out);
}

err_t tfs_past_permission(struct vnode *v, const struct cred *cred, u32 rwx) {
    if (cred->fsuid == 0 && (v->type == VNODE_DIR || (rwx & 1) == 0)) {
        return ERR_OK;
    }
    struct tfs_node *n = tfs_vnode_of(v);
    struct vattr then;
    TRY(tfs_vnode_getattr(v, &then));
    TRY(vfs_permission_by_mode(&then, cred, rwx));
    struct tfs_attr now;
    err_t err = tfs_getattr(n->volume->core, TFS_NOW, n->ino, &now);
    if (err != ERR_OK) {
        return err == ERR_NOENT ? ERR_OK : err;
    }
    struct vattr present = {.mode = now.mode, .uid = now.uid, .gid = now.gid};
    return vfs_permission_by_mode(&present, cred, rwx);
}

// ---- listing .time

struct moments {
    u64 seq[MOMENTS_LISTED], wall_ns[MOMENTS_LISTED];
    u32 count, seen;
};

static bool note_moment(void *arg, const struct tfs_moment *m) {
    struct moments *l = arg;
    if (l->count == 0 || l->wall_ns[l->count - 1] >= m->wall_ns + MOMENTS_APART_NS) {
        l->seq[l->count] = m->seq;
        l->wall_ns[l->count] = m->wall_ns;
        l->count++;
    }
    return l->count < MOMENTS_LISTED && ++l->seen < MOMENTS_LOOKED_AT;
}

err_t tfs_time_dir_readdir(struct vnode *dir, u64 cookie, struct dir_sink *sink) {
    struct tfs_node *d = tfs_vnode_of(dir);
    struct moments *l;
    TRY(heap_new(&l));
    err_t err =
        tfs_timeline_each(d->volume->core, tfs_current_seq(d->volume->core), note_moment, l);
    // The cookie is the moment: the next older ones follow, whatever was added since.
    for (u32 i = 0; err == ERR_OK && i < l->count; i++) {
        u64 next_cookie = ((u64)1 << 62) - l->seq[i];
        struct tfs_attr a;
        if (next_cookie <= cookie ||
            tfs_getattr(d->volume->core, l->seq[i], d->ino, &a) != ERR_OK) {
            continue;
        }
        char name[TIME_WORDS_BYTES_MAX];
        size_t len = time_words_format(l->wall_ns[i], name, sizeof name);
        if (!sink->add(sink, name, len, d->ino, VNODE_DIR, next_cookie)) {
            break;
        }
    }
    heap_free(&l);
    return err;
}
