// SPDX-License-Identifier: MIT
// What the model test does not reach: size (big directories, big files, many groups, merged runs),
// damage and healing, full disks, an allocation failing at each place, superblock fallback.
#include "sim_impl.h"
#include <setjmp.h>
#include <stdarg.h>
// cmocka needs the headers above first
#include <cmocka.h>

struct world {
    struct sim sim;
    struct tfs_env env;
    struct tfs *fs;
};

static void mount_world(struct world *w, u32 memtable_nodes) {
    struct tfs_mount_opts opts = {.cache_bytes = MIB(1), .memtable_nodes = memtable_nodes};
    assert_int_equal(tfs_mount(&w->env, &opts, &w->fs), ERR_OK);
}

static void begin(struct world *w, u64 bytes, u32 memtable_nodes) {
    sim_init(&w->sim, bytes, 42);
    w->sim.write_through = true;
    w->env = sim_env(&w->sim);
    struct tfs_format_opts format = {.label = "test"};
    assert_int_equal(tfs_format(&w->env, &format), ERR_OK);
    mount_world(w, memtable_nodes);
}

static void end(struct world *w) {
    assert_int_equal(tfs_unmount(w->fs), ERR_OK);
    assert_int_equal(sim_check(&w->sim, TFS_CHECK_DATA), 0);
    assert_int_equal(w->sim.live_allocs, 0);
    sim_fini(&w->sim);
}

static struct tfs_name text_name(char *text, const char *format, u32 n) {
    snprintf(text, 32, "%s%u", format, n);
    return (struct tfs_name){text, strlen(text)};
}

static u64 create(struct world *w, u64 dir, u32 mode, struct tfs_name name) {
    struct tfs_create how = {mode, 0, 0, 0};
    u64 ino = 0;
    assert_int_equal(tfs_create(w->fs, dir, name, &how, &ino), ERR_OK);
    return ino;
}

static void write_all(struct world *w, u64 ino, u64 off, const void *data, size_t len) {
    size_t put;
    assert_int_equal(tfs_write(w->fs, ino, (struct tfs_span){off, len}, data, &put), ERR_OK);
    assert_int_equal(put, len);
}

static bool count_entry(void *arg, const struct tfs_dirent *d) {
    u32 *count = arg;
    *count += d->ino != 0 ? 1 : 0;
    return true;
}

static void big_directory(void **state) {
    struct world w;
    char text[32];
    unused_arg(state);
    begin(&w, MIB(256), 64);
    u64 dir = create(&w, TFS_ROOT_INO, 0040755, text_name(text, "dir", 0)), all = 0;
    for (u32 i = 0; i < 12000; i++) {
        u64 ino = create(&w, dir, 0100644, text_name(text, "a-file-", i));
        write_all(&w, ino, 0, text, strlen(text));
    }
    all = tfs_current_seq(w.fs);
    assert_int_equal(tfs_boundary(w.fs, dir, TFS_KIND_MARK), ERR_OK);
    for (u32 i = 0; i < 12000; i += 2) {
        assert_int_equal(tfs_unlink(w.fs, dir, text_name(text, "a-file-", i)), ERR_OK);
    }
    for (u32 i = 0; i < 12000; i++) {
        u64 ino;
        size_t got = 0;
        char back[32] = {};
        struct tfs_name name = text_name(text, "a-file-", i);
        assert_int_equal(tfs_lookup(w.fs, TFS_NOW, dir, name, &ino),
                         i % 2 == 0 ? ERR_NOENT : ERR_OK);
        assert_int_equal(tfs_lookup(w.fs, all, dir, name, &ino), ERR_OK);
        assert_int_equal(tfs_read(w.fs, all, ino, (struct tfs_span){0, 32}, back, &got), ERR_OK);
        assert_string_equal(back, text);
    }
    u32 now = 0, then = 0;
    assert_int_equal(tfs_readdir(w.fs, TFS_NOW, dir, 0, count_entry, &now), ERR_OK);
    assert_int_equal(tfs_readdir(w.fs, all, dir, 0, count_entry, &then), ERR_OK);
    assert_int_equal(now, 6000);
    assert_int_equal(then, 12000);
    struct tfs_statfs st;
    assert_int_equal(tfs_statfs(w.fs, &st), ERR_OK);
    assert_true(st.history_runs > 0);
    end(&w);
}

static u8 pattern(u64 at) { return (u8)(at * 31 + (at >> 12)); }

static void big_file(void **state) {
    struct world w;
    char text[32];
    constexpr size_t chunk = 3 << 20;
    u8 *buf = malloc(chunk), *back = malloc(chunk);
    unused_arg(state);
    begin(&w, MIB(512), 0); // more than one allocation group
    u64 ino = create(&w, TFS_ROOT_INO, 0100644, text_name(text, "big", 0)), old;
    for (u64 at = 0; at < MIB(180); at += chunk) {
        for (size_t i = 0; i < chunk; i++) {
            buf[i] = pattern(at + i);
        }
        write_all(&w, ino, at, buf, chunk);
    }
    assert_int_equal(tfs_commit(w.fs), ERR_OK);
    old = tfs_current_seq(w.fs);
    memset(buf, 7, chunk);
    for (u64 at = 5000; at < MIB(180); at += MIB(1)) { // overwrites in the middle of extents
        write_all(&w, ino, at, buf, 6000);
    }
    assert_int_equal(tfs_truncate(w.fs, ino, MIB(90) + 17), ERR_OK);
    assert_int_equal(tfs_truncate(w.fs, ino, MIB(100)), ERR_OK);
    for (u64 at = 0; at < MIB(180); at += chunk) {
        size_t got;
        assert_int_equal(tfs_read(w.fs, old, ino, (struct tfs_span){at, chunk}, back, &got),
                         ERR_OK);
        assert_int_equal(got, chunk);
        for (size_t i = 0; i < chunk; i++) {
            if (back[i] != pattern(at + i)) {
                fail_msg("past byte %zu", (size_t)at + i);
            }
        }
    }
    u64 hole;
    assert_int_equal(tfs_seek(w.fs, TFS_NOW, ino, 0, true, &hole), ERR_OK);
    assert_int_equal(hole, MIB(90) + 4096);
    assert_int_equal(tfs_seek(w.fs, TFS_NOW, ino, hole, false, &hole), ERR_NXIO);
    assert_int_equal(tfs_unlink(w.fs, TFS_ROOT_INO, text_name(text, "big", 0)), ERR_OK);
    free(buf);
    free(back);
    end(&w);
}

static void runs_merge(void **state) {
    struct world w;
    char text[32];
    unused_arg(state);
    begin(&w, MIB(128), 8);
    u64 ino = create(&w, TFS_ROOT_INO, 0100644, text_name(text, "f", 0));
    u64 seqs[3000];
    for (u32 i = 0; i < countof(seqs); i++) {
        text_name(text, "version ", i);
        write_all(&w, ino, 0, text, strlen(text) + 1);
        assert_int_equal(tfs_boundary(w.fs, ino, TFS_KIND_CLOSE), ERR_OK);
        seqs[i] = tfs_current_seq(w.fs);
        w.sim.wall_ns += NS_PER_SEC;
        if (i % 50 == 49) {
            assert_int_equal(tfs_commit(w.fs), ERR_OK);
        }
    }
    struct tfs_statfs st;
    assert_int_equal(tfs_statfs(w.fs, &st), ERR_OK);
    assert_in_range(st.history_runs, 1, 12);
    assert_int_equal(tfs_unmount(w.fs), ERR_OK);
    mount_world(&w, 8);
    for (u32 i = 0; i < countof(seqs); i++) {
        char back[32] = {};
        size_t got;
        u64 seq;
        u64 wall = 1700000000 * NS_PER_SEC + i * NS_PER_SEC + 5;
        assert_int_equal(tfs_seq_of_time(w.fs, wall, &seq), ERR_OK);
        assert_true(seq >= seqs[i] && (i + 1 == countof(seqs) || seq < seqs[i + 1]));
        assert_int_equal(tfs_read(w.fs, seqs[i], ino, (struct tfs_span){0, 32}, back, &got),
                         ERR_OK);
        text_name(text, "version ", i);
        assert_string_equal(back, text);
    }
    u64 none;
    assert_int_equal(tfs_seq_of_time(w.fs, NS_PER_SEC, &none), ERR_HISTORY_NOT_KEPT);
    end(&w);
}

// ---- damage
static void
first_copies_damaged(void **state) { // every first copy of every node: all is read from the second
    struct world w;
    char text[32];
    unused_arg(state);
    begin(&w, MIB(16), 6);
    for (u32 i = 0; i < 300; i++) {
        write_all(&w, create(&w, TFS_ROOT_INO, 0100644, text_name(text, "f", i)), 0, text, 8);
    }
    assert_int_equal(tfs_unmount(w.fs), ERR_OK);
    for (u64 b = 0; b < w.sim.blocks; b++) {
        u8 *block = w.sim.seen + b * TFS_BLOCK_SIZE;
        const struct tfs_node *n = (const struct tfs_node *)(const void *)block;
        if (le32_get(n->magic) == TFS_NODE_MAGIC && le64_get(n->paddr[0]) == b) {
            block[2000] ^= 0x40;
        }
    }
    assert_true(sim_check(&w.sim, SIM_QUIET) > 0);
    mount_world(&w, 6);
    for (u32 round = 0; round < 2; round++) {
        for (u32 i = 0; i < 300; i++) {
            u64 ino;
            assert_int_equal(tfs_lookup(w.fs, TFS_NOW, TFS_ROOT_INO, text_name(text, "f", i), &ino),
                             ERR_OK);
        }
    }
    u32 count = 0;
    assert_int_equal(tfs_readdir(w.fs, 100, TFS_ROOT_INO, 0, count_entry, &count), ERR_OK);
    assert_int_equal(tfs_unmount(w.fs), ERR_OK);
    sim_fini(&w.sim);
}

static void data_damage_is_seen(void **state) {
    struct world w;
    char text[32];
    static u8 data[20000];
    unused_arg(state);
    begin(&w, MIB(8), 0);
    memset(data, 0x5a, sizeof(data));
    u64 ino = create(&w, TFS_ROOT_INO, 0100644, text_name(text, "f", 0));
    write_all(&w, ino, 0, data, sizeof(data));
    assert_int_equal(tfs_commit(w.fs), ERR_OK);
    u32 hits = 0;
    for (u64 b = 0; b < w.sim.blocks; b++) {
        u8 *block = w.sim.seen + b * TFS_BLOCK_SIZE;
        if (block[0] == 0x5a && block[4000] == 0x5a && hits++ == 2) {
            block[1] = 0;
        }
    }
    size_t got;
    assert_int_equal(tfs_read(w.fs, TFS_NOW, ino, (struct tfs_span){0, sizeof(data)}, data, &got),
                     ERR_TFS_CHECKSUM);
    assert_int_equal(tfs_read(w.fs, TFS_NOW, ino, (struct tfs_span){0, 8192}, data, &got), ERR_OK);
    assert_int_equal(tfs_unmount(w.fs), ERR_OK);
    assert_true(sim_check(&w.sim, TFS_CHECK_DATA | SIM_QUIET) > 0);
    sim_fini(&w.sim);
}

static void older_superblocks_work(void **state) { // the newest two destroyed: the third is mounted
    struct world w;
    char text[32];
    unused_arg(state);
    begin(&w, MIB(16), 0);
    for (u32 i = 0; i < 40; i++) {
        create(&w, TFS_ROOT_INO, 0100644, text_name(text, "f", i));
        assert_int_equal(tfs_commit(w.fs), ERR_OK);
    }
    struct tfs_statfs st;
    assert_int_equal(tfs_statfs(w.fs, &st), ERR_OK);
    assert_int_equal(tfs_unmount(w.fs), ERR_OK);
    for (u32 lost = 0; lost < 3; lost++) {
        for (u32 ring = 0; ring < 2; ring++) {
            u64 at =
                (ring == 0 ? 0 : w.sim.blocks - TFS_RING_SLOTS) + (st.txg - lost) % TFS_RING_SLOTS;
            if (lost < 2) {
                w.sim.seen[at * TFS_BLOCK_SIZE + 600] ^= 1;
            }
        }
    }
    struct tfs_mount_opts opts = {.read_only = true};
    assert_int_equal(tfs_mount(&w.env, &opts, &w.fs), ERR_OK);
    u64 ino;
    assert_int_equal(tfs_lookup(w.fs, TFS_NOW, TFS_ROOT_INO, text_name(text, "f", 37), &ino),
                     ERR_OK);
    assert_int_equal(tfs_lookup(w.fs, TFS_NOW, TFS_ROOT_INO, text_name(text, "f", 38), &ino),
                     ERR_NOENT);
    assert_int_equal(tfs_create(w.fs, TFS_ROOT_INO, text_name(text, "x", 1),
                                &(struct tfs_create){.mode = 0100644}, &ino),
                     ERR_ROFS);
    assert_int_equal(tfs_unmount(w.fs), ERR_OK);
    sim_fini(&w.sim);
}

static void not_a_volume(void **state) {
    struct sim s;
    struct tfs *fs;
    struct tfs_mount_opts opts = {};
    unused_arg(state);
    sim_init(&s, MIB(8), 1);
    struct tfs_env env = sim_env(&s);
    assert_int_equal(tfs_mount(&env, &opts, &fs), ERR_TFS_NOT_TFS);
    env.block_count = 100;
    assert_int_equal(tfs_mount(&env, &opts, &fs), ERR_TFS_NOT_TFS);
    struct tfs_format_opts format = {};
    assert_int_equal(tfs_format(&env, &format), ERR_INVAL);
    assert_int_equal(s.live_allocs, 0);
    sim_fini(&s);
}

// ---- scarcity
static void full_disk(void **state) {
    struct world w;
    char text[32];
    static u8 data[60000];
    unused_arg(state);
    begin(&w, MIB(8), 16);
    u32 made = 0;
    for (;; made++) {
        struct tfs_create how = {0100644, 0, 0, 0};
        u64 ino;
        size_t put;
        err_t err = tfs_create(w.fs, TFS_ROOT_INO, text_name(text, "f", made), &how, &ino);
        if (err == ERR_OK) {
            memset(data, (int)made, sizeof(data));
            err = tfs_write(w.fs, ino, (struct tfs_span){0, sizeof(data)}, data, &put);
        }
        if (err != ERR_OK) {
            assert_int_equal(err, ERR_NOSPC);
            break;
        }
    }
    assert_in_range(made, 50, 200);
    struct tfs_statfs st;
    assert_int_equal(tfs_statfs(w.fs, &st), ERR_OK);
    assert_int_equal(tfs_commit(w.fs), ERR_OK);
    for (u32 i = 0; i < made; i += 3) { // removing works, though history keeps the data
        assert_int_equal(tfs_unlink(w.fs, TFS_ROOT_INO, text_name(text, "f", i)), ERR_OK);
        assert_int_equal(tfs_commit(w.fs), ERR_OK);
    }
    u64 ino;
    assert_int_equal(tfs_lookup(w.fs, TFS_NOW, TFS_ROOT_INO, text_name(text, "f", 1), &ino),
                     ERR_OK);
    assert_int_equal(tfs_truncate(w.fs, ino, 100), ERR_OK);
    end(&w);
}

static void scenario(struct world *w, err_t *first) { // any operation may fail, none may do half
    char text[32];
    static u8 data[9000];
    struct tfs_create how = {0100644, 0, 0, 0};
    for (u32 i = 0; i < 12; i++) {
        u64 ino;
        size_t put, got;
        err_t err = tfs_create(w->fs, TFS_ROOT_INO, text_name(text, "n", i), &how, &ino);
        if (err == ERR_OK) {
            err = tfs_write(w->fs, ino, (struct tfs_span){i * 700, sizeof(data)}, data, &put);
        }
        if (err == ERR_OK) {
            err = tfs_open(w->fs, ino);
        }
        if (err == ERR_OK) {
            err = tfs_unlink(w->fs, TFS_ROOT_INO, text_name(text, "n", i));
        }
        if (err == ERR_OK) {
            err = tfs_release(w->fs, ino);
        }
        if (err == ERR_OK) {
            err = tfs_read(w->fs, 5, ino, (struct tfs_span){3, 9000}, data, &got);
            err = err == ERR_NOENT ? ERR_OK : err;
        }
        if (err == ERR_OK && i % 4 == 3) {
            err = tfs_commit(w->fs);
        }
        *first = *first == ERR_OK ? err : *first;
    }
}

static void each_allocation_fails(void **state) {
    unused_arg(state);
    for (u64 n = 0; n < 400; n++) {
        struct world w;
        sim_init(&w.sim, MIB(8), 42);
        w.sim.write_through = true;
        w.env = sim_env(&w.sim);
        struct tfs_format_opts format = {};
        assert_int_equal(tfs_format(&w.env, &format), ERR_OK);
        struct tfs_mount_opts opts = {.memtable_nodes = 4};
        w.sim.allocs_left = n;
        err_t err = tfs_mount(&w.env, &opts, &w.fs);
        err_t first = err;
        if (err == ERR_OK) {
            scenario(&w, &first);
            err = tfs_unmount(w.fs);
        }
        assert_true(first == ERR_OK || first == ERR_NOMEM || first == ERR_ROFS);
        assert_int_equal(w.sim.live_allocs, 0);
        w.sim.allocs_left = ~(u64)0;
        assert_int_equal(sim_check(&w.sim, TFS_CHECK_DATA), 0);
        sim_fini(&w.sim);
        if (first == ERR_OK) {
            return; // nothing failed any more: all places were tried
        }
    }
    fail_msg("more allocations than expected");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(not_a_volume),
        cmocka_unit_test(big_directory),
        cmocka_unit_test(big_file),
        cmocka_unit_test(runs_merge),
        cmocka_unit_test(first_copies_damaged),
        cmocka_unit_test(data_damage_is_seen),
        cmocka_unit_test(older_superblocks_work),
        cmocka_unit_test(full_disk),
        cmocka_unit_test(each_allocation_fails),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
