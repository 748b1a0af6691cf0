// SPDX-License-Identifier: MIT
#include <lib/mem.h>
#include <lib/partitions.h>

constexpr u32 SECTOR = 512;
constexpr u8 MBR_PROTECTIVE = 0xee;
constexpr u32 MBR_TABLE_AT = 446;

static u32 le32_at(const u8 *p) {
    return (u32)p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24;
}
static u64 le64_at(const u8 *p) { return le32_at(p) | (u64)le32_at(p + 4) << 32; }

// CRC-32 of IEEE 802.3 over some bytes, `crc` so far (0 at the start). Small tables: a bit at a
// time is enough.
static u32 crc32_add(u32 crc, const u8 *p, size_t bytes) {
    crc = ~crc;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (0xedb88320 & (0u - (crc & 1)));
        }
    }
    return ~crc;
}

static void add(struct partition_table *t, const struct partition_reader *r,
                const struct disk_partition *p) {
    if (p->sectors == 0 || p->first_sector >= r->sectors ||
        p->sectors > r->sectors - p->first_sector) {
        t->damage = "a partition lies outside of the disk";
        return;
    }
    if (t->count < PARTITIONS_MAX) {
        t->parts[t->count++] = *p;
    }
}

static bool all_zero(const u8 *p, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        if (p[i] != 0) {
            return false;
        }
    }
    return true;
}

static void gpt_entries(const struct partition_reader *r, const u8 *entries, u32 count, u32 size,
                        struct partition_table *out) {
    for (u32 i = 0; i < count; i++) {
        const u8 *e = entries + (size_t)i * size;
        if (all_zero(e, 16)) {
            continue;
        }
        u64 first = le64_at(e + 32);
        u64 last = le64_at(e + 40);
        struct disk_partition p = {.number = i + 1,
                                   .first_sector = first,
                                   .sectors = last >= first ? last - first + 1 : 0};
        memcpy(p.type_guid, e, 16);
        add(out, r, &p);
    }
}

// Reads the copy whose header is at `sector`; null if it is good, else what is wrong.
static const char *gpt_read(const struct partition_reader *r, u64 sector, u8 *scratch,
                            struct partition_table *out) {
    u8 header[SECTOR];
    if (r->read(r->arg, sector, scratch, 1) != ERR_OK) {
        return "GPT header cannot be read";
    }
    memcpy(header, scratch, SECTOR);
    if (memcmp(header, "EFI PART", 8) != 0) {
        return "GPT header has no signature";
    }
    u32 header_bytes = le32_at(header + 12);
    u32 header_crc = le32_at(header + 16);
    if (header_bytes < 92 || header_bytes > SECTOR) {
        return "GPT header has a wrong size";
    }
    memset(header + 16, 0, 4);
    if (crc32_add(0, header, header_bytes) != header_crc) {
        return "GPT header checksum does not match";
    }
    u64 table = le64_at(header + 72);
    u32 count = le32_at(header + 80);
    u32 size = le32_at(header + 84);
    if (le64_at(header + 24) != sector || size < 128 || size > 4096 || size % 8 != 0 ||
        count == 0 || count > PARTITION_SCRATCH_BYTES / size) {
        return "GPT header has wrong fields";
    }
    u32 bytes = count * size;
    u32 sectors = (bytes + SECTOR - 1) / SECTOR;
    if (table < 2 || table >= r->sectors || sectors > r->sectors - table) {
        return "GPT entries lie outside of the disk";
    }
    if (r->read(r->arg, table, scratch, sectors) != ERR_OK) {
        return "GPT entries cannot be read";
    }
    if (crc32_add(0, scratch, bytes) != le32_at(header + 88)) {
        return "GPT entries checksum does not match";
    }
    out->kind = PARTITIONS_GPT;
    gpt_entries(r, scratch, count, size, out);
    return nullptr;
}

static void mbr_entries(const struct partition_reader *r, const u8 *sector,
                        struct partition_table *out) {
    for (u32 i = 0; i < 4; i++) {
        const u8 *e = sector + MBR_TABLE_AT + 16 * i;
        if ((e[0] & 0x7f) !=
            0) { // neither active nor not: a boot sector of a file system, no table
            *out = (struct partition_table){};
            return;
        }
        if (e[4] != 0) {
            struct disk_partition p = {.number = i + 1,
                                       .first_sector = le32_at(e + 8),
                                       .sectors = le32_at(e + 12),
                                       .mbr_type = e[4]};
            out->kind = PARTITIONS_MBR;
            add(out, r, &p);
        }
    }
}

err_t partition_table_read(const struct partition_reader *r, void *scratch,
                           struct partition_table *out) {
    u8 *bytes = scratch;
    *out = (struct partition_table){};
    if (r->sectors < 3) {
        return ERR_OK;
    }
    TRY(r->read(r->arg, 0, bytes, 1));
    bool mbr = bytes[510] == 0x55 && bytes[511] == 0xaa;
    bool protective = false;
    for (u32 i = 0; mbr && i < 4; i++) {
        protective |= bytes[MBR_TABLE_AT + 16 * i + 4] == MBR_PROTECTIVE;
    }
    if (mbr && !protective) {
        mbr_entries(r, bytes, out);
        if (out->kind != PARTITIONS_NONE) {
            return ERR_OK;
        }
    }
    const char *damage = gpt_read(r, 1, bytes, out);
    if (damage == nullptr) {
        return ERR_OK;
    }
    if (gpt_read(r, r->sectors - 1, bytes, out) == nullptr) {
        out->from_backup = true;
        out->damage = damage;
    } else if (protective) { // a disk that never had a table is no damage
        out->damage = "both copies of the GPT are damaged";
    }
    return ERR_OK;
}
