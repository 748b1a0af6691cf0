// SPDX-License-Identifier: MIT
#include <lib/paging/paging.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka needs the headers above first
#include <cmocka.h>

// "Physical memory": an array whose physical address 0 is its first byte.
constexpr size_t MEMORY_PAGES = 64;
struct memory {
    u8 *bytes;
    size_t used_pages;
    size_t limit_pages;
};

static err_t alloc_table(void *arg, u64 *pa_out) {
    struct memory *m = arg;
    if (m->used_pages == m->limit_pages) {
        return ERR_NOMEM;
    }
    *pa_out = m->used_pages++ * PAGE_SIZE;
    memset(m->bytes + *pa_out, 0, PAGE_SIZE);
    return ERR_OK;
}

static struct paging begin(struct memory *m, bool gib_pages) {
    *m = (struct memory){.bytes = aligned_alloc(PAGE_SIZE, MEMORY_PAGES * PAGE_SIZE),
                         .limit_pages = MEMORY_PAGES};
    struct paging p = {.phys_offset = (u64)(uintptr_t)m->bytes,
                       .gib_pages = gib_pages,
                       .alloc_table = alloc_table,
                       .arg = m};
    assert_int_equal(paging_init(&p), ERR_OK);
    return p;
}

static void assert_maps(const struct paging *p, u64 va, u64 pa, u64 flags) {
    u64 got_pa = 0, got_flags = 0;
    assert_int_equal(paging_lookup(p, va, &got_pa, &got_flags), ERR_OK);
    assert_int_equal(got_pa, pa);
    assert_int_equal(got_flags, flags);
}

static void assert_unmapped(const struct paging *p, u64 va) {
    u64 pa = 0, flags = 0;
    assert_int_equal(paging_lookup(p, va, &pa, &flags), ERR_NOENT);
}

static void test_small_pages(void **state) {
    unused_arg(state);
    struct memory m;
    struct paging p = begin(&m, true);
    u64 va = 0xffffffff80001000;
    assert_int_equal(paging_map(&p, va, 0x123000, 3 * PAGE_SIZE, PAGING_WRITE | PAGING_NOEXEC),
                     ERR_OK);
    assert_maps(&p, va, 0x123000, PAGING_WRITE | PAGING_NOEXEC);
    assert_maps(&p, va + 0x2fff, 0x125fff, PAGING_WRITE | PAGING_NOEXEC);
    assert_unmapped(&p, va - 1);
    assert_unmapped(&p, va + 0x3000);
    assert_int_equal(m.used_pages, 4);
    free(m.bytes);
}

// From 4 KiB below a 2 MiB border across a 1 GiB border and a little further: all sizes are used,
// nothing is missed.
static void check_mixed(bool gib_pages, size_t tables) {
    struct memory m;
    struct paging p = begin(&m, gib_pages);
    u64 va = 0xffff800000000000 + GIB(1) - MIB(2) - PAGE_SIZE;
    u64 pa = va & (GIB(64) - 1);
    u64 bytes = PAGE_SIZE + MIB(2) + GIB(2) + MIB(4) + 2 * PAGE_SIZE;
    assert_int_equal(paging_map(&p, va, pa, bytes, PAGING_NOEXEC), ERR_OK);
    for (u64 at = 0; at < bytes; at += MIB(1) + 12345) {
        assert_maps(&p, va + at, pa + at, PAGING_NOEXEC);
    }
    assert_maps(&p, va + bytes - 1, pa + bytes - 1, PAGING_NOEXEC);
    assert_unmapped(&p, va - 1);
    assert_unmapped(&p, va + bytes);
    assert_int_equal(m.used_pages, tables);
    free(m.bytes);
}

static void test_mixed_sizes(void **state) {
    unused_arg(state);
    check_mixed(true, 6);  // root, 1 of level 3, 2 of level 2, 2 of level 1
    check_mixed(false, 8); // and the two of level 2 for the gibibytes
}

static void test_exists(void **state) {
    unused_arg(state);
    struct memory m;
    struct paging p = begin(&m, true);
    assert_int_equal(paging_map(&p, MIB(2), MIB(2), MIB(2), PAGING_WRITE), ERR_OK);
    assert_int_equal(paging_map(&p, MIB(2) + PAGE_SIZE, 0, PAGE_SIZE, 0), ERR_EXIST);
    assert_int_equal(paging_map(&p, MIB(4) + PAGE_SIZE, 0, PAGE_SIZE, 0), ERR_OK);
    // A large page does not replace a table with something in it.
    assert_int_equal(paging_map(&p, MIB(4), MIB(4), MIB(2), 0), ERR_EXIST);
    assert_maps(&p, MIB(4) + PAGE_SIZE, 0, 0);
    free(m.bytes);
}

static void test_user_reaches_every_level(void **state) {
    unused_arg(state);
    struct memory m;
    struct paging p = begin(&m, true);
    assert_int_equal(paging_map(&p, 0x1000, 0, PAGE_SIZE, 0), ERR_OK);
    assert_int_equal(paging_map(&p, 0x2000, 0, PAGE_SIZE, PAGING_USER), ERR_OK);
    u64 table_pa = p.root_pa;
    for (u32 level = 4; level > 1; level--) {
        u64 entry = 0;
        memcpy(&entry, m.bytes + table_pa, 8);
        assert_true((entry & PAGING_USER) != 0);
        table_pa = entry & 0x000ffffffffff000;
    }
    assert_maps(&p, 0x1000, 0, 0);
    free(m.bytes);
}

static void test_refuses_bad_ranges(void **state) {
    unused_arg(state);
    struct memory m;
    struct paging p = begin(&m, true);
    assert_int_equal(paging_map(&p, 1, 0, PAGE_SIZE, 0), ERR_INVAL);
    assert_int_equal(paging_map(&p, 0, 1, PAGE_SIZE, 0), ERR_INVAL);
    assert_int_equal(paging_map(&p, 0, 0, 1, 0), ERR_INVAL);
    assert_int_equal(paging_map(&p, 0, 0, 0, 0), ERR_INVAL);
    assert_int_equal(paging_map(&p, 0, 0, PAGE_SIZE, 1 << 7), ERR_INVAL);
    assert_int_equal(paging_map(&p, (u64)1 << 47, 0, PAGE_SIZE, 0), ERR_INVAL);
    assert_int_equal(paging_map(&p, ((u64)1 << 47) - PAGE_SIZE, 0, 2 * PAGE_SIZE, 0), ERR_INVAL);
    assert_int_equal(paging_map(&p, ~(u64)0 << 12, 0, 2 * PAGE_SIZE, 0), ERR_INVAL);
    assert_int_equal(paging_map(&p, 0, (u64)1 << 52, PAGE_SIZE, 0), ERR_INVAL);
    assert_int_equal(paging_map(&p, ~(u64)0 << 12, 0, PAGE_SIZE, 0), ERR_OK);
    assert_maps(&p, ~(u64)0, 0xfff, 0);
    free(m.bytes);
}

static void test_out_of_tables(void **state) {
    unused_arg(state);
    for (size_t limit = 1; limit < 4; limit++) {
        struct memory m;
        struct paging p = begin(&m, true);
        m.limit_pages = limit;
        assert_int_equal(paging_map(&p, 0, 0, PAGE_SIZE, 0), ERR_NOMEM);
        assert_unmapped(&p, 0);
        free(m.bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_pages),
        cmocka_unit_test(test_mixed_sizes),
        cmocka_unit_test(test_exists),
        cmocka_unit_test(test_user_reaches_every_level),
        cmocka_unit_test(test_refuses_bad_ranges),
        cmocka_unit_test(test_out_of_tables),
    };
    return cmocka_run_group_tests_name("paging", tests, nullptr, nullptr);
}
