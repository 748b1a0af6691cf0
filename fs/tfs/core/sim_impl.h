// SPDX-License-Identifier: MIT
// For tests: a disk in memory with a write cache that can lose power, and a clock, randomness and
// an allocator that do what the test wants. Everything follows from the seed.
#pragma once
#include <abi/disk/tfs.h>
#include <fs/tfs/core/tfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sim_write {
    u64 block;
    u8 *data;
};
struct sim {
    u8 *disk; // what survives
    u8 *seen; // what the running system reads: disk and cache
    u64 blocks;
    struct sim_write *cache;
    size_t cached, cache_cap;
    u64 rng;
    u64 wall_ns, mono_ns;
    u64 writes;      // counted
    u64 writes_left; // until the power fails; ~0: never
    u64 allocs_left; // until an allocation fails; ~0: never
    u64 live_allocs;
    bool off;
    bool write_through; // no cache: faster
    bool locked;
};

[[maybe_unused]] static u64 sim_random(struct sim *s) {
    s->rng += 0x9e3779b97f4a7c15;
    u64 n = s->rng;
    n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9;
    n = (n ^ (n >> 27)) * 0x94d049bb133111eb;
    return n ^ (n >> 31);
}

[[maybe_unused]] static u64 sim_below(struct sim *s, u64 n) { return sim_random(s) % n; }

static err_t sim_read(void *arg, u64 block, u32 count, void *buf) {
    struct sim *s = arg;
    if (s->off || block >= s->blocks || count > s->blocks - block) {
        return ERR_IO;
    }
    memcpy(buf, s->seen + block * TFS_BLOCK_SIZE, (size_t)count * TFS_BLOCK_SIZE);
    return ERR_OK;
}

static void sim_cache_add(struct sim *s, u64 block, const u8 *data) {
    if (s->cached == s->cache_cap) {
        s->cache_cap = s->cache_cap == 0 ? 256 : s->cache_cap * 2;
        s->cache = realloc(s->cache, s->cache_cap * sizeof(*s->cache));
    }
    u8 *copy = malloc(TFS_BLOCK_SIZE);
    memcpy(copy, data, TFS_BLOCK_SIZE);
    s->cache[s->cached++] = (struct sim_write){block, copy};
}

static err_t sim_write_blocks(void *arg, u64 block, u32 count, const void *buf) {
    struct sim *s = arg;
    const u8 *data = buf;
    if (block >= s->blocks || count > s->blocks - block) {
        return ERR_IO;
    }
    for (u32 i = 0; i < count; i++) {
        if (s->off || s->writes_left == 0) {
            s->off = true;
            return ERR_IO;
        }
        s->writes_left -= s->writes_left == ~(u64)0 ? 0 : 1;
        s->writes++;
        const u8 *one = data + (size_t)i * TFS_BLOCK_SIZE;
        memcpy(s->seen + (block + i) * TFS_BLOCK_SIZE, one, TFS_BLOCK_SIZE);
        if (s->write_through) {
            memcpy(s->disk + (block + i) * TFS_BLOCK_SIZE, one, TFS_BLOCK_SIZE);
        } else {
            sim_cache_add(s, block + i, one);
        }
    }
    return ERR_OK;
}

static void sim_cache_drop(struct sim *s) {
    for (size_t i = 0; i < s->cached; i++) {
        free(s->cache[i].data);
    }
    s->cached = 0;
}

static err_t sim_flush(void *arg) {
    struct sim *s = arg;
    if (s->off || s->writes_left == 0) {
        s->off = true;
        return ERR_IO;
    }
    for (size_t i = 0; i < s->cached; i++) {
        memcpy(s->disk + s->cache[i].block * TFS_BLOCK_SIZE, s->cache[i].data, TFS_BLOCK_SIZE);
    }
    sim_cache_drop(s);
    return ERR_OK;
}

// Power is lost and comes back: of the writes not flushed any sectors, in any order, reached the
// disk.
[[maybe_unused]] static void sim_crash(struct sim *s) {
    u64 how = sim_below(s, 4);
    for (size_t i = s->cached; i > 1; i--) { // shuffle
        size_t k = (size_t)sim_below(s, i);
        struct sim_write t = s->cache[i - 1];
        s->cache[i - 1] = s->cache[k];
        s->cache[k] = t;
    }
    for (size_t i = 0; i < s->cached; i++) {
        u64 sectors = how == 0 ? 0 : how == 1 ? 0xff : sim_random(s) & 0xff;
        if (how == 3) { // whole blocks or nothing
            sectors = (sectors & 1) != 0 ? 0xff : 0;
        }
        for (u32 k = 0; k < 8; k++) {
            if ((sectors >> k & 1) != 0) {
                memcpy(s->disk + s->cache[i].block * TFS_BLOCK_SIZE + k * 512,
                       s->cache[i].data + k * 512, 512);
            }
        }
    }
    sim_cache_drop(s);
    memcpy(s->seen, s->disk, (size_t)s->blocks * TFS_BLOCK_SIZE);
    s->off = false;
    s->writes_left = ~(u64)0;
}

static void *sim_alloc(void *arg, size_t bytes) {
    struct sim *s = arg;
    if (s->allocs_left != ~(u64)0) {
        if (s->allocs_left == 0) {
            return nullptr;
        }
        s->allocs_left--;
    }
    s->live_allocs++;
    return malloc(bytes);
}

static void sim_free(void *arg, void *mem, size_t bytes) {
    struct sim *s = arg;
    s->live_allocs--;
    memset(mem, 0xdd, bytes); // also proves that bytes is right
    free(mem);
}

static void *sim_mutex_create(void *arg) { return arg; }
static void sim_mutex_destroy(void *arg, void *mutex) {
    unused_arg(arg);
    unused_arg(mutex);
}
static void sim_lock(void *arg, void *mutex) {
    struct sim *s = arg;
    unused_arg(mutex);
    if (s->locked) {
        abort();
    }
    s->locked = true;
}
static void sim_unlock(void *arg, void *mutex) {
    struct sim *s = arg;
    unused_arg(mutex);
    if (!s->locked) {
        abort();
    }
    s->locked = false;
}
static u64 sim_wall(void *arg) { return ((struct sim *)arg)->wall_ns; }
static u64 sim_mono(void *arg) { return ((struct sim *)arg)->mono_ns; }
static u64 sim_rand(void *arg) { return sim_random(arg); }

[[maybe_unused]] static struct tfs_env sim_env(struct sim *s) {
    return (struct tfs_env){.arg = s,
                            .block_count = s->blocks,
                            .read = sim_read,
                            .write = sim_write_blocks,
                            .flush = sim_flush,
                            .alloc = sim_alloc,
                            .free = sim_free,
                            .mutex_create = sim_mutex_create,
                            .mutex_destroy = sim_mutex_destroy,
                            .lock = sim_lock,
                            .unlock = sim_unlock,
                            .now_wall_ns = sim_wall,
                            .now_mono_ns = sim_mono,
                            .random = sim_rand};
}

[[maybe_unused]] static void sim_init(struct sim *s, u64 bytes, u64 seed) {
    *s = (struct sim){.blocks = bytes / TFS_BLOCK_SIZE,
                      .rng = seed,
                      .wall_ns = 1700000000 * NS_PER_SEC,
                      .writes_left = ~(u64)0,
                      .allocs_left = ~(u64)0};
    s->disk = calloc(s->blocks, TFS_BLOCK_SIZE);
    s->seen = calloc(s->blocks, TFS_BLOCK_SIZE);
}

[[maybe_unused]] static void sim_fini(struct sim *s) {
    sim_cache_drop(s);
    free(s->cache);
    free(s->disk);
    free(s->seen);
}

[[maybe_unused]] static void sim_report(void *arg, const char *text) {
    if (arg == nullptr && strncmp(text, "note:", 5) != 0) {
        fprintf(stderr, "check: %s\n", text);
    }
}

constexpr u32 SIM_QUIET = 1u << 31; // flag of sim_check: no lines

// Number of problems tfs_check finds; ~0 when it could not look.
[[maybe_unused]] static u64 sim_check(struct sim *s, u32 flags) {
    struct tfs_env env = sim_env(s);
    struct tfs_check_stats stats = {};
    err_t err = tfs_check(&env, flags & ~SIM_QUIET, sim_report,
                          (flags & SIM_QUIET) != 0 ? s : nullptr, &stats);
    return err == ERR_OK ? stats.problems : ~(u64)0;
}
