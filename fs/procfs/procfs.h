// SPDX-License-Identifier: MIT
// /proc: processes and the system as files. File system type "proc".
#pragma once
#include <abi/boot.h>

void procfs_init(void); // registers the type; before the first mount
// What the loader handed over appears as /proc/hornet/modules/NAME, read-only. boot stays valid for
// ever.
void procfs_set_modules(const struct boot_info *boot);
