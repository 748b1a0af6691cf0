// SPDX-License-Identifier: MIT
// The VFS face of tfs. Mount options: ro, asof=TIME (a device that is mounted already, read-only,
// as it was then).
#pragma once
#include <lib/types.h>

void tfs_mount_init(void); // registers "tfs"
