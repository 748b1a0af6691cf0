// SPDX-License-Identifier: MIT
// Makes a tfs volume, empty or filled from a directory tree or a tar archive.
#include <getopt.h>
#include <inttypes.h>
#include <lib/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tools/host_env.h>
#include <tools/mktfs_import.h>

static const char usage[] =
    "mktfs [options] IMAGE\n"
    "Makes a tfs volume in the file IMAGE (made when missing; only the volume's own range is "
    "written).\n"
    "  --size N          bytes, or with K, M, G, T; default: the whole file, 64M for a new one\n"
    "  --offset N        where the volume begins in the file, as of a partition; --length is "
    "--size\n"
    "  --from DIR        copies this tree in: modes, times, symlinks, hard links, device nodes\n"
    "  --tar FILE        unpacks this archive into it (ustar, GNU and pax names); - is standard "
    "input\n"
    "  --owner UID:GID   everything belongs to them (-o is the same)\n"
    "  --label TEXT      up to 31 bytes\n"
    "  --time SECONDS    the clock stands still at this time (since 1970): for reproducible "
    "images\n"
    "  --seed N          identifiers come from this number instead of the host's randomness\n";

struct options {
    struct host_open open;
    struct import im;
    const char *from, *tar, *label;
    u64 time_s, seed;
};

static bool parse_number(const char *text, u64 *n) {
    if (host_parse_size(text, n)) {
        return true;
    }
    fprintf(stderr, "mktfs: not a number: %s\n", text);
    return false;
}

static bool parse_owner(const char *text, struct import *im) {
    char *end;
    im->uid = (u32)strtoul(text, &end, 10);
    if (end == text || *end != ':' || end[1] == 0) {
        fprintf(stderr, "mktfs: --owner wants UID:GID in numbers\n");
        return false;
    }
    im->gid = (u32)strtoul(end + 1, &end, 10);
    im->force_owner = *end == 0;
    return im->force_owner;
}

static bool parse(int argc, char **argv, struct options *o) {
    static const struct option longs[] = {{"size", 1, nullptr, 's'},
                                          {"length", 1, nullptr, 's'},
                                          {"offset", 1, nullptr, 'O'},
                                          {"from", 1, nullptr, 'f'},
                                          {"tar", 1, nullptr, 't'},
                                          {"owner", 1, nullptr, 'o'},
                                          {"label", 1, nullptr, 'l'},
                                          {"time", 1, nullptr, 'T'},
                                          {"seed", 1, nullptr, 'S'},
                                          {"help", 0, nullptr, 'h'},
                                          {}};
    int c;
    while ((c = getopt_long(argc, argv, "o:h", longs, nullptr)) != -1) {
        bool good = true;
        switch (c) {
        case 's':
            good = parse_number(optarg, &o->open.length_bytes);
            break;
        case 'O':
            good = parse_number(optarg, &o->open.offset_bytes);
            break;
        case 'T':
            good = parse_number(optarg, &o->time_s);
            break;
        case 'S':
            good = parse_number(optarg, &o->seed);
            break;
        case 'f':
            o->from = optarg;
            break;
        case 't':
            o->tar = optarg;
            break;
        case 'l':
            o->label = optarg;
            break;
        case 'o':
            good = parse_owner(optarg, &o->im);
            break;
        case 'h':
            fputs(usage, stdout);
            exit(0);
        default:
            good = false;
        }
        if (!good) {
            return false;
        }
    }
    if (optind + 1 != argc) {
        fputs(usage, stderr);
        return false;
    }
    o->open.path = argv[optind];
    return true;
}

static bool fill(const struct tfs_env *env, struct options *o) {
    struct tfs *fs;
    struct tfs_mount_opts opts = {.cache_bytes = MIB(64), .bulk = true};
    err_t err = tfs_mount(env, &opts, &fs);
    if (err != ERR_OK) {
        return import_failed("the new volume", err);
    }
    o->im.fs = fs;
    bool good = (o->from == nullptr || import_directory(&o->im, o->from)) &&
                (o->tar == nullptr || import_tar(&o->im, o->tar));
    struct tfs_statfs st = {};
    err = tfs_commit(fs);
    if (err == ERR_OK) {
        err = tfs_statfs(fs, &st);
    }
    err_t end = tfs_unmount(fs);
    if (good && (err != ERR_OK || end != ERR_OK)) {
        good = import_failed("writing the volume", err != ERR_OK ? err : end);
    }
    if (good) {
        printf("%s: %" PRIu64 " MiB, %" PRIu64 " files with %" PRIu64 " KiB, %" PRIu64
               " MiB available\n",
               o->open.path, st.blocks_total >> 8, o->im.files, o->im.bytes >> 10,
               st.blocks_available >> 8);
    }
    return good;
}

int main(int argc, char **argv) {
    struct options o = {.open.create = true};
    struct host_env h;
    if (!parse(argc, argv, &o)) {
        return 2;
    }
    FILE *there = o.open.length_bytes == 0 ? fopen(o.open.path, "rb") : nullptr;
    if (there != nullptr) {
        fclose(there);
    } else if (o.open.length_bytes == 0) {
        o.open.length_bytes = MIB(64);
    }
    if (!host_env_open(&h, &o.open)) {
        return 1;
    }
    h.fixed_wall_ns = o.time_s * NS_PER_SEC;
    h.seed = o.seed;
    struct tfs_env env = host_env_hooks(&h);
    struct tfs_format_opts format = {.label = o.label, .root_uid = o.im.uid, .root_gid = o.im.gid};
    err_t err = tfs_format(&env, &format);
    bool good = err == ERR_OK ? fill(&env, &o) : import_failed(o.open.path, err);
    if (err == ERR_INVAL) {
        fprintf(stderr, "mktfs: a volume has at least 8 MiB\n");
    }
    good = host_env_close(&h) && good;
    return good ? 0 : 1;
}
