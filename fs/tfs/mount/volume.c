// SPDX-License-Identifier: MIT
// Mounting, and the committer: a thread per volume that brings cached data to the core every second
// and commits every few seconds when there is something to commit. So a crash loses seconds at
// most; fsync and sync wait for a commit of their own. The order of an unmount: nobody can reach
// the volume any more; the committer ends; data and the last commit go out; the device takes raw
// writes again.
#include "mount_impl.h"
#include <mm/phys/page.h>

constexpr u64 FLUSH_EVERY_NS = NS_PER_SEC;
constexpr u32 COMMIT_EVERY_FLUSHES = 3;
constexpr u64 TFS_STATFS_TYPE = 0x74667331; // "tfs1"

struct volume_list {
    struct mutex lock;
    struct list volumes GUARDED_BY(lc_tfs_volumes);
};
DECLARE_MUTEX_CLASS(tfs_volumes, struct volume_list, lock)
static struct volume_list all = {.lock = MUTEX_INIT(all.lock), .volumes = LIST_INIT(all.volumes)};

static void commit_if_dirty(struct tfs_volume *vol) {
    if (vol->failed || !tfs_is_dirty(vol->core)) {
        return;
    }
    err_t err = tfs_commit(vol->core);
    if (err != ERR_OK && err != ERR_NOMEM) {
        vol->failed = true;
        log(TFS, ERROR, "%s: commit failed (%s): no further changes are stored", vol->device->name,
            err_text(err));
    }
}

static void committer(void *arg) {
    struct tfs_volume *vol = arg;
    for (u32 round = 1; !vol->stopping; round++) {
        u64 deadline = deadline_in(time_now_ns(), FLUSH_EVERY_NS);
        (void)WAIT_UNTIL(&vol->committer_wake, vol->stopping, WAIT_SOLID, deadline);
        if (vol->stopping) {
            break;
        }
        (void)tfs_volume_flush(vol); // errors are logged there and come back at fsync
        tfs_space_refresh(vol);
        if (round % COMMIT_EVERY_FLUSHES == 0) {
            commit_if_dirty(vol);
        }
    }
    vol->stopped = true;
    waitq_wake_all(&vol->gone);
}

static err_t tfs_mount_statfs(struct mount *m, struct statfs_info *out) {
    struct tfs_volume *vol = m->fs;
    struct tfs_statfs s;
    TRY(tfs_statfs(vol->core, &s));
    *out = (struct statfs_info){.type = TFS_STATFS_TYPE,
                                .bsize = TFS_BLOCK_SIZE,
                                .blocks = s.blocks_total,
                                .bfree = s.blocks_free,
                                .bavail = s.blocks_available,
                                .files = s.inodes_used + s.blocks_free,
                                .ffree = s.blocks_free,
                                .fsid = s.fsid};
    return ERR_OK;
}

static err_t tfs_mount_sync(struct mount *m) {
    struct tfs_volume *vol = m->fs;
    if (vol->read_only) {
        return ERR_OK;
    }
    err_t err = tfs_volume_flush(vol);
    err_t commit_err = tfs_commit(vol->core);
    return err != ERR_OK ? err : commit_err;
}

static void deny_raw_writes(struct block_device *d, bool deny) {
    for (; d != nullptr; d = d->parent) {
        d->writers_denied += deny ? 1 : (u32)-1;
    }
}

static void volume_free(struct tfs_volume *vol) {
    for (u32 i = 0; i < READ_AHEAD_SLOTS; i++) {
        heap_free(&vol->ahead[i].buf);
    }
    heap_free(&vol->bounce);
    heap_free(&vol->buckets);
    heap_free(&vol);
}

static err_t tfs_mount_unmount(struct mount *m) {
    struct tfs_volume *vol = m->fs;
    if (vol->committer != nullptr) {
        vol->stopping = true;
        waitq_wake_all(&vol->committer_wake);
        (void)WAIT_UNTIL(&vol->gone, vol->stopped, WAIT_SOLID, DEADLINE_NEVER);
        thread_put(vol->committer);
    }
    vol->stopping = true;
    err_t flush_err = tfs_volume_flush(vol);
    (void)WAIT_UNTIL(&vol->gone, vol->node_count == 0, WAIT_SOLID, DEADLINE_NEVER);
    err_t err = tfs_unmount(vol->core);
    tfs_volumes_lock(&all);
    list_remove(&vol->node);
    tfs_volumes_unlock(&all);
    deny_raw_writes(vol->device, false);
    log(TFS, INFO, "unmounted %s", vol->device->name);
    volume_free(vol);
    return flush_err != ERR_OK ? flush_err : err;
}

static bool tfs_mount_busy(struct mount *m) {
    struct tfs_volume *vol = m->fs;
    return vol->node_count > 1; // the root's
}

static const struct mount_ops tfs_mount_ops = {.statfs = tfs_mount_statfs,
                                               .sync = tfs_mount_sync,
                                               .unmount = tfs_mount_unmount,
                                               .busy = tfs_mount_busy};

static err_t volume_alloc(struct block_device *d, struct tfs_volume **out) {
    struct tfs_volume *vol;
    TRY(heap_new(&vol));
    err_t err = heap_alloc_array(TFS_BUCKETS, sizeof(struct list), (void **)&vol->buckets);
    if (err == ERR_OK) {
        err = heap_alloc(BOUNCE_PAGES * PAGE_SIZE, (void **)&vol->bounce);
    }
    if (err != ERR_OK) {
        volume_free(vol);
        return err;
    }
    mutex_init(&vol->lock);
    for (u32 i = 0; i < TFS_BUCKETS; i++) {
        list_init(&vol->buckets[i]);
    }
    list_init(&vol->dirty);
    list_init(&vol->node);
    waitq_init(&vol->gone);
    waitq_init(&vol->committer_wake);
    vol->device = d;
    u64 memory = page_array_count * PAGE_SIZE;
    vol->dirty_bytes_max = MIN(MAX(memory / 32, MIB(1)), MIB(64));
    *out = vol;
    return ERR_OK;
}

static err_t core_mount(struct tfs_volume *vol) {
    u64 memory = page_array_count * PAGE_SIZE;
    struct tfs_env env;
    tfs_env_init(&env, vol);
    struct tfs_mount_opts opts = {.read_only = vol->read_only,
                                  .cache_bytes = MIN(MAX(memory / 16, MIB(2)), MIB(64))};
    err_t err = tfs_mount(&env, &opts, &vol->core);
    if (err != ERR_OK) {
        log(TFS, ERROR, "%s cannot be mounted: %s", vol->device->name, err_text(err));
    }
    return err;
}

static err_t start(struct tfs_volume *vol, struct mount *m) {
    m->ops = &tfs_mount_ops;
    m->fs = vol;
    m->dev = vol->device->number;
    vol->mount = m;
    TRY(tfs_vnode_get(vol, NODE_PRESENT, TFS_NOW, TFS_ROOT_INO, &m->root));
    if (vol->read_only) {
        return ERR_OK;
    }
    err_t err = thread_create("tfs-commit", committer, vol, &vol->committer);
    if (err != ERR_OK) {
        vnode_put(m->root);
        return err;
    }
    thread_start(vol->committer);
    return ERR_OK;
}

static void log_mounted(struct tfs_volume *vol) {
    struct tfs_statfs s;
    if (tfs_statfs(vol->core, &s) == ERR_OK) {
        log(TFS, INFO, "mounted %s label=\"%s\" mib=%lu free_mib=%lu txg=%lu seq=%lu%s",
            vol->device->name, s.label, s.blocks_total / 256, s.blocks_free / 256, s.txg, s.seq,
            vol->read_only ? " read-only" : "");
    }
}

static err_t mount_device(struct block_device *d, u32 flags, struct mount *m) {
    struct tfs_volume *vol;
    TRY(volume_alloc(d, &vol));
    vol->read_only = d->read_only || (flags & MOUNT_RDONLY) != 0;
    if (vol->read_only) {
        m->flags |= MOUNT_RDONLY;
    }
    err_t err = core_mount(vol);
    if (err != ERR_OK) {
        volume_free(vol);
        return err;
    }
    tfs_space_refresh(vol);
    err = start(vol, m);
    if (err != ERR_OK) {
        (void)tfs_unmount(vol->core); // nothing was changed
        volume_free(vol);
        return err;
    }
    deny_raw_writes(d, true);
    tfs_volumes_lock(&all);
    list_push_back(&all.volumes, &vol->node);
    tfs_volumes_unlock(&all);
    log_mounted(vol);
    return ERR_OK;
}

static struct tfs_volume *volume_find(const struct block_device *d) {
    GUARD(tfs_volumes, &all);
    struct tfs_volume *vol;
    list_for_each(vol, &all.volumes, node) {
        if (vol->device == d) {
            return vol;
        }
    }
    return nullptr;
}

// Another view of a volume that is mounted already: its root as it was, without anything of its own
// to unmount.
static err_t mount_past(struct tfs_volume *vol, const char *time, size_t len, struct mount *m) {
    u64 at;
    TRY(tfs_moment_of(vol, time, len, &at));
    TRY(tfs_vnode_get(vol, NODE_PAST, at, TFS_ROOT_INO, &m->root));
    m->ops = vol->mount->ops;
    m->fs = vol;
    m->dev = tfs_moment_dev(vol, at);
    m->flags |= MOUNT_RDONLY;
    m->bind = true;
    return ERR_OK;
}

static bool find_asof(const char *options, const char **time, size_t *len) {
    for (const char *s = options; *s != 0;) {
        const char *end = s;
        while (*end != 0 && *end != ',') {
            end++;
        }
        if (text_equal_n(s, "asof=", 5)) {
            *time = s + 5;
            *len = (size_t)(end - s) - 5;
            return true;
        }
        s = *end == ',' ? end + 1 : end;
    }
    return false;
}

static err_t tfs_fs_mount(const char *source, u32 flags, const char *options, struct mount **out) {
    if (source == nullptr) {
        return ERR_NODEV;
    }
    struct block_device *d = block_find(source);
    if (d == nullptr) {
        return ERR_NOTBLK;
    }
    const char *time = nullptr;
    size_t len = 0;
    bool past = find_asof(options, &time, &len);
    struct tfs_volume *vol = volume_find(d);
    if (past ? vol == nullptr : vol != nullptr) {
        return past ? ERR_INVAL : ERR_BUSY; // the past of a volume needs its present mounted
    }
    struct mount *m;
    TRY(heap_new(&m));
    err_t err = past ? mount_past(vol, time, len, m) : mount_device(d, flags, m);
    if (err != ERR_OK) {
        heap_free(&m);
        return err;
    }
    *out = m;
    return ERR_OK;
}

void tfs_mount_init(void) {
    static struct fs_type type = {.name = "tfs", .mount = tfs_fs_mount, .on_disk = true};
    vfs_register_fs(&type);
}
