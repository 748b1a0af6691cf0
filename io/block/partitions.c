// SPDX-License-Identifier: MIT
// Registers what lib/partitions finds on a disk.
#include "block_impl.h"
#include <lib/partitions.h>

static err_t read_sectors(void *arg, u64 sector, void *buf, u32 count) {
    return block_read(arg, sector, buf, (size_t)count * BLOCK_SECTOR_BYTES);
}

static void add_partition(struct block_device *disk, const struct disk_partition *p) {
    struct block_device *d;
    if (heap_new(&d) != ERR_OK) {
        log(BLOCK, ERROR, "%s: no memory for partition %u", disk->name, p->number);
        return;
    }
    size_t len = strlen(disk->name);
    bool digit = disk->name[len - 1] >= '0' && disk->name[len - 1] <= '9';
    text_format(d->name, sizeof d->name, "%s%s%u", disk->name, digit ? "p" : "", p->number);
    d->number = disk->number + p->number;
    d->sectors = p->sectors;
    d->read_only = disk->read_only;
    d->parent = disk;
    d->first_sector = p->first_sector;
    memcpy(d->type_guid, p->type_guid, sizeof d->type_guid);
    block_add(d);
    log(BLOCK, INFO, "partition %s start=%lu sectors=%lu%s", d->name, d->first_sector, d->sectors,
        memcmp(d->type_guid, gpt_type_tfs, 16) == 0 ? " type=tfs" : "");
}

struct scan { // too big for the stack
    struct partition_table table;
    u8 scratch[PARTITION_SCRATCH_BYTES];
};

void block_read_partitions(struct block_device *disk) {
    struct scan *s;
    if (heap_new(&s) != ERR_OK) {
        log(BLOCK, ERROR, "%s: no memory to read the partition table", disk->name);
        return;
    }
    struct partition_reader reader = {.arg = disk, .sectors = disk->sectors, .read = read_sectors};
    u8 *aligned = s->scratch;
    err_t err = partition_table_read(&reader, aligned, &s->table);
    if (err != ERR_OK) {
        log(BLOCK, ERROR, "%s: the partition table cannot be read (error %d)", disk->name, err);
    }
    if (err == ERR_OK && s->table.damage != nullptr) {
        log(BLOCK, WARN, "%s: %s%s", disk->name, s->table.damage,
            s->table.from_backup ? "; using the backup at the end of the disk" : "");
    }
    for (u32 i = 0; err == ERR_OK && i < s->table.count; i++) {
        add_partition(disk, &s->table.parts[i]);
    }
    heap_free(&s);
}
