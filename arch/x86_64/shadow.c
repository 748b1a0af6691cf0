// SPDX-License-Identifier: MIT
// Address-sanitizer kernels only: functions with arrays on their stack write shadow bytes inline,
// from the first one on. So before any of them runs, the whole shadow range leads to one scratch
// page, through tables in which all entries are alike. kernel/base/kasan.c later gives ranges that
// are checked a shadow of their own. Built without sanitizers.
#include "arch_impl.h"

constexpr u64 SHADOW_FIRST_VA = 0xffffec0000000000; // of 0xffff800000000000
constexpr u64 SHADOW_END_VA = 0xfffffc0000000000;   // of the last address, and one
constexpr u64 PRESENT_WRITE = 3, NO_EXECUTE = (u64)1 << 63;
constexpr u32 PAGES = CONFIG_KASAN ? 4 : 1;

struct page {
    alignas(PAGE_SIZE) u64 words[512];
};
static struct page pages[PAGES]; // the scratch page, then a table of each level below the root

static u64 pa_of(const void *image_address) {
    return (u64)image_address - (u64)kernel_image_start + boot_facts.kernel_pa;
}

void shadow_init_early(void) {
    for (u32 level = 1; level < PAGES; level++) {
        u64 entry = pa_of(&pages[level - 1]) | PRESENT_WRITE | (level == 1 ? NO_EXECUTE : 0);
        for (u32 i = 0; i < 512; i++) {
            pages[level].words[i] = entry;
        }
    }
    u64 *root = (u64 *)(boot_facts.direct_map_base + boot_facts.root_pa);
    for (u64 va = SHADOW_FIRST_VA; va < SHADOW_END_VA; va += (u64)1 << 39) {
        root[va >> 39 & 511] = pa_of(&pages[PAGES - 1]) | PRESENT_WRITE;
    }
}
