// SPDX-License-Identifier: MIT
// The registry of disks and partitions, and the one gate every request passes: range and read-only
// checks, statistics, and the step from a partition to its disk. Devices are never taken out again.
#include "block_impl.h"
#include <abi/disk/gpt.h>

struct block_list {
    struct mutex lock;
    struct list devices GUARDED_BY(lc_block_list);
};
DECLARE_MUTEX_CLASS(block_list, struct block_list, lock)
static struct block_list all = {.lock = MUTEX_INIT(all.lock), .devices = LIST_INIT(all.devices)};
void (*block_registered)(struct block_device *d);
const u8 gpt_type_tfs[16] = {
    GPT_TYPE_HORNET_TFS[0],  GPT_TYPE_HORNET_TFS[1],  GPT_TYPE_HORNET_TFS[2],
    GPT_TYPE_HORNET_TFS[3],  GPT_TYPE_HORNET_TFS[4],  GPT_TYPE_HORNET_TFS[5],
    GPT_TYPE_HORNET_TFS[6],  GPT_TYPE_HORNET_TFS[7],  GPT_TYPE_HORNET_TFS[8],
    GPT_TYPE_HORNET_TFS[9],  GPT_TYPE_HORNET_TFS[10], GPT_TYPE_HORNET_TFS[11],
    GPT_TYPE_HORNET_TFS[12], GPT_TYPE_HORNET_TFS[13], GPT_TYPE_HORNET_TFS[14],
    GPT_TYPE_HORNET_TFS[15]};

void block_add(struct block_device *d) {
    list_init(&d->node);
    block_list_lock(&all);
    list_push_back(&all.devices, &d->node);
    block_list_unlock(&all);
    if (block_registered != nullptr) {
        block_registered(d);
    }
}

err_t block_register(struct block_device *d) {
    if (block_find(d->name) != nullptr) {
        return ERR_EXIST;
    }
    block_add(d);
    log(BLOCK, INFO, "disk %s sectors=%lu mib=%lu%s", d->name, d->sectors, d->sectors / 2048,
        d->read_only ? " read-only" : "");
    block_read_partitions(d);
    return ERR_OK;
}

void block_each(bool (*fn)(struct block_device *d, void *arg), void *arg) {
    GUARD(block_list, &all);
    struct block_device *d;
    list_for_each(d, &all.devices, node) {
        if (!fn(d, arg)) {
            return;
        }
    }
}

struct search {
    const char *name;
    const u8 *type;
    u32 number;
    struct block_device *found;
};

static bool matches(struct block_device *d, void *arg) {
    struct search *s = arg;
    bool hit;
    if (s->name != nullptr) {
        hit = text_equal(d->name, s->name);
    } else if (s->type != nullptr) {
        hit = memcmp(d->type_guid, s->type, sizeof d->type_guid) == 0;
    } else {
        hit = d->number == s->number;
    }
    if (hit) {
        s->found = d;
    }
    return !hit;
}

static struct block_device *find(struct search s) {
    block_each(matches, &s);
    return s.found;
}

struct block_device *block_find(const char *name) {
    if (text_equal_n(name, "/dev/", 5)) {
        name += 5;
    }
    return find((struct search){.name = name});
}

struct block_device *block_find_number(u32 number) {
    return find((struct search){.number = number});
}

struct block_device *block_find_type(const u8 type_guid[16]) {
    return find((struct search){.type = type_guid});
}

static void count(struct block_device *d, const struct block_request *r, u64 bytes) {
    switch (r->op) {
    case BLOCK_READ:
        d->reads++;
        d->read_bytes += bytes;
        break;
    case BLOCK_WRITE:
        d->writes++;
        d->written_bytes += bytes;
        break;
    case BLOCK_FLUSH:
        d->flushes++;
        break;
    }
}

static err_t check(const struct block_device *d, const struct block_request *r, u64 *bytes) {
    if (r->op == BLOCK_FLUSH) {
        return ERR_OK;
    }
    if (r->segment_count == 0 || r->segment_count > BLOCK_SEGMENTS_MAX) {
        return ERR_INVAL;
    }
    u64 sum = 0;
    for (u32 i = 0; i < r->segment_count; i++) {
        if (r->segments[i].bytes == 0 || r->segments[i].bytes % BLOCK_SECTOR_BYTES != 0) {
            return ERR_INVAL;
        }
        sum += r->segments[i].bytes;
    }
    if (r->sector > d->sectors || sum / BLOCK_SECTOR_BYTES > d->sectors - r->sector) {
        log(BLOCK, ERROR, "%s: request outside of the device: sector=%lu bytes=%lu sectors=%lu",
            d->name, r->sector, sum, d->sectors);
        return ERR_IO;
    }
    *bytes = sum;
    return r->op == BLOCK_WRITE && d->read_only ? ERR_ROFS : ERR_OK;
}

err_t block_submit(struct block_device *d, struct block_request *r) {
    u64 bytes = 0;
    TRY(check(d, r, &bytes));
    count(d, r, bytes);
    while (d->parent != nullptr) {
        r->sector += d->first_sector;
        d = d->parent;
        count(d, r, bytes);
    }
    return d->ops->submit(d, r);
}
