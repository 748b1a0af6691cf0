// SPDX-License-Identifier: MIT
// Shared inside io/block only.
#pragma once
#include <io/block/block.h>
#include <kernel/base/log.h>
#include <kernel/sched/mutex.h>
#include <lib/mem.h>
#include <lib/text.h>
#include <mm/heap/heap.h>

constexpr u32 BLOCK_SECTOR_BYTES = 512;
void block_add(struct block_device *d); // to the registry, without a look at its partitions
void block_read_partitions(struct block_device *d);
