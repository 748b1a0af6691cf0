// SPDX-License-Identifier: MIT
// CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected), as iSCSI, SCTP and tfs use it.
#pragma once
#include <lib/types.h>

// The checksum of bytes at data, continued from crc (0 to start): crc32c(crc32c(0, a), b) =
// crc32c(0, a then b).
u32 crc32c(u32 crc, const void *data, size_t bytes);
// The same by table only; for the test that compares the two.
u32 crc32c_by_table(u32 crc, const void *data, size_t bytes);
