// SPDX-License-Identifier: MIT
// Disks behind virtio. Source: OASIS virtio 1.2 §5.2.
#pragma once
#include <lib/types.h>

void virtio_blk_init(void); // after pci_init; registers every disk with io/block. Sleeps
