// SPDX-License-Identifier: MIT
// Checking inodes and directories of the present: every name leads to an inode of the right type,
// every inode has as many names as it says, directories form one tree below the root, sizes and
// block counts are right, orphans are known.
#include "check_impl.h"

static struct seen_inode *inode_find(struct check *c, u64 ino) {
    size_t lo = 0, hi = c->inode_count;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (c->inodes[mid].ino < ino) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo < c->inode_count && c->inodes[lo].ino == ino ? &c->inodes[lo] : nullptr;
}

static err_t inode_note(struct check *c, u64 ino, struct seen_inode **out) { // ino never falls
    struct tfs_env *env = &c->fs->env;
    if (c->inode_count > 0 && c->inodes[c->inode_count - 1].ino == ino) {
        *out = &c->inodes[c->inode_count - 1];
        return ERR_OK;
    }
    if (c->inode_count == c->inode_cap) {
        size_t cap = c->inode_cap == 0 ? 1024 : c->inode_cap * 2;
        struct seen_inode *more = env->alloc(env->arg, cap * sizeof(*more));
        if (more == nullptr) {
            return ERR_NOMEM;
        }
        if (c->inode_cap > 0) {
            memcpy(more, c->inodes, c->inode_count * sizeof(*more));
            env->free(env->arg, c->inodes, c->inode_cap * sizeof(*more));
        }
        c->inodes = more;
        c->inode_cap = cap;
    }
    *out = &c->inodes[c->inode_count++];
    **out = (struct seen_inode){.ino = ino, .wants_inode = true};
    return ERR_OK;
}

static err_t note_record(struct check *c, const struct record *r) {
    struct seen_inode *s;
    struct inode i;
    if (r->key.obj == 0) {
        return ERR_OK;
    }
    TRY(inode_note(c, r->key.obj, &s));
    switch (r->key.type) {
    case TFS_INODE:
        TRY(tfs_inode_decode(r, &i));
        s->wants_inode = false;
        s->mode = i.mode;
        s->nlink = i.nlink;
        s->parent = i.parent;
        s->size = i.size;
        s->blocks = i.blocks;
        c->stats.inodes++;
        break;
    case TFS_INLINE:
        s->has_inline = true;
        if (r->len > s->size) {
            tfs_check_say(c, "inode %llu: more inline bytes than its size",
                          (unsigned long long)s->ino);
        }
        break;
    case TFS_EXTENT:
        TRY(tfs_extent_decode(c->fs, r, &c->fs->ext[0]));
        s->extent_blocks += c->fs->ext[0].blocks;
        break;
    case TFS_DIRENT:
        s->entries++;
        c->stats.dirents++;
        break;
    default:
        break;
    }
    return ERR_OK;
}

static err_t each_live(struct check *c, err_t (*visit)(struct check *, const struct record *)) {
    struct key from = {};
    struct cursor cur;
    TRY(tfs_bt_seek(&c->fs->live, &from, &cur));
    err_t err = ERR_OK;
    while (err == ERR_OK && cursor_valid(&cur)) {
        struct record r = tfs_bt_record(&cur);
        err = visit(c, &r);
        if (err == ERR_OK) {
            err = tfs_bt_next(&cur);
        }
    }
    tfs_bt_close(&cur);
    return err;
}

static err_t link_record(struct check *c, const struct record *r) {
    struct tfs_dirent d;
    struct seen_inode *dir = inode_find(c, r->key.obj);
    if (r->key.type == TFS_ORPHAN && r->key.obj == 0) {
        struct seen_inode *s = inode_find(c, r->key.off);
        if (s == nullptr) {
            tfs_check_say(c, "an orphan record for inode %llu, which does not exist",
                          (unsigned long long)r->key.off);
        } else {
            s->orphan = true;
        }
    }
    if (r->key.type != TFS_DIRENT) {
        return ERR_OK;
    }
    TRY(tfs_dirent_decode(r, &d));
    if ((r->key.off & ~(u64)0xff) != tfs_name_hash(c->fs, d.name)) {
        tfs_check_say(c, "directory %llu: a name at the wrong hash",
                      (unsigned long long)r->key.obj);
    }
    struct seen_inode *s = inode_find(c, d.ino);
    if (s == nullptr || s->wants_inode) {
        tfs_check_say(c, "directory %llu: a name of inode %llu, which does not exist",
                      (unsigned long long)r->key.obj, (unsigned long long)d.ino);
        return ERR_OK;
    }
    s->names++;
    s->found_in = r->key.obj;
    if ((s->mode & MODE_TYPE) != d.mode_type) {
        tfs_check_say(c, "directory %llu: the type of the name of inode %llu is wrong",
                      (unsigned long long)r->key.obj, (unsigned long long)d.ino);
    }
    if (dir != nullptr && d.mode_type == MODE_DIR) {
        dir->subdirs++;
    }
    return ERR_OK;
}

static bool leads_to_root(struct check *c, const struct seen_inode *s) {
    for (u32 depth = 0; depth < DIR_DEPTH_MAX; depth++) {
        if (s->ino == TFS_ROOT_INO) {
            return true;
        }
        s = inode_find(c, s->parent);
        if (s == nullptr) {
            return false;
        }
    }
    return false;
}

static void check_directory(struct check *c, const struct seen_inode *s) {
    unsigned long long ino = s->ino;
    if (s->entries != s->size) {
        tfs_check_say(c, "directory %llu: %llu entries, it says %llu", ino,
                      (unsigned long long)s->entries, (unsigned long long)s->size);
    }
    if (s->orphan) {
        return;
    }
    if (s->nlink != s->subdirs + 2) {
        tfs_check_say(c, "directory %llu: %u subdirectories, but %u links", ino, s->subdirs,
                      s->nlink);
    }
    bool root = s->ino == TFS_ROOT_INO;
    if (s->names != (root ? 0 : 1) || (!root && s->found_in != s->parent)) {
        tfs_check_say(c, "directory %llu: %u names, or not where it says", ino, s->names);
    } else if (!leads_to_root(c, s)) {
        tfs_check_say(c, "directory %llu: not below the root", ino);
    }
}

static void check_inode(struct check *c, const struct seen_inode *s) {
    unsigned long long ino = s->ino;
    if (s->wants_inode) {
        tfs_check_say(c, "object %llu has records but no inode", ino);
        return;
    }
    bool dir = (s->mode & MODE_TYPE) == MODE_DIR;
    if (s->blocks != s->extent_blocks) {
        tfs_check_say(c, "inode %llu: %llu blocks, it says %llu", ino,
                      (unsigned long long)s->extent_blocks, (unsigned long long)s->blocks);
    }
    if (s->has_inline && s->extent_blocks > 0) {
        tfs_check_say(c, "inode %llu: both inline data and extents", ino);
    }
    if (!dir && s->entries > 0) {
        tfs_check_say(c, "inode %llu: names in what is no directory", ino);
    }
    if (s->nlink == 0 && !s->orphan) {
        tfs_check_say(c, "inode %llu: no links, but not an orphan", ino);
    }
    if (dir) {
        check_directory(c, s);
    } else if (s->names != s->nlink) {
        tfs_check_say(c, "inode %llu: %u names, but %u links", ino, s->names, s->nlink);
    }
}

err_t tfs_check_names(struct check *c) {
    TRY(each_live(c, note_record));
    TRY(each_live(c, link_record));
    for (size_t i = 0; i < c->inode_count; i++) {
        check_inode(c, &c->inodes[i]);
    }
    if (c->stats.inodes != c->fs->inodes_used) {
        tfs_check_say(c, "%llu inodes, the superblock says %llu",
                      (unsigned long long)c->stats.inodes, (unsigned long long)c->fs->inodes_used);
    }
    return ERR_OK;
}
