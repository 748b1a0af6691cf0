// SPDX-License-Identifier: MIT
// A tar archive into a volume: ustar (POSIX.1-1988), GNU long names (types L and K), pax headers
// (path, linkpath, size, uid, gid, mtime; POSIX.1-2001). Missing parent directories are made.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <tools/mktfs_import.h>

constexpr size_t RECORD = 512;
constexpr size_t PATH_BYTES = 4096;
constexpr size_t COPY_BYTES = 1 << 20;
constexpr u64 META_MAX = 1 << 20; // of one pax header or long name

struct tar {
    struct import *im;
    FILE *file;
    u8 *buf;
    u8 head[RECORD];
    char path[PATH_BYTES], link[PATH_BYTES];
    bool long_path, long_link, pax_size, pax_mtime, pax_uid, pax_gid;
    u64 size, mtime_ns;
    u32 uid, gid;
    struct later { // directories get their times when all is in them
        u64 ino;
        struct import_meta meta;
    } *later;
    size_t later_count, later_cap;
};

static bool tar_failed(const char *what) {
    fprintf(stderr, "mktfs: tar archive: %s\n", what);
    return false;
}

static u64 field_number(const u8 *field, size_t len) { // octal, or GNU's base 256
    u64 n = 0;
    if ((field[0] & 0x80) != 0) {
        for (size_t i = 1; i < len; i++) {
            n = n << 8 | field[i];
        }
        return n;
    }
    for (size_t i = 0; i < len && field[i] != 0; i++) {
        if (field[i] >= '0' && field[i] <= '7') {
            n = n * 8 + (u64)(field[i] - '0');
        }
    }
    return n;
}

static bool head_valid(const u8 *head) {
    u64 sum = 0;
    for (size_t i = 0; i < RECORD; i++) {
        sum += i >= 148 && i < 156 ? ' ' : head[i];
    }
    return sum == field_number(head + 148, 8);
}

static bool read_exact(struct tar *t, void *to, size_t len) {
    return fread(to, 1, len, t->file) == len || tar_failed("ends too early");
}

static bool skip_padding(struct tar *t, u64 size) {
    u8 pad[RECORD];
    size_t rest = (size_t)(size % RECORD);
    return rest == 0 || read_exact(t, pad, RECORD - rest);
}

static bool skip_data(struct tar *t, u64 size) {
    while (size > 0) {
        size_t n = size < COPY_BYTES ? (size_t)size : COPY_BYTES;
        if (!read_exact(t, t->buf, n)) {
            return false;
        }
        size -= n;
    }
    return true;
}

static bool read_meta(struct tar *t, u64 size, char *to, size_t capacity) { // a long name
    if (size >= capacity) {
        return tar_failed("a name is too long");
    }
    if (!read_exact(t, to, (size_t)size) || !skip_padding(t, size)) {
        return false;
    }
    to[size] = 0;
    return true;
}

static u64 parse_time(const char *text) { // seconds with a fraction
    char *end;
    u64 s = strtoull(text, &end, 10), ns = 0, unit = NS_PER_SEC / 10;
    for (const char *p = end; *p == '.' || (*p >= '0' && *p <= '9'); p++) {
        if (*p != '.') {
            ns += (u64)(*p - '0') * unit;
            unit /= 10;
        }
    }
    return s * NS_PER_SEC + ns;
}

static void pax_field(struct tar *t, const char *key, const char *value) {
    if (strcmp(key, "path") == 0) {
        t->long_path = snprintf(t->path, PATH_BYTES, "%s", value) > 0;
    } else if (strcmp(key, "linkpath") == 0) {
        t->long_link = snprintf(t->link, PATH_BYTES, "%s", value) > 0;
    } else if (strcmp(key, "size") == 0) {
        t->size = strtoull(value, nullptr, 10);
        t->pax_size = true;
    } else if (strcmp(key, "mtime") == 0) {
        t->mtime_ns = parse_time(value);
        t->pax_mtime = true;
    } else if (strcmp(key, "uid") == 0) {
        t->uid = (u32)strtoul(value, nullptr, 10);
        t->pax_uid = true;
    } else if (strcmp(key, "gid") == 0) {
        t->gid = (u32)strtoul(value, nullptr, 10);
        t->pax_gid = true;
    }
}

static bool read_pax(struct tar *t, u64 size) {
    char *text = size < META_MAX ? malloc((size_t)size + 1) : nullptr;
    if (text == nullptr) {
        return tar_failed("a pax header is too long");
    }
    bool good = read_meta(t, size, text, (size_t)size + 1);
    for (char *at = text; good && at < text + size;) { // "LENGTH KEY=VALUE\n"
        char *key;
        u64 len = strtoull(at, &key, 10);
        char *value = len > 0 && len <= (u64)(text + size - at) ? strchr(key, '=') : nullptr;
        if (value == nullptr || *key != ' ' || value >= at + len) {
            good = tar_failed("a pax header is not valid");
            break;
        }
        at[len - 1] = 0;
        *value = 0;
        pax_field(t, key + 1, value + 1);
        at += len;
    }
    free(text);
    return good;
}

static void head_names(struct tar *t) {
    const char *head = (const char *)t->head;
    if (!t->long_path) {
        bool prefix = memcmp(head + 257, "ustar\0", 6) == 0 && head[345] != 0;
        snprintf(t->path, PATH_BYTES, "%.*s%s%.*s", prefix ? 155 : 0, head + 345, prefix ? "/" : "",
                 100, head);
    }
    if (!t->long_link) {
        snprintf(t->link, PATH_BYTES, "%.*s", 100, head + 157);
    }
}

// Walks to the directory of path and returns the last name; *dir exists afterwards.
static bool parent_of(struct tar *t, const char *path, u64 *dir, struct tfs_name *name) {
    *dir = TFS_ROOT_INO;
    *name = (struct tfs_name){};
    for (const char *p = path; *p != 0;) {
        size_t len = strcspn(p, "/");
        bool skip = len == 0 || (len == 1 && p[0] == '.');
        if (len == 2 && p[0] == '.' && p[1] == '.') {
            return tar_failed("a path has .. in it");
        }
        if (!skip) {
            if (name->len > 0) { // the name before is a directory
                u64 next;
                err_t err = tfs_lookup(t->im->fs, TFS_NOW, *dir, *name, &next);
                if (err == ERR_NOENT) {
                    struct tfs_create how = {.mode = S_IFDIR | 0755};
                    err = tfs_create(t->im->fs, *dir, *name, &how, &next);
                }
                if (err != ERR_OK) {
                    return import_failed(path, err);
                }
                *dir = next;
            }
            *name = (struct tfs_name){p, len};
        }
        p += len + (p[len] == '/' ? 1 : 0);
    }
    return true;
}

static bool copy_data(struct tar *t, u64 ino) {
    for (u64 at = 0; at < t->size;) {
        size_t n = t->size - at < COPY_BYTES ? (size_t)(t->size - at) : COPY_BYTES, put;
        if (!read_exact(t, t->buf, n)) {
            return false;
        }
        err_t err = tfs_write(t->im->fs, ino, (struct tfs_span){at, n}, t->buf, &put);
        if (err != ERR_OK) {
            return import_failed(t->path, err);
        }
        at += n;
    }
    t->im->bytes += t->size;
    return true;
}

static bool find_path(struct tar *t, const char *path, u64 *ino) {
    u64 dir;
    struct tfs_name name;
    if (!parent_of(t, path, &dir, &name)) {
        return false;
    }
    *ino = dir;
    err_t err = name.len == 0 ? ERR_OK : tfs_lookup(t->im->fs, TFS_NOW, dir, name, ino);
    return err == ERR_OK || import_failed(path, err);
}

static u32 type_mode(u8 type) {
    switch (type) {
    case '3':
        return S_IFCHR;
    case '4':
        return S_IFBLK;
    case '5':
        return S_IFDIR;
    case '6':
        return S_IFIFO;
    default:
        return S_IFREG;
    }
}

static err_t make_entry(struct tar *t, u8 type, u64 dir, struct tfs_name name, u64 *ino) {
    struct tfs *fs = t->im->fs;
    struct tfs_create how = {.mode = type_mode(type) | 0600};
    how.rdev = makedev((u32)field_number(t->head + 329, 8), (u32)field_number(t->head + 337, 8));
    if (type == '5') {
        err_t err = tfs_lookup(fs, TFS_NOW, dir, name, ino);
        return err == ERR_NOENT ? tfs_create(fs, dir, name, &how, ino) : err;
    }
    err_t old = tfs_unlink(fs, dir, name); // a later entry replaces an earlier one
    if (old != ERR_OK && old != ERR_NOENT) {
        return old;
    }
    if (type == '2') {
        return tfs_symlink(fs, dir, name, (struct tfs_name){t->link, strlen(t->link)}, &how, ino);
    }
    return tfs_create(fs, dir, name, &how, ino);
}

static bool later_add(struct tar *t, u64 ino, const struct import_meta *meta) {
    if (t->later_count == t->later_cap) {
        t->later_cap = t->later_cap == 0 ? 64 : t->later_cap * 2;
        struct later *more = realloc(t->later, t->later_cap * sizeof(*more));
        if (more == nullptr) {
            return tar_failed("no memory");
        }
        t->later = more;
    }
    t->later[t->later_count++] = (struct later){ino, *meta};
    return true;
}

static bool import_entry(struct tar *t, u8 type) {
    u64 dir, ino;
    struct tfs_name name;
    if (!parent_of(t, t->path, &dir, &name)) {
        return false;
    }
    if (type == '1') {
        u64 target;
        if (!find_path(t, t->link, &target)) {
            return false;
        }
        err_t err = tfs_link(t->im->fs, dir, name, target);
        return err == ERR_OK || import_failed(t->path, err);
    }
    ino = TFS_ROOT_INO;
    err_t err = name.len == 0 ? ERR_OK : make_entry(t, type, dir, name, &ino);
    if (err != ERR_OK) {
        return import_failed(t->path, err);
    }
    if (type_mode(type) == S_IFREG && type != '2' && !copy_data(t, ino)) {
        return false;
    }
    struct import_meta meta = {.mode = (u32)field_number(t->head + 100, 8),
                               .uid = t->pax_uid ? t->uid : (u32)field_number(t->head + 108, 8),
                               .gid = t->pax_gid ? t->gid : (u32)field_number(t->head + 116, 8),
                               .mtime_ns = t->mtime_ns};
    meta.atime_ns = meta.mtime_ns;
    t->im->files++;
    return type == '5' ? later_add(t, ino, &meta) : import_apply(t->im, ino, &meta, t->path);
}

static bool read_one(struct tar *t, bool *end) {
    *end = false;
    if (!read_exact(t, t->head, RECORD)) {
        return false;
    }
    u8 zero = 0;
    for (size_t i = 0; i < RECORD; i++) {
        zero |= t->head[i];
    }
    if (zero == 0) {
        *end = true;
        return true;
    }
    if (!head_valid(t->head)) {
        return tar_failed("a header is damaged");
    }
    u8 type = t->head[156];
    u64 size = field_number(t->head + 124, 12);
    if (type == 'L' || type == 'K') {
        *(type == 'L' ? &t->long_path : &t->long_link) = true;
        return read_meta(t, size, type == 'L' ? t->path : t->link, PATH_BYTES);
    }
    if (type == 'x') {
        return read_pax(t, size);
    }
    if (type == 'g') {
        return skip_data(t, size) && skip_padding(t, size);
    }
    head_names(t);
    t->size = t->pax_size ? t->size : size;
    t->mtime_ns = t->pax_mtime ? t->mtime_ns : field_number(t->head + 136, 12) * NS_PER_SEC;
    bool data = type == 0 || type == '0' || type == '7';
    u64 body = data ? t->size : 0;
    if (!data && (type < '1' || type > '6')) {
        return tar_failed("an entry of unknown type");
    }
    bool good = import_entry(t, type) && skip_padding(t, body);
    t->long_path = t->long_link = t->pax_size = t->pax_mtime = t->pax_uid = t->pax_gid = false;
    return good;
}

bool import_tar(struct import *im, const char *path) {
    static struct tar t;
    t = (struct tar){.im = im, .buf = malloc(COPY_BYTES)};
    t.file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    bool good = t.file != nullptr && t.buf != nullptr, end = false;
    if (!good) {
        fprintf(stderr, "mktfs: %s: cannot be opened\n", path);
    }
    while (good && !end) {
        good = read_one(&t, &end);
    }
    for (size_t i = 0; good && i < t.later_count; i++) {
        good = import_apply(im, t.later[i].ino, &t.later[i].meta, "a directory");
    }
    free(t.later);
    if (t.file != nullptr && t.file != stdin) {
        fclose(t.file);
    }
    free(t.buf);
    return good;
}
