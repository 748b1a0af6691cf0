// SPDX-License-Identifier: MIT
// What the tfs core asks of its world: blocks, memory, a mutex, time. Time has one twist: data
// reaches the core later than the program wrote it, and the core stamps what it is told to write
// with the time of the call. So while a flush runs, its thread is told the time of the program's
// write instead.
#include "mount_impl.h"
#include <kernel/base/entropy.h>

constexpr u32 ALLOC_ATTEMPTS = 200;
constexpr u64 ALLOC_PAUSE_NS = 10 * NS_PER_MS;

constexpr u64 SECTORS_PER_BLOCK = TFS_BLOCK_SIZE / 512;

static err_t env_read(void *arg, u64 block, u32 count, void *buf) {
    struct tfs_volume *vol = arg;
    return block_read(vol->device, block * SECTORS_PER_BLOCK, buf, (size_t)count * TFS_BLOCK_SIZE);
}

static err_t env_write(void *arg, u64 block, u32 count, const void *buf) {
    struct tfs_volume *vol = arg;
    return block_write(vol->device, block * SECTORS_PER_BLOCK, buf, (size_t)count * TFS_BLOCK_SIZE,
                       0);
}

static err_t env_flush(void *arg) {
    struct tfs_volume *vol = arg;
    return block_flush(vol->device);
}

// An operation that breaks off in the middle costs the volume all further changes, so it is worth waiting a moment for processes
// that end, or are ended, to give memory back.
static void *env_alloc(void *arg, size_t bytes) {
    unused_arg(arg);
    void *p;
    for (u32 attempt = 0; attempt < ALLOC_ATTEMPTS; attempt++) {
        if (heap_alloc(bytes, &p) == ERR_OK) {
            return p;
        }
        (void)phys_has_room(bytes_to_pages(bytes)); // reclaims
        err_t err = sleep_until(deadline_in(time_now_ns(), ALLOC_PAUSE_NS), WAIT_SOLID);
        assert_eq(err, ERR_OK);
    }
    return nullptr;
}

static void env_free(void *arg, void *mem, size_t bytes) {
    unused_arg(arg);
    unused_arg(bytes);
    heap_free_raw(mem);
}

struct core_mutex {
    struct mutex lock;
};
DECLARE_MUTEX_CLASS(tfs_core, struct core_mutex, lock)

static void *env_mutex_create(void *arg) {
    unused_arg(arg);
    struct core_mutex *m;
    if (heap_new(&m) != ERR_OK) {
        return nullptr;
    }
    mutex_init(&m->lock);
    return m;
}

static void env_mutex_destroy(void *arg, void *mutex) {
    unused_arg(arg);
    heap_free_raw(mutex);
}

static void env_lock(void *arg,
                     void *mutex) NO_LOCK_ANALYSIS { // WHY: the core's unlock is the pair
    unused_arg(arg);
    tfs_core_lock(mutex);
}

static void env_unlock(void *arg, void *mutex) NO_LOCK_ANALYSIS { // WHY: as above
    unused_arg(arg);
    tfs_core_unlock(mutex);
}

static u64 env_now_wall(void *arg) {
    struct tfs_volume *vol = arg;
    return vol->stamp_thread == thread_current() ? vol->stamp_ns : time_wall_ns();
}

static u64 env_now_mono(void *arg) {
    unused_arg(arg);
    return time_now_ns();
}

static u64 env_random(void *arg) {
    unused_arg(arg);
    return entropy_u64();
}

static void env_log(void *arg, enum tfs_log_level level, const char *text) {
    struct tfs_volume *vol = arg;
    switch (level) {
    case TFS_LOG_ERROR:
        log(TFS, ERROR, "%s: %s", vol->device->name, text);
        break;
    case TFS_LOG_WARN:
        log(TFS, WARN, "%s: %s", vol->device->name, text);
        break;
    case TFS_LOG_INFO:
        log(TFS, INFO, "%s: %s", vol->device->name, text);
        break;
    }
}

void tfs_env_init(struct tfs_env *env, struct tfs_volume *vol) {
    *env = (struct tfs_env){
        .arg = vol,
        .block_count = vol->device->sectors / SECTORS_PER_BLOCK,
        .read = env_read,
        .write = vol->device->read_only ? nullptr : env_write,
        .flush = env_flush,
        .alloc = env_alloc,
        .free = env_free,
        .mutex_create = env_mutex_create,
        .mutex_destroy = env_mutex_destroy,
        .lock = env_lock,
        .unlock = env_unlock,
        .now_wall_ns = env_now_wall,
        .now_mono_ns = env_now_mono,
        .random = env_random,
        .log = env_log,
    };
}
