// SPDX-License-Identifier: MIT
// The Linux exec layer as the rest of the kernel sees it: one exec_layer, registered by linux_init.
#pragma once
#include <proc/process.h>

void linux_init(void); // before the first process
extern const struct exec_layer linux_layer;
