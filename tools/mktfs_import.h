// SPDX-License-Identifier: MIT
// Filling a new volume from outside.
#pragma once
#include <fs/tfs/core/tfs.h>

struct import {
    struct tfs *fs;
    bool force_owner;
    u32 uid, gid;
    u64 files, bytes; // counted
};
// Both print what went wrong and return false then. What exists in the volume stays; directories
// are merged.
bool import_directory(struct import *im, const char *path);
bool import_tar(struct import *im, const char *path);

// For both: the error in words on stderr, always false.
bool import_failed(const char *what, err_t err);
// Sets mode, owner and times of ino as the outside says.
struct import_meta {
    u32 mode, uid, gid;
    u64 mtime_ns, atime_ns;
};
bool import_apply(struct import *im, u64 ino, const struct import_meta *meta, const char *what);
