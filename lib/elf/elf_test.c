// SPDX-License-Identifier: MIT
#include <lib/elf/elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka needs the headers above first
#include <cmocka.h>

constexpr size_t FILE_BYTES = 3 * 4096;
constexpr u64 BASE_VA = 0xffffffff80000000;

static void put(u8 *p, u64 value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        p[i] = (u8)(value >> (8 * i));
    }
}

static void put_segment(u8 *file, u32 idx, struct elf_segment s) {
    u8 *p = file + 64 + (size_t)idx * 56;
    put(p, s.type, 4);
    put(p + 4, s.flags, 4);
    put(p + 8, s.offset, 8);
    put(p + 16, s.va, 8);
    put(p + 24, s.pa, 8);
    put(p + 32, s.file_bytes, 8);
    put(p + 40, s.mem_bytes, 8);
    put(p + 48, s.align, 8);
}

// A position-independent image: text at page 0, data with a dynamic section and one relocation at
// page 1.
static u8 *make_image(void) {
    u8 *file = calloc(1, FILE_BYTES);
    memcpy(file,
           "\x7f"
           "ELF\x02\x01\x01",
           7);
    put(file + 16, ELF_DYN, 2);
    put(file + 18, 62, 2);
    put(file + 20, 1, 4);
    put(file + 24, BASE_VA + 0x200, 8);
    put(file + 32, 64, 8);
    put(file + 54, 56, 2);
    put(file + 56, 3, 2);
    put_segment(
        file, 0,
        (struct elf_segment){ELF_LOAD, ELF_PF_R | ELF_PF_X, 0, 4096, BASE_VA, 0, 4096, 4096});
    put_segment(file, 1,
                (struct elf_segment){ELF_LOAD, ELF_PF_R | ELF_PF_W, 4096, 4096, BASE_VA + 4096, 0,
                                     10000, 4096});
    put_segment(file, 2,
                (struct elf_segment){ELF_DYNAMIC, ELF_PF_R, 4096, 64, BASE_VA + 4096, 0, 64, 8});
    u8 *dynamic = file + 4096;
    put(dynamic, 7, 8); // RELA
    put(dynamic + 8, BASE_VA + 4096 + 128, 8);
    put(dynamic + 16, 8, 8); // RELASZ
    put(dynamic + 24, 24, 8);
    put(dynamic + 32, 9, 8); // RELAENT
    put(dynamic + 40, 24, 8);
    u8 *rela = dynamic + 128;
    put(rela, BASE_VA + 4096 + 512, 8);
    put(rela + 8, 8, 8);
    put(rela + 16, BASE_VA + 0x333, 8);
    return file;
}

static err_t read_image(const u8 *file, struct elf_image *out, const char **why) {
    return elf_read(file, ELF_HEAD_BYTES, FILE_BYTES, out, why);
}

static void test_reads_good_image(void **state) {
    unused_arg(state);
    u8 *file = make_image();
    struct elf_image image = {};
    assert_int_equal(read_image(file, &image, nullptr), ERR_OK);
    assert_int_equal(image.type, ELF_DYN);
    assert_int_equal(image.entry, BASE_VA + 0x200);
    assert_int_equal(image.segment_count, 3);
    assert_int_equal(image.va_low, BASE_VA);
    assert_int_equal(image.va_high, BASE_VA + 4096 + 12288);
    assert_int_equal(elf_find(&image, ELF_DYNAMIC)->va, BASE_VA + 4096);
    assert_null(elf_find(&image, ELF_INTERP));
    free(file);
}

struct damage {
    const char *name;
    size_t at;
    size_t bytes;
    u64 value;
    err_t err;
};

static const struct damage DAMAGES[] = {
    {"magic", 1, 1, 'F', ERR_ELF_FORMAT},
    {"class", 4, 1, 1, ERR_ELF_MACHINE},
    {"byte order", 5, 1, 2, ERR_ELF_MACHINE},
    {"version", 6, 1, 9, ERR_ELF_FORMAT},
    {"type", 16, 2, 1, ERR_ELF_FORMAT},
    {"machine", 18, 2, 183, ERR_ELF_MACHINE},
    {"header offset", 32, 8, 4090, ERR_ELF_FORMAT},
    {"header offset wraps", 32, 8, ~(u64)0 - 8, ERR_ELF_FORMAT},
    {"header size", 54, 2, 32, ERR_ELF_FORMAT},
    {"no headers", 56, 2, 0, ERR_ELF_FORMAT},
    {"too many headers", 56, 2, 65, ERR_ELF_FORMAT},
    {"nothing to load", 64, 4, ELF_NOTE, ERR_OK}, // the second one is left: still good
    {"offset outside", 64 + 8, 8, FILE_BYTES, ERR_ELF_FORMAT},
    {"offset wraps", 64 + 8, 8, ~(u64)0 & ~(u64)4095, ERR_ELF_FORMAT},
    {"unaligned", 64 + 8, 8, 12, ERR_ELF_FORMAT},
    {"memory below file", 64 + 40, 8, 100, ERR_ELF_FORMAT},
    {"memory wraps", 64 + 56 + 40, 8, (u64)1 << 31, ERR_ELF_FORMAT},
    {"overlap", 64 + 40, 8, 4097, ERR_ELF_FORMAT},
    {"descending", 64 + 16, 8, BASE_VA + 0x10000, ERR_ELF_FORMAT},
    {"odd alignment", 64 + 48, 8, 3000, ERR_ELF_FORMAT},
};

static void test_refuses_damage(void **state) {
    unused_arg(state);
    for (size_t i = 0; i < countof(DAMAGES); i++) {
        const struct damage *d = &DAMAGES[i];
        u8 *file = make_image();
        put(file + d->at, d->value, d->bytes);
        struct elf_image image = {.entry = 77};
        const char *why = nullptr;
        if (read_image(file, &image, &why) != d->err) {
            fail_msg("damage not seen: %s", d->name);
        }
        if (d->err != ERR_OK) {
            assert_non_null(why);
            assert_int_equal(image.entry, 77);
        }
        free(file);
    }
}

static void test_short_files(void **state) {
    unused_arg(state);
    u8 *file = make_image();
    for (size_t bytes = 0; bytes < FILE_BYTES; bytes += bytes < 300 ? 1 : 500) {
        struct elf_image image = {};
        u8 *copy = malloc(bytes + 1); // exact size, so that ASan sees a read past the end
        memcpy(copy, file, bytes);
        u8 *tight = realloc(copy, bytes > 0 ? bytes : 1);
        err_t err = elf_read(tight, MIN(bytes, ELF_HEAD_BYTES), bytes, &image, nullptr);
        assert_int_equal(err == ERR_OK, bytes >= 8192);
        free(tight);
    }
    free(file);
}

static u8 *load(const u8 *file, const struct elf_image *image) {
    u8 *loaded = calloc(1, image->va_high - image->va_low);
    memcpy(loaded, file, 8192);
    return loaded;
}

static void test_relocates(void **state) {
    unused_arg(state);
    u8 *file = make_image();
    struct elf_image image = {};
    assert_int_equal(read_image(file, &image, nullptr), ERR_OK);
    u8 *loaded = load(file, &image);
    size_t span = image.va_high - image.va_low;
    assert_int_equal(elf_relocate(&image, loaded, span, 0x400000, nullptr), ERR_OK);
    u64 value = 0;
    memcpy(&value, loaded + 4096 + 512, 8);
    assert_int_equal(value, BASE_VA + 0x333 + 0x400000);
    free(loaded);
    free(file);
}

static void test_refuses_bad_relocations(void **state) {
    unused_arg(state);
    static const struct damage cases[] = {
        {"kind", 4096 + 128 + 8, 4, 1, ERR_ELF_FORMAT},
        {"target below", 4096 + 128, 8, BASE_VA - 8, ERR_ELF_FORMAT},
        {"target at the end", 4096 + 128, 8, BASE_VA + 16384 - 7, ERR_ELF_FORMAT},
        {"table outside", 4096 + 8, 8, BASE_VA + 16384 - 8, ERR_ELF_FORMAT},
        {"table size", 4096 + 24, 8, 25, ERR_ELF_FORMAT},
        {"table size wraps", 4096 + 24, 8, (~(u64)0 / 24) * 24, ERR_ELF_FORMAT},
        {"entry size", 4096 + 40, 8, 16, ERR_ELF_FORMAT},
        {"another table", 4096 + 32, 8, 18, ERR_ELF_FORMAT},
        {"none", 4096 + 128 + 8, 4, 0, ERR_OK},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        u8 *file = make_image();
        struct elf_image image = {};
        put(file + cases[i].at, cases[i].value, cases[i].bytes);
        assert_int_equal(read_image(file, &image, nullptr), ERR_OK);
        u8 *loaded = load(file, &image);
        const char *why = nullptr;
        err_t err = elf_relocate(&image, loaded, image.va_high - image.va_low, 0, &why);
        if (err != cases[i].err) {
            fail_msg("not seen: %s", cases[i].name);
        }
        free(loaded);
        free(file);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_good_image),
        cmocka_unit_test(test_refuses_damage),
        cmocka_unit_test(test_short_files),
        cmocka_unit_test(test_relocates),
        cmocka_unit_test(test_refuses_bad_relocations),
    };
    return cmocka_run_group_tests_name("elf", tests, nullptr, nullptr);
}
