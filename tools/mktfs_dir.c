// SPDX-License-Identifier: MIT
// A directory tree of the host into a volume: sorted by name, so that the same tree gives the same
// image.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <lib/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <tools/mktfs_import.h>
#include <unistd.h>

constexpr u32 DEPTH_MAX = 200;
constexpr size_t COPY_BYTES = 1 << 20;

struct seen { // a file with several names
    dev_t dev;
    ino_t host;
    u64 ino;
};
struct walk {
    struct import *im;
    struct seen *seen;
    size_t seen_count, seen_cap;
    u8 *buf;
};

bool import_failed(const char *what, err_t err) {
    fprintf(stderr, "mktfs: %s: %s\n", what, err_text(err));
    return false;
}

static bool host_failed(const char *what) {
    fprintf(stderr, "mktfs: %s: %s\n", what, strerror(errno));
    return false;
}

bool import_apply(struct import *im, u64 ino, const struct import_meta *meta, const char *what) {
    struct tfs_setattr set = {.mask = TFS_SET_MODE | TFS_SET_UID | TFS_SET_GID | TFS_SET_ATIME |
                                      TFS_SET_MTIME | TFS_SET_CTIME,
                              .mode = meta->mode & 07777,
                              .uid = im->force_owner ? im->uid : meta->uid,
                              .gid = im->force_owner ? im->gid : meta->gid,
                              .atime_ns = meta->atime_ns,
                              .mtime_ns = meta->mtime_ns,
                              .ctime_ns = meta->mtime_ns};
    err_t err = tfs_setattr(im->fs, ino, &set);
    return err == ERR_OK || import_failed(what, err);
}

static u64 time_ns(struct timespec t) { return (u64)t.tv_sec * NS_PER_SEC + (u64)t.tv_nsec; }

static bool apply_stat(struct walk *w, u64 ino, const struct stat *st, const char *path) {
    struct import_meta meta = {st->st_mode, st->st_uid, st->st_gid, time_ns(st->st_mtim),
                               time_ns(st->st_mtim)};
    return import_apply(w->im, ino, &meta, path);
}

static u64 seen_find(struct walk *w, const struct stat *st) {
    for (size_t i = 0; i < w->seen_count; i++) {
        if (w->seen[i].dev == st->st_dev && w->seen[i].host == st->st_ino) {
            return w->seen[i].ino;
        }
    }
    return 0;
}

static bool seen_add(struct walk *w, const struct stat *st, u64 ino) {
    if (w->seen_count == w->seen_cap) {
        w->seen_cap = w->seen_cap == 0 ? 64 : w->seen_cap * 2;
        struct seen *more = realloc(w->seen, w->seen_cap * sizeof(*more));
        if (more == nullptr) {
            return import_failed("hard links", ERR_NOMEM);
        }
        w->seen = more;
    }
    w->seen[w->seen_count++] = (struct seen){st->st_dev, st->st_ino, ino};
    return true;
}

static bool copy_data(struct walk *w, u64 ino, const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return host_failed(path);
    }
    u64 at = 0;
    bool good = true;
    for (;;) {
        ssize_t n = read(fd, w->buf, COPY_BYTES);
        size_t put;
        if (n <= 0) {
            good = n == 0 || host_failed(path);
            break;
        }
        err_t err = tfs_write(w->im->fs, ino, (struct tfs_span){at, (size_t)n}, w->buf, &put);
        if (err != ERR_OK) {
            good = import_failed(path, err);
            break;
        }
        at += (u64)n;
    }
    close(fd);
    w->im->bytes += at;
    return good;
}

static bool make_symlink(struct walk *w, u64 dir, struct tfs_name name, const char *path,
                         u64 *ino) {
    static char target[TFS_SYMLINK_BYTES_MAX + 1];
    ssize_t n = readlink(path, target, sizeof(target));
    if (n < 0) {
        return host_failed(path);
    }
    struct tfs_create how = {.mode = 0777};
    err_t err = tfs_symlink(w->im->fs, dir, name, (struct tfs_name){target, (size_t)n}, &how, ino);
    return err == ERR_OK || import_failed(path, err);
}

static bool import_one(struct walk *w, u64 dir, const char *path, const char *name_text, u64 *ino,
                       struct stat *st) {
    struct tfs *fs = w->im->fs;
    struct tfs_name name = {name_text, strlen(name_text)};
    if (lstat(path, st) != 0) {
        return host_failed(path);
    }
    if (st->st_nlink > 1 && !S_ISDIR(st->st_mode)) {
        *ino = seen_find(w, st);
        if (*ino != 0) {
            err_t err = tfs_link(fs, dir, name, *ino);
            return err == ERR_OK || import_failed(path, err);
        }
    }
    if (S_ISLNK(st->st_mode)) {
        if (!make_symlink(w, dir, name, path, ino)) {
            return false;
        }
    } else {
        struct tfs_create how = {.mode = st->st_mode, .rdev = st->st_rdev};
        err_t err = S_ISDIR(st->st_mode) ? tfs_lookup(fs, TFS_NOW, dir, name, ino) : ERR_NOENT;
        if (err == ERR_NOENT) {
            err = tfs_create(fs, dir, name, &how, ino);
        }
        if (err != ERR_OK) {
            return import_failed(path, err);
        }
        if (S_ISREG(st->st_mode) && !copy_data(w, *ino, path)) {
            return false;
        }
    }
    w->im->files++;
    return st->st_nlink <= 1 || S_ISDIR(st->st_mode) || seen_add(w, st, *ino);
}

static bool walk_dir(struct walk *w, u64 dir, const char *path, u32 depth) { // bounded: DEPTH_MAX
    struct dirent **names;
    int count = scandir(path, &names, nullptr, alphasort);
    if (count < 0 || depth > DEPTH_MAX) {
        return host_failed(path);
    }
    bool good = true;
    for (int i = 0; i < count; i++) {
        const char *name = names[i]->d_name;
        char *full;
        if (good && strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
            u64 ino = 0;
            struct stat st;
            if (asprintf(&full, "%s/%s", path, name) < 0) {
                good = false;
            } else {
                good = import_one(w, dir, full, name, &ino, &st) &&
                       (!S_ISDIR(st.st_mode) || walk_dir(w, ino, full, depth + 1)) &&
                       apply_stat(w, ino, &st, full);
                free(full);
            }
        }
        free(names[i]);
    }
    free(names);
    return good;
}

bool import_directory(struct import *im, const char *path) {
    struct walk w = {.im = im, .buf = malloc(COPY_BYTES)};
    struct stat st;
    bool good = w.buf != nullptr && (stat(path, &st) == 0 || host_failed(path)) &&
                walk_dir(&w, TFS_ROOT_INO, path, 0) && apply_stat(&w, TFS_ROOT_INO, &st, path);
    free(w.buf);
    free(w.seen);
    return good;
}
