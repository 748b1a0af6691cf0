// SPDX-License-Identifier: MIT
// A file system in memory: /tmp, /dev/shm, and the ground /dev stands on.
// Mount options: size=BYTES[k|m|g|%] (default half of memory), mode=OCTAL, uid=, gid=.
#pragma once
#include <vfs/path.h>

void tmpfs_init(void); // registers "tmpfs"

// For file systems built on it (devfs): a mount with an empty root directory. Errors: ERR_NOMEM,
// ERR_INVAL.
err_t tmpfs_mount_create(const char *options, struct mount **out);
// Puts a node at `path` below the root, making directories (0755) on the way; replaces nothing:
// ERR_EXIST. target: symlinks only.
struct tmpfs_made {
    u32 mode; // type and permissions
    u32 uid, gid;
    u64 rdev;
    const char *target;
};
err_t tmpfs_add(struct mount *m, const char *path, const struct tmpfs_made *made);
