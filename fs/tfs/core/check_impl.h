// SPDX-License-Identifier: MIT
// Shared by check.c (space, trees, history) and check_names.c (inodes, directories).
#pragma once
#include "core_impl.h"

struct seen_inode {
    u64 ino, parent, size, blocks, found_in;
    u32 mode, nlink;
    u32 names, subdirs; // counted
    u64 entries, extent_blocks;
    bool orphan, has_inline, wants_inode;
};
struct window { // an extent that may still overlap what comes
    u64 off, end, birth, death;
};
struct check {
    struct tfs *fs;
    u32 flags;
    tfs_report_fn *report;
    void *arg;
    struct tfs_check_stats stats;
    u8 *owned; // a bit a block
    size_t owned_bytes;
    struct seen_inode *inodes; // by ino
    size_t inode_count, inode_cap;
    struct window *window;
    u32 window_count;
    u64 window_ino;
    u8 *data; // one extent
    u64 owned_count;
};
constexpr u32 WINDOW_MAX = 1024;

[[gnu::format(printf, 2, 3)]] void tfs_check_say(struct check *c, const char *format, ...);
err_t tfs_check_names(struct check *c);
