// SPDX-License-Identifier: MIT
// Shared inside devfs only.
#pragma once
#include <fs/devfs/devfs.h>
#include <kernel/base/log.h>
#include <kernel/sched/mutex.h>
#include <lib/mem.h>
#include <lib/text.h>
#include <mm/heap/heap.h>
#include <mm/vm/copy.h>

void devfs_memory_init(void); // null, zero, full, random, urandom, kmsg
