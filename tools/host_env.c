// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <tools/host_env.h>
#include <unistd.h>

static err_t errno_to_err(int number) {
    return number == ENOSPC ? ERR_NOSPC : number == ENOMEM ? ERR_NOMEM : ERR_IO;
}

static err_t host_read(void *arg, u64 block, u32 count, void *buf) {
    struct host_env *h = arg;
    u8 *to = buf;
    size_t left = (size_t)count * TFS_BLOCK_SIZE;
    u64 at = block * TFS_BLOCK_SIZE;
    if (at > h->length_bytes || left > h->length_bytes - at) {
        return ERR_IO;
    }
    while (left > 0) {
        ssize_t n = pread(h->fd, to, left, (off_t)(h->offset_bytes + at));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return errno_to_err(errno);
        }
        if (n == 0) { // behind the end of a file that is shorter than the volume
            memset(to, 0, left);
            return ERR_OK;
        }
        to += n;
        at += (u64)n;
        left -= (size_t)n;
    }
    return ERR_OK;
}

static err_t host_write(void *arg, u64 block, u32 count, const void *buf) {
    struct host_env *h = arg;
    const u8 *from = buf;
    size_t left = (size_t)count * TFS_BLOCK_SIZE;
    u64 at = block * TFS_BLOCK_SIZE;
    if (at > h->length_bytes || left > h->length_bytes - at) {
        return ERR_IO;
    }
    while (left > 0) {
        ssize_t n = pwrite(h->fd, from, left, (off_t)(h->offset_bytes + at));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return errno_to_err(errno);
        }
        from += n;
        at += (u64)n;
        left -= (size_t)n;
    }
    return ERR_OK;
}

// Tools write their image once and sync at close; nothing is promised before.
static err_t host_flush(void *arg) {
    unused_arg(arg);
    return ERR_OK;
}

static void *host_alloc(void *arg, size_t bytes) {
    unused_arg(arg);
    return malloc(bytes);
}

static void host_free(void *arg, void *mem, size_t bytes) {
    unused_arg(arg);
    unused_arg(bytes);
    free(mem);
}

static void *host_mutex_create(void *arg) {
    unused_arg(arg);
    pthread_mutex_t *m = malloc(sizeof(*m));
    if (m != nullptr) {
        pthread_mutex_init(m, nullptr);
    }
    return m;
}

static void host_mutex_destroy(void *arg, void *mutex) {
    unused_arg(arg);
    pthread_mutex_destroy(mutex);
    free(mutex);
}

static void host_lock(void *arg, void *mutex) {
    unused_arg(arg);
    pthread_mutex_lock(mutex);
}

static void host_unlock(void *arg, void *mutex) {
    unused_arg(arg);
    pthread_mutex_unlock(mutex);
}

static u64 clock_ns(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (u64)t.tv_sec * NS_PER_SEC + (u64)t.tv_nsec;
}

static u64 host_wall(void *arg) {
    struct host_env *h = arg;
    return h->fixed_wall_ns != 0 ? h->fixed_wall_ns : clock_ns(CLOCK_REALTIME);
}

static u64 host_mono(void *arg) {
    struct host_env *h = arg;
    return h->fixed_wall_ns != 0 ? 0 : clock_ns(CLOCK_MONOTONIC);
}

static u64 host_random(void *arg) {
    struct host_env *h = arg;
    u64 n = 0;
    if (h->seed == 0) {
        if (getrandom(&n, sizeof(n), 0) != sizeof(n)) {
            n = clock_ns(CLOCK_REALTIME);
        }
        return n;
    }
    h->seed += 0x9e3779b97f4a7c15; // splitmix64
    n = h->seed;
    n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9;
    n = (n ^ (n >> 27)) * 0x94d049bb133111eb;
    return n ^ (n >> 31);
}

static void host_log(void *arg, enum tfs_log_level level, const char *text) {
    struct host_env *h = arg;
    if (!h->quiet && level != TFS_LOG_INFO) {
        fprintf(stderr, "%s\n", text);
    }
}

bool host_env_open(struct host_env *h, const struct host_open *how) {
    int flags = how->read_only ? O_RDONLY : O_RDWR;
    *h = (struct host_env){.offset_bytes = how->offset_bytes, .read_only = how->read_only};
    h->fd = open(how->path, flags | (how->create ? O_CREAT : 0) | O_CLOEXEC, 0644);
    struct stat st;
    if (h->fd < 0 || fstat(h->fd, &st) != 0) {
        fprintf(stderr, "%s: %s\n", how->path, strerror(errno));
        return false;
    }
    off_t end = S_ISBLK(st.st_mode) ? lseek(h->fd, 0, SEEK_END) : st.st_size;
    u64 size = end < 0 ? 0 : (u64)end;
    u64 want = how->offset_bytes + how->length_bytes;
    if (how->create && how->length_bytes != 0 && size < want && S_ISREG(st.st_mode)) {
        if (ftruncate(h->fd, (off_t)want) != 0) {
            fprintf(stderr, "%s: %s\n", how->path, strerror(errno));
            close(h->fd);
            return false;
        }
        size = want;
    }
    if (size < how->offset_bytes || (how->length_bytes != 0 && size < want)) {
        fprintf(stderr, "%s: the file ends before the volume does\n", how->path);
        close(h->fd);
        return false;
    }
    h->length_bytes = how->length_bytes != 0 ? how->length_bytes : size - how->offset_bytes;
    return true;
}

bool host_env_close(struct host_env *h) {
    bool good = h->read_only || fsync(h->fd) == 0 || errno == EINVAL;
    return close(h->fd) == 0 && good;
}

struct tfs_env host_env_hooks(struct host_env *h) {
    return (struct tfs_env){.arg = h,
                            .block_count = h->length_bytes / TFS_BLOCK_SIZE,
                            .read = host_read,
                            .write = h->read_only ? nullptr : host_write,
                            .flush = host_flush,
                            .alloc = host_alloc,
                            .free = host_free,
                            .mutex_create = host_mutex_create,
                            .mutex_destroy = host_mutex_destroy,
                            .lock = host_lock,
                            .unlock = host_unlock,
                            .now_wall_ns = host_wall,
                            .now_mono_ns = host_mono,
                            .random = host_random,
                            .log = host_log};
}

bool host_parse_size(const char *text, u64 *bytes) {
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 0);
    static const char units[] = "KMGT";
    const char *unit = *end == 0 ? nullptr : strchr(units, *end & ~0x20);
    u32 shift = unit == nullptr ? 0 : 10 * (u32)(unit - units + 1);
    if (errno != 0 || end == text || (*end != 0 && (unit == nullptr || end[1] != 0)) ||
        n > (~0ull >> shift)) {
        return false;
    }
    *bytes = n << shift;
    return true;
}
