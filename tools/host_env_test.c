// SPDX-License-Identifier: MIT
// Threads on one volume in a file: writers overwrite blocks of shared files with one value each,
// readers must always see whole blocks (the core reads data outside of its mutex), a committer lets
// freed blocks become usable all the time.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
// cmocka needs the headers above first
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tools/host_env.h>
#include <unistd.h>

constexpr u32 FILES = 4, BLOCKS = 24, ROUNDS = 1500;

struct shared {
    struct tfs *fs;
    u64 ino[FILES];
    u32 bad;
    bool done;
};
struct worker {
    struct shared *s;
    u32 seed;
};

static u32 next(u32 *seed) {
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static void note_bad(struct shared *s) { __atomic_add_fetch(&s->bad, 1, __ATOMIC_RELAXED); }

static void *writer(void *arg) {
    struct worker *w = arg;
    u8 *buf = malloc((size_t)4 * TFS_BLOCK_SIZE);
    for (u32 i = 0; i < ROUNDS; i++) {
        u32 block = next(&w->seed) % BLOCKS, count = 1 + next(&w->seed) % 4;
        size_t put;
        for (u32 k = 0; k < count; k++) {
            memset(buf + (size_t)k * TFS_BLOCK_SIZE, (int)next(&w->seed), TFS_BLOCK_SIZE);
        }
        struct tfs_span span = {(u64)block * TFS_BLOCK_SIZE, (size_t)count * TFS_BLOCK_SIZE};
        if (tfs_write(w->s->fs, w->s->ino[next(&w->seed) % FILES], span, buf, &put) != ERR_OK) {
            note_bad(w->s);
        }
    }
    free(buf);
    return nullptr;
}

static void *reader(void *arg) {
    struct worker *w = arg;
    u8 *buf = malloc((size_t)8 * TFS_BLOCK_SIZE);
    while (!__atomic_load_n(&w->s->done, __ATOMIC_RELAXED)) {
        u64 block = next(&w->seed) % BLOCKS;
        size_t got = 0;
        struct tfs_span span = {block * TFS_BLOCK_SIZE, (size_t)8 * TFS_BLOCK_SIZE};
        if (tfs_read(w->s->fs, TFS_NOW, w->s->ino[next(&w->seed) % FILES], span, buf, &got) !=
            ERR_OK) {
            note_bad(w->s);
        }
        for (size_t i = 0; i < got; i++) {
            if (buf[i] != buf[i / TFS_BLOCK_SIZE * TFS_BLOCK_SIZE]) {
                note_bad(w->s);
                break;
            }
        }
    }
    free(buf);
    return nullptr;
}

static void *committer(void *arg) {
    struct worker *w = arg;
    while (!__atomic_load_n(&w->s->done, __ATOMIC_RELAXED)) {
        if (tfs_commit(w->s->fs) != ERR_OK) {
            note_bad(w->s);
        }
        usleep(2000);
    }
    return nullptr;
}

static void report(void *arg, const char *text) {
    unused_arg(arg);
    fprintf(stderr, "check: %s\n", text);
}

static void threads_share_a_volume(void **state) {
    char path[] = "/tmp/tfs-threads-XXXXXX";
    int fd = mkstemp(path);
    struct host_env h;
    struct host_open how = {.path = path, .length_bytes = MIB(64), .create = true};
    struct shared s = {};
    unused_arg(state);
    assert_true(fd >= 0 && host_env_open(&h, &how));
    struct tfs_env env = host_env_hooks(&h);
    struct tfs_format_opts format = {};
    struct tfs_mount_opts opts = {};
    assert_int_equal(tfs_format(&env, &format), ERR_OK);
    assert_int_equal(tfs_mount(&env, &opts, &s.fs), ERR_OK);
    for (u32 i = 0; i < FILES; i++) {
        char name[2] = {(char)('a' + i), 0};
        struct tfs_create mode = {0100644, 0, 0, 0};
        assert_int_equal(
            tfs_create(s.fs, TFS_ROOT_INO, (struct tfs_name){name, 1}, &mode, &s.ino[i]), ERR_OK);
    }
    struct worker w[5] = {{&s, 1}, {&s, 2}, {&s, 3}, {&s, 4}, {&s, 5}};
    void *(*const jobs[5])(void *) = {writer, writer, reader, reader, committer};
    pthread_t threads[5];
    for (u32 i = 0; i < 5; i++) {
        assert_int_equal(pthread_create(&threads[i], nullptr, jobs[i], &w[i]), 0);
    }
    for (u32 i = 0; i < 5; i++) {
        if (i == 2) {
            __atomic_store_n(&s.done, true, __ATOMIC_RELAXED);
        }
        pthread_join(threads[i], nullptr);
    }
    assert_int_equal(s.bad, 0);
    assert_int_equal(tfs_unmount(s.fs), ERR_OK);
    struct tfs_check_stats stats = {};
    assert_int_equal(tfs_check(&env, TFS_CHECK_DATA, report, nullptr, &stats), ERR_OK);
    assert_int_equal(stats.problems, 0);
    assert_true(host_env_close(&h));
    close(fd);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(threads_share_a_volume)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
