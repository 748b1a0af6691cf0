// SPDX-License-Identifier: MIT
// Partition tables of disks with 512-byte sectors: GPT (UEFI 2.10 section 5.3), with the backup
// when the first copy is damaged, and the four entries of an MBR. Nothing on the disk is trusted.
// Environments: all.
#pragma once
#include <lib/types.h>

constexpr u32 PARTITIONS_MAX = 64;
constexpr size_t PARTITION_SCRATCH_BYTES = 64 * 1024; // largest table of entries that is read

struct disk_partition {
    u32 number; // as in vda1: place in the table, from 1
    u64 first_sector, sectors;
    u8 type_guid[16]; // GPT
    u8 mbr_type;
};
enum partition_table_kind : u8 { PARTITIONS_NONE, PARTITIONS_MBR, PARTITIONS_GPT };
struct partition_table {
    enum partition_table_kind kind;
    bool from_backup;
    const char *damage; // what is wrong with the (first) table, or null
    u32 count;
    struct disk_partition parts[PARTITIONS_MAX];
};
struct partition_reader {
    void *arg;
    u64 sectors; // of the disk
    err_t (*read)(void *arg, u64 sector, void *buf, u32 count);
};
// scratch: PARTITION_SCRATCH_BYTES. Errors: only those of read, for sector 0; a damaged table is
// reported in *out.
err_t partition_table_read(const struct partition_reader *r, void *scratch,
                           struct partition_table *out);
