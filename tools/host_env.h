// SPDX-License-Identifier: MIT
// tfs_env over a file or a block device of the host.
#pragma once
#include <fs/tfs/core/tfs.h>

struct host_env {
    int fd;
    u64 offset_bytes, length_bytes; // of the volume inside the file
    bool read_only;
    bool quiet;        // no log lines
    u64 fixed_wall_ns; // 0: the host's clock
    u64 seed;          // 0: the host's randomness
};

struct host_open {
    const char *path;
    u64 offset_bytes;
    u64 length_bytes; // 0: to the end of the file
    bool read_only;
    bool create; // make the file, and make it at least offset + length long
};
// Errors are printed. Returns false then.
bool host_env_open(struct host_env *h, const struct host_open *how);
bool host_env_close(struct host_env *h);
struct tfs_env host_env_hooks(struct host_env *h); // h must live as long as its user

// "4096", "8M", "1T", …; false: not a size.
bool host_parse_size(const char *text, u64 *bytes);
