// SPDX-License-Identifier: MIT
// Checks a tfs volume. Reads only. Exit status: 0 clean, 1 problems, 2 could not look.
#include <getopt.h>
#include <inttypes.h>
#include <lib/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <tools/host_env.h>

static const char usage[] = "tfsck [--offset N] [--length N] [--fast] IMAGE\n"
                            "Checks the tfs volume in IMAGE; changes nothing.\n"
                            "  --offset N, --length N   where it lies in the file (a partition)\n"
                            "  --fast                   does not read the file data\n"
                            "Exit status: 0 clean, 1 problems found, 2 could not look.\n";

static void report(void *arg, const char *text) {
    unused_arg(arg);
    printf("%s\n", text);
}

int main(int argc, char **argv) {
    static const struct option longs[] = {{"offset", 1, nullptr, 'O'},
                                          {"length", 1, nullptr, 's'},
                                          {"fast", 0, nullptr, 'F'},
                                          {"help", 0, nullptr, 'h'},
                                          {}};
    struct host_open how = {.read_only = true};
    u32 flags = TFS_CHECK_DATA;
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
        case 'F':
            flags = 0;
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
    if (optind + 1 != argc) {
        fputs(usage, stderr);
        return 2;
    }
    how.path = argv[optind];
    struct host_env h;
    if (!host_env_open(&h, &how)) {
        return 2;
    }
    struct tfs_env env = host_env_hooks(&h);
    struct tfs_check_stats st = {};
    err_t err = tfs_check(&env, flags, report, nullptr, &st);
    bool closed = host_env_close(&h);
    if (err != ERR_OK || !closed) {
        printf("%s: %s\n", how.path, err_text(err));
        return err == ERR_TFS_CHECKSUM || err == ERR_TFS_FORMAT || err == ERR_TFS_NOT_TFS ? 1 : 2;
    }
    printf("%s: %s. %" PRIu64 " inodes, %" PRIu64 " names, %" PRIu64 " live and %" PRIu64
           " history records, %" PRIu64 " moments, %" PRIu64 " runs, %" PRIu64 " nodes, %" PRIu64
           " data blocks; %" PRIu64 " of %" PRIu64 " blocks in use\n",
           how.path, st.problems == 0 ? "clean" : "PROBLEMS", st.inodes, st.dirents,
           st.live_records, st.history_records, st.timeline_entries, st.runs, st.nodes,
           st.data_blocks, st.blocks_used, st.blocks_total);
    return st.problems == 0 ? 0 : 1;
}
