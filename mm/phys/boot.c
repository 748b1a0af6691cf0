// SPDX-License-Identifier: MIT
// From the boot map to the allocator. The array of struct page covers every frame up to the end of
// RAM and lies at the end of the highest usable range that can hold it, so that memory below 4 GiB
// stays for devices. The first MiB is never handed out (firmware data, start code of other CPUs).
#include "phys_impl.h"
#include <abi/boot.h>
#include <kernel/base/log.h>
#include <kernel/base/panic.h>
#include <lib/mem.h>

constexpr u64 LOW_BYTES = MIB(1);
constexpr u64 ENTRY_PRESENT = 1, ENTRY_LARGE = 1 << 7, ENTRY_ADDRESS = 0x000ffffffffff000;

static bool kind_is_ram(enum boot_memory_kind kind) {
    return kind == BOOT_MEM_USABLE || kind == BOOT_MEM_LOADER || kind == BOOT_MEM_KERNEL;
}

// Whole pages of an entry above the first MiB: [*first, *end) in frames.
static bool frames_of(const struct boot_memory *m, u64 *first, u64 *end) {
    u64 start = MAX(m->start, LOW_BYTES);
    u64 stop = m->start + m->bytes;
    *first = (start + PAGE_MASK) >> PAGE_SHIFT;
    *end = stop >> PAGE_SHIFT;
    return *first < *end;
}

static void set_flag(u64 frame, u8 flag) {
    if (frame < page_array_count) {
        __c11_atomic_fetch_or(&page_array[frame].flags, flag, __ATOMIC_RELAXED);
    }
}

// The loader's page tables stay in use: marks the table and those below it. Depth is at most 4.
static void mark_tables(u64 table_pa, u32 level) {
    set_flag(table_pa >> PAGE_SHIFT, PAGE_RESERVED);
    if (level == 1) {
        return;
    }
    const u64 *entries = pa_to_ptr((struct pa){table_pa});
    for (u32 i = 0; i < 512; i++) {
        u64 e = entries[i];
        if ((e & ENTRY_PRESENT) != 0 && (level == 4 || (e & ENTRY_LARGE) == 0)) {
            mark_tables(e & ENTRY_ADDRESS, level - 1);
        }
    }
}

static void mark_range(u64 start, u64 bytes) {
    for (u64 f = start >> PAGE_SHIFT; f < (start + bytes + PAGE_MASK) >> PAGE_SHIFT; f++) {
        set_flag(f, PAGE_RESERVED);
    }
}

void phys_init(const struct boot_info *boot) {
    u64 frames = 0, ram_pages = 0, first, end;
    for (u32 i = 0; i < boot->memory_count; i++) {
        if (kind_is_ram(boot->memory[i].kind) && frames_of(&boot->memory[i], &first, &end)) {
            frames = MAX(frames, end);
            ram_pages += end - first;
        }
    }
    u64 array_pages = bytes_to_pages(frames * sizeof(struct page));
    u64 array_first = 0;
    for (u32 i = 0; i < boot->memory_count; i++) {
        if (boot->memory[i].kind == BOOT_MEM_USABLE && frames_of(&boot->memory[i], &first, &end) &&
            end - first >= array_pages) {
            array_first = end - array_pages;
        }
    }
    if (array_first == 0) {
        panic("no memory range holds the page array frames=%llu", (unsigned long long)frames);
    }
    page_array = pa_to_ptr((struct pa){array_first << PAGE_SHIFT});
    page_array_count = frames;
    memset(page_array, 0, frames * sizeof(struct page));
    phys_set_limits(ram_pages);
    for (u32 i = 0; i < boot->memory_count; i++) {
        if (boot->memory[i].kind != BOOT_MEM_USABLE || !frames_of(&boot->memory[i], &first, &end)) {
            continue;
        }
        if (array_first >= first && array_first < end) {
            end = array_first;
        }
        phys_add_frames(first, end);
    }
    log(MM, INFO, "memory ram_mib=%llu page_array_kib=%llu", (unsigned long long)(ram_pages >> 8),
        (unsigned long long)(array_pages << 2));
}

// Frees the frames of [first, end) that carry no mark, in runs.
static void free_unmarked(u64 first, u64 end) {
    u64 run = first;
    for (u64 f = first; f <= end; f++) {
        bool marked = f == end || (__c11_atomic_load(&page_array[f].flags, __ATOMIC_RELAXED) &
                                   PAGE_RESERVED) != 0;
        if (marked) {
            phys_add_frames(run, f);
            run = f + 1;
        }
    }
}

void phys_free_boot(const struct boot_info *boot) {
    mark_tables(boot->page_tables_pa, 4);
    mark_range(boot->stack_pa, BOOT_STACK_BYTES);
    mark_range(ptr_to_pa(boot).v, sizeof(*boot));
    for (u32 i = 0; i < boot->module_count; i++) {
        mark_range(boot->modules[i].start, boot->modules[i].bytes);
    }
    for (u32 i = 0; i < boot->memory_count; i++) {
        u64 first, end;
        if (boot->memory[i].kind == BOOT_MEM_LOADER && frames_of(&boot->memory[i], &first, &end)) {
            free_unmarked(first, end);
        }
    }
}

void phys_free_range(struct pa start, u64 bytes) {
    u64 first = MAX((start.v + PAGE_MASK) >> PAGE_SHIFT, LOW_BYTES >> PAGE_SHIFT);
    u64 end = MIN((start.v + bytes) >> PAGE_SHIFT, page_array_count);
    if (first >= end) {
        return;
    }
    for (u64 f = first; f < end; f++) {
        __c11_atomic_store(&page_array[f].flags, 0, __ATOMIC_RELAXED);
    }
    phys_add_frames(first, end);
}
