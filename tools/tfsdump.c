// SPDX-License-Identifier: MIT
// Looks into a tfs volume: superblocks, trees, timeline, versions of a file, and its files at any
// moment.
#include <abi/disk/tfs.h>
#include <getopt.h>
#include <inttypes.h>
#include <lib/crc32c.h>
#include <lib/error.h>
#include <lib/time_words.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <tools/host_env.h>

static const char usage[] =
    "tfsdump [--offset N] [--length N] [--at MOMENT] IMAGE COMMAND\n"
    "  info             size, counts (the default)\n"
    "  supers           all valid superblocks, newest last\n"
    "  tree             the nodes of the live tree and of the memtable\n"
    "  timeline [N]     the last N moments (default: all)\n"
    "  history PATH     the versions of a file or directory (its inode at --at)\n"
    "  ls [PATH]        a directory\n"
    "  stat PATH        attributes\n"
    "  cat PATH         content, to standard output\n"
    "  find [PATH]      all names below\n"
    "MOMENT: #4711 (a number of the timeline), 2026-08-01T14:30:05, -10m, @1785594600; default: "
    "now\n";

constexpr u32 DEPTH_MAX = 200;

struct dump {
    struct host_env h;
    struct tfs_env env;
    struct tfs *fs;
    u64 at;
    const char *moment;
};

static bool fail(const char *what, err_t err) {
    fprintf(stderr, "tfsdump: %s: %s\n", what, err_text(err));
    return false;
}

static const char *time_text(u64 ns) {
    static char text[2][TIME_WORDS_BYTES_MAX];
    static u32 turn;
    turn ^= 1;
    time_words_format(ns, text[turn], sizeof(text[turn]));
    return text[turn];
}

static const char *kind_name(enum tfs_kind kind) {
    static const char *names[] = {"?",     "commit", "close",  "fsync",    "create",
                                  "link",  "unlink", "rename", "truncate", "attr",
                                  "xattr", "mark",   "format"};
    return kind < countof(names) ? names[kind] : "?";
}

// ---- raw structures
static bool cmd_supers(struct dump *d) {
    static u8 block[TFS_BLOCK_SIZE];
    const struct tfs_super *s = (const struct tfs_super *)(const void *)block;
    for (u32 ring = 0; ring < 2; ring++) {
        u64 start = ring == 0 ? 0 : d->env.block_count - TFS_RING_SLOTS;
        for (u32 i = 0; i < TFS_RING_SLOTS; i++) {
            err_t err = d->env.read(d->env.arg, start + i, 1, block);
            if (err != ERR_OK) {
                return fail("superblock", err);
            }
            if (le64_get(s->magic) != TFS_SUPER_MAGIC) {
                continue;
            }
            bool good = le32_get(s->crc) == crc32c(0, block + 12, TFS_BLOCK_SIZE - 12);
            printf("ring %u slot %2u: %s txg %" PRIu64 " seq #%" PRIu64 " %s used %" PRIu64
                   " blocks, live %" PRIu64 " level %u, memtable %" PRIu64 " level %u\n",
                   ring + 1, i, good ? "good" : "DAMAGED", le64_get(s->txg), le64_get(s->seq),
                   time_text(le64_get(s->wall_ns)), le64_get(s->blocks_used),
                   le64_get(s->live.paddr[0]), s->live.level, le64_get(s->memtable.paddr[0]),
                   s->memtable.level);
        }
    }
    return true;
}

static const char *type_name(u8 type) {
    static const char *names[] = {"?",     "inode",  "inline", "dirent", "extent",
                                  "xattr", "orphan", "run",    "moments"};
    return type < countof(names) ? names[type] : "?";
}

static void tree_leaf(const u8 *block, u32 count, u32 indent) {
    const struct tfs_item *items = (const struct tfs_item *)(block + sizeof(struct tfs_node));
    for (u32 i = 0; i < count && i < TFS_NODE_SPACE / sizeof(*items); i++) {
        u64 death = le64_get(items[i].death);
        printf("%*s%" PRIu64 " %s %" PRIu64 " born #%" PRIu64, indent + 2, "",
               le64_get(items[i].obj), type_name(items[i].type), le64_get(items[i].off),
               le64_get(items[i].birth));
        if (death != ~(u64)0) {
            printf(" died #%" PRIu64, death);
        }
        printf(" (%u bytes)\n", le16_get(items[i].value_len));
    }
}

static void tree_node(struct dump *d, u64 paddr, u32 level, u32 indent) { // level falls: bounded
    u8 *block = malloc(TFS_BLOCK_SIZE);
    const struct tfs_node *n = (const struct tfs_node *)(const void *)block;
    err_t err = block == nullptr ? ERR_NOMEM : d->env.read(d->env.arg, paddr, 1, block);
    if (err != ERR_OK || le32_get(n->magic) != TFS_NODE_MAGIC || n->level != level) {
        printf("%*snode %" PRIu64 " level %u: cannot be read\n", indent, "", paddr, level);
        free(block);
        return;
    }
    u32 count = le16_get(n->count);
    bool good = le32_get(n->crc) == crc32c(0, block + 8, TFS_BLOCK_SIZE - 8);
    printf("%*snode %" PRIu64 " and %" PRIu64 " level %u txg %" PRIu64 " count %u%s\n", indent, "",
           le64_get(n->paddr[0]), le64_get(n->paddr[1]), level, le64_get(n->birth_txg), count,
           good ? "" : " DAMAGED");
    const struct tfs_ptr *ptrs = (const struct tfs_ptr *)(block + sizeof(*n));
    if (level == 0) {
        tree_leaf(block, count, indent);
    }
    for (u32 i = 0; level > 0 && i < count && i < TFS_PTRS_MAX; i++) {
        tree_node(d, le64_get(ptrs[i].bp.paddr[0]), level - 1, indent + 2);
    }
    free(block);
}

static bool cmd_tree(struct dump *d) {
    static struct tfs_super newest;
    static u8 block[TFS_BLOCK_SIZE];
    for (u32 i = 0; i < TFS_RING_SLOTS; i++) {
        const struct tfs_super *s = (const struct tfs_super *)(const void *)block;
        if (d->env.read(d->env.arg, i, 1, block) == ERR_OK &&
            le64_get(s->magic) == TFS_SUPER_MAGIC &&
            le32_get(s->crc) == crc32c(0, block + 12, TFS_BLOCK_SIZE - 12) &&
            le64_get(s->txg) > le64_get(newest.txg)) {
            memcpy(&newest, block, sizeof(newest));
        }
    }
    const struct tfs_bp *roots[] = {&newest.live, &newest.memtable};
    for (u32 i = 0; i < 2; i++) {
        printf("%s\n", i == 0 ? "live tree" : "memtable");
        if (le64_get(roots[i]->paddr[0]) != 0 && roots[i]->level <= TFS_LEVEL_MAX) {
            tree_node(d, le64_get(roots[i]->paddr[0]), roots[i]->level, 2);
        }
    }
    return true;
}

// ---- the file system
static bool find_path(struct dump *d, const char *path, u64 *ino) {
    *ino = TFS_ROOT_INO;
    for (const char *p = path; *p != 0;) {
        size_t len = strcspn(p, "/");
        if (len > 0 && !(len == 1 && *p == '.')) {
            err_t err = tfs_lookup(d->fs, d->at, *ino, (struct tfs_name){p, len}, ino);
            if (err != ERR_OK) {
                return fail(path, err);
            }
        }
        p += len + (p[len] == '/' ? 1 : 0);
    }
    return true;
}

static char type_letter(u32 mode) {
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return 'd';
    case S_IFLNK:
        return 'l';
    case S_IFCHR:
        return 'c';
    case S_IFBLK:
        return 'b';
    case S_IFIFO:
        return 'p';
    case S_IFSOCK:
        return 's';
    default:
        return '-';
    }
}

static void print_attr(const struct tfs_attr *a) {
    printf("%c%04o %3u %5u %5u %10" PRIu64 " %s", type_letter(a->mode), a->mode & 07777, a->nlink,
           a->uid, a->gid, a->size, time_text(a->mtime_ns));
}

struct listing {
    struct tfs_dirent *entries;
    size_t count, cap;
};

static bool collect(void *arg, const struct tfs_dirent *entry) {
    struct listing *l = arg;
    if (l->count == l->cap) {
        l->cap = l->cap == 0 ? 64 : l->cap * 2;
        struct tfs_dirent *more = realloc(l->entries, l->cap * sizeof(*more));
        if (more == nullptr) {
            return false;
        }
        l->entries = more;
    }
    l->entries[l->count] = *entry;
    l->entries[l->count].name.bytes = strndup(entry->name.bytes, entry->name.len);
    l->count++;
    return true;
}

static int by_name(const void *a, const void *b) {
    const struct tfs_dirent *x = a, *y = b;
    return strcmp(x->name.bytes, y->name.bytes);
}

static bool list(struct dump *d, u64 dir, struct listing *l) {
    *l = (struct listing){};
    err_t err = tfs_readdir(d->fs, d->at, dir, 0, collect, l);
    if (l->count > 0) {
        qsort(l->entries, l->count, sizeof(*l->entries), by_name);
    }
    return err == ERR_OK || fail("directory", err);
}

static void list_free(struct listing *l) {
    for (size_t i = 0; i < l->count; i++) {
        free((char *)(uintptr_t)l->entries[i].name.bytes);
    }
    free(l->entries);
}

static void print_target(struct dump *d, const struct tfs_attr *a) {
    static char target[TFS_SYMLINK_BYTES_MAX + 1];
    size_t got;
    if ((a->mode & S_IFMT) == S_IFLNK &&
        tfs_readlink(d->fs, d->at, a->ino, target, TFS_SYMLINK_BYTES_MAX, &got) == ERR_OK) {
        printf(" -> %.*s", (int)(got < TFS_SYMLINK_BYTES_MAX ? got : TFS_SYMLINK_BYTES_MAX),
               target);
    }
}

static bool cmd_ls(struct dump *d, const char *path) {
    struct listing l;
    u64 ino;
    if (!find_path(d, path, &ino) || !list(d, ino, &l)) {
        return false;
    }
    bool good = true;
    for (size_t i = 0; i < l.count; i++) {
        struct tfs_attr a;
        err_t err = tfs_getattr(d->fs, d->at, l.entries[i].ino, &a);
        if (err != ERR_OK) {
            good = fail(l.entries[i].name.bytes, err);
            continue;
        }
        print_attr(&a);
        printf(" %s", l.entries[i].name.bytes);
        print_target(d, &a);
        printf("\n");
    }
    list_free(&l);
    return good;
}

static bool find_below(struct dump *d, u64 dir, const char *prefix, u32 depth) { // DEPTH_MAX
    struct listing l;
    if (depth > DEPTH_MAX || !list(d, dir, &l)) {
        return false;
    }
    bool good = true;
    for (size_t i = 0; i < l.count; i++) {
        char *full;
        if (asprintf(&full, "%s/%s", prefix, l.entries[i].name.bytes) < 0) {
            return false;
        }
        printf("%s\n", full);
        if (l.entries[i].mode_type == S_IFDIR) {
            good = find_below(d, l.entries[i].ino, full, depth + 1) && good;
        }
        free(full);
    }
    list_free(&l);
    return good;
}

static bool cmd_find(struct dump *d, const char *path) {
    u64 ino;
    return find_path(d, path, &ino) && find_below(d, ino, strcmp(path, "/") == 0 ? "" : path, 0);
}

static bool cmd_cat(struct dump *d, const char *path) {
    static u8 buf[1 << 16];
    u64 ino;
    size_t got = 1;
    if (!find_path(d, path, &ino)) {
        return false;
    }
    for (u64 at = 0; got > 0; at += got) {
        err_t err = tfs_read(d->fs, d->at, ino, (struct tfs_span){at, sizeof(buf)}, buf, &got);
        if (err != ERR_OK) {
            return fail(path, err);
        }
        if (fwrite(buf, 1, got, stdout) != got) {
            return false;
        }
    }
    return true;
}

static bool cmd_stat(struct dump *d, const char *path) {
    struct tfs_attr a;
    u64 ino;
    if (!find_path(d, path, &ino)) {
        return false;
    }
    err_t err = tfs_getattr(d->fs, d->at, ino, &a);
    if (err != ERR_OK) {
        return fail(path, err);
    }
    print_attr(&a);
    printf(" %s", path);
    print_target(d, &a);
    printf("\ninode %" PRIu64 ", %" PRIu64 " blocks of 512, rdev %" PRIx64 ", since #%" PRIu64 "\n",
           a.ino, a.blocks_512, a.rdev, a.version_seq);
    printf("access %s\n", time_text(a.atime_ns));
    printf("change %s\n", time_text(a.ctime_ns));
    printf("birth  %s\n", time_text(a.btime_ns));
    return true;
}

static bool print_version(void *arg, const struct tfs_version *v) {
    unused_arg(arg);
    printf("#%-10" PRIu64 " to ", v->birth_seq);
    if (v->death_seq == TFS_NOW) {
        printf("%-11s ", "now");
    } else {
        printf("#%-10" PRIu64 " ", v->death_seq);
    }
    print_attr(&v->attr);
    printf("\n");
    return true;
}

static bool cmd_history(struct dump *d, const char *path) {
    u64 ino;
    if (!find_path(d, path, &ino)) {
        return false;
    }
    err_t err = tfs_versions_each(d->fs, ino, print_version, d);
    return err == ERR_OK || fail(path, err);
}

static bool print_moment(void *arg, const struct tfs_moment *m) {
    u64 *left = arg;
    printf("#%-10" PRIu64 " %s %-8s inode %" PRIu64 "\n", m->seq, time_text(m->wall_ns),
           kind_name(m->kind), m->ino);
    return --*left > 0;
}

static bool cmd_timeline(struct dump *d, const char *count) {
    u64 left = ~(u64)0;
    if (count[0] != '/' && (!host_parse_size(count, &left) || left == 0)) {
        return fail(count, ERR_INVAL);
    }
    err_t err = tfs_timeline_each(d->fs, d->at, print_moment, &left);
    return err == ERR_OK || fail("timeline", err);
}

static bool cmd_info(struct dump *d) {
    struct tfs_statfs s;
    err_t err = tfs_statfs(d->fs, &s);
    if (err != ERR_OK) {
        return fail("statfs", err);
    }
    printf("label      %s\nuuid       ", s.label);
    for (u32 i = 0; i < 16; i++) {
        printf("%02x%s", s.uuid[i], i == 3 || i == 5 || i == 7 || i == 9 ? "-" : "");
    }
    printf("\nblocks     %" PRIu64 ", free %" PRIu64 ", available %" PRIu64 "\n", s.blocks_total,
           s.blocks_free, s.blocks_available);
    printf("inodes     %" PRIu64 "\ncommit     %" PRIu64 ", operation #%" PRIu64 "\n",
           s.inodes_used, s.txg, s.seq);
    printf("history    %" PRIu64 " records, %" PRIu64 " runs\n", s.history_records, s.history_runs);
    return true;
}

static bool set_moment(struct dump *d) {
    struct tfs_moment m;
    struct time_words w;
    d->at = TFS_NOW;
    if (d->moment == nullptr) {
        return true;
    }
    err_t err = time_words_parse(d->moment, strlen(d->moment), (u64)time(nullptr) * NS_PER_SEC, &w);
    u64 seq = w.value;
    if (err == ERR_OK && !w.is_seq) {
        err = tfs_seq_of_time(d->fs, w.value, &seq);
    }
    if (err == ERR_OK) {
        err = tfs_seq_snap(d->fs, seq, &m);
    }
    if (err != ERR_OK) {
        return fail(d->moment, err);
    }
    d->at = m.seq;
    return true;
}

static bool run(struct dump *d, const char *command, const char *arg) {
    if (strcmp(command, "supers") == 0) {
        return cmd_supers(d);
    }
    if (strcmp(command, "tree") == 0) {
        return cmd_tree(d);
    }
    static const struct {
        const char *name;
        bool (*with_path)(struct dump *, const char *);
    } commands[] = {{"ls", cmd_ls},     {"cat", cmd_cat},         {"stat", cmd_stat},
                    {"find", cmd_find}, {"history", cmd_history}, {"timeline", cmd_timeline}};
    struct tfs_mount_opts opts = {.read_only = true, .cache_bytes = MIB(64)};
    err_t err = tfs_mount(&d->env, &opts, &d->fs);
    if (err != ERR_OK) {
        return fail("mounting", err);
    }
    bool good = set_moment(d), known = strcmp(command, "info") == 0;
    if (good && known) {
        good = cmd_info(d);
    }
    for (u32 i = 0; good && !known && i < countof(commands); i++) {
        if (strcmp(command, commands[i].name) == 0) {
            known = true;
            good = commands[i].with_path(d, arg);
        }
    }
    if (good && !known) {
        fputs(usage, stderr);
        good = false;
    }
    err = tfs_unmount(d->fs);
    return good && err == ERR_OK;
}

int main(int argc, char **argv) {
    static const struct option longs[] = {{"offset", 1, nullptr, 'O'},
                                          {"length", 1, nullptr, 's'},
                                          {"at", 1, nullptr, 'a'},
                                          {"help", 0, nullptr, 'h'},
                                          {}};
    static struct dump d;
    struct host_open how = {.read_only = true};
    int c;
    while ((c = getopt_long(argc, argv, "h", longs, nullptr)) != -1) {
        bool good = true;
        switch (c) {
        case 'O':
            good = host_parse_size(optarg, &how.offset_bytes);
            break;
        case 's':
            good = host_parse_size(optarg, &how.length_bytes);
            break;
        case 'a':
            d.moment = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            good = false;
        }
        if (!good) {
            fputs(usage, stderr);
            return 2;
        }
    }
    if (optind == argc || argc - optind > 3) {
        fputs(usage, stderr);
        return 2;
    }
    how.path = argv[optind];
    if (!host_env_open(&d.h, &how)) {
        return 1;
    }
    d.env = host_env_hooks(&d.h);
    bool good = run(&d, optind + 1 < argc ? argv[optind + 1] : "info",
                    optind + 2 < argc ? argv[optind + 2] : "/");
    good = host_env_close(&d.h) && good;
    return good ? 0 : 1;
}
