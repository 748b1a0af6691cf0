// SPDX-License-Identifier: MIT
// Block devices. Requests complete asynchronously; block_read/write/flush wait.
#pragma once
#include <kernel/sched/wait.h>
#include <lib/types.h>

constexpr u32 BLOCK_SEGMENTS_MAX = 128;
enum block_op : u8 { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH };
enum block_request_flags : u32 { BLOCK_FUA = 1 };

struct block_segment {
    void *ptr;
    u32 bytes;
}; // direct-map memory, 512-byte multiples
struct block_request { // owned by the submitter until done() ran
    struct list node;  // the driver's
    enum block_op op;
    u32 flags;
    u64 sector; // 512-byte units
    u32 segment_count;
    struct block_segment segments[BLOCK_SEGMENTS_MAX];
    err_t result;
    void (*done)(struct block_request *r); // interrupt context
    void *arg;
    void *driver;
};
struct block_device;
struct block_ops {
    err_t (*submit)(struct block_device *d, struct block_request *r);
}; // queues; may sleep for room. done() is called exactly once if ERR_OK
struct block_device {
    char name[16]; // "vda", "vda1"
    u32 number;    // Linux dev_t
    u64 sectors;
    bool read_only;
    const struct block_ops *ops;
    void *driver;
    struct block_device *parent; // of a partition
    u64 first_sector;
    u8 type_guid[16]; // GPT partition type; zero otherwise
    _Atomic u32
        writers_denied; // a mounted file system owns the device: raw writes are refused to everyone
    _Atomic u64 reads, writes, flushes, read_bytes, written_bytes;
    struct list node;
};

extern const u8 gpt_type_tfs[16]; // abi/disk/gpt.h
extern void (*block_registered)(
    struct block_device *d); // told of each device, disks before their partitions; set by fs/devfs
err_t block_register(
    struct block_device *d); // then reads its partition table (GPT; MBR) and registers partitions
struct block_device *block_find(const char *name);
struct block_device *block_find_number(u32 number);
struct block_device *block_find_type(const u8 type_guid[16]); // first partition of that type
void block_each(bool (*fn)(struct block_device *d, void *arg), void *arg);
err_t block_submit(struct block_device *d,
                   struct block_request *r); // checks the range, remaps partitions
// Waiting forms. buf: any kernel memory from heap or pages (direct map), bytes multiple of 512.
err_t block_read(struct block_device *d, u64 sector, void *buf, size_t bytes);
err_t block_write(struct block_device *d, u64 sector, const void *buf, size_t bytes, u32 flags);
err_t block_flush(struct block_device *d);
