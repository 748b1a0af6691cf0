// SPDX-License-Identifier: MIT
// Memory for the address sanitizer's shadow (kernel/base/kasan.h). Early in the boot everything
// that will be checked gets its shadow: the direct map of RAM and the kernel image at once, virtual
// ranges as they are mapped.
#include <abi/boot.h>
#include <kernel/base/kasan.h>
#include <kernel/base/panic.h>
#include <lib/mem.h>
#include <mm/phys/page.h>

constexpr u64 PRESENT_WRITE = 3;

static u64 image_pa, image_bytes; // the early tables and their page lie inside the image

static bool is_early(u64 entry) { return (entry & MMU_ENTRY_ADDRESS) - image_pa < image_bytes; }

// Makes the page or table behind *e our own; a table keeps what it leads to. Pages start with "all
// may be used".
static err_t own(u64 *e, bool is_table) {
    u64 old = *e;
    if ((old & MMU_ENTRY_PRESENT) != 0 && !is_early(old)) {
        return ERR_OK;
    }
    struct page *p;
    TRY(page_alloc(0, PAGE_ZERO | PAGE_ATOMIC, &p));
    if (is_table && (old & MMU_ENTRY_PRESENT) != 0) {
        memcpy(page_ptr(p), pa_to_ptr(mmu_entry_pa(old)), PAGE_SIZE);
    }
    *e = page_pa(p).v | PRESENT_WRITE | (is_table ? 0 : MMU_ENTRY_NOEXEC);
    return ERR_OK;
}

static err_t own_path(u64 va) {
    u64 *table = pa_to_ptr((struct pa){mmu_kernel_space.root_pa});
    for (u32 shift = 39; shift >= PAGE_SHIFT; shift -= 9) {
        u64 *e = &table[(va >> shift) & 511];
        TRY(own(e, shift != PAGE_SHIFT));
        table = pa_to_ptr(mmu_entry_pa(*e));
    }
    return ERR_OK;
}

err_t kasan_back_range_slow(u64 va, u64 bytes) {
    u64 first = ALIGN_DOWN((u64)kasan_shadow_of(va), PAGE_SIZE);
    u64 end = ALIGN_UP((u64)kasan_shadow_of(va + bytes - 1) + 1, PAGE_SIZE);
    for (u64 at = first; at < end; at += PAGE_SIZE) {
        TRY(own_path(at));
    }
    mmu_flush(&mmu_kernel_space, first, (end - first) >> PAGE_SHIFT);
    if (va >= KERNEL_VMAP_VA && va < KERNEL_VMAP_VA + KERNEL_VMAP_BYTES) {
        kasan_extend_vmap(va + bytes);
    }
    return ERR_OK;
}

// Every top entry that will matter is replaced now: later spaces copy them.
static err_t back_all(const struct kasan_ranges *r) {
    constexpr u64 top_bytes =
        (u64)1 << 39 << KASAN_SHADOW_SHIFT; // what one top entry of shadow tells about
    for (u64 va = KERNEL_VMAP_VA; va < KERNEL_VMAP_VA + KERNEL_VMAP_BYTES; va += top_bytes) {
        TRY(own_path((u64)kasan_shadow_of(va)));
    }
    TRY(kasan_back_range_slow(mmu_direct_map_base, r->direct_map_bytes));
    return kasan_back_range_slow(r->image_va, r->image_bytes);
}

void kasan_init_slow(const struct boot_info *boot) {
    struct kasan_ranges r = {.direct_map_bytes = page_array_count << PAGE_SHIFT,
                             .image_va = BOOT_KERNEL_LINK_VA + boot->kernel_slide,
                             .image_bytes = boot->kernel_bytes};
    image_pa = boot->kernel_pa;
    image_bytes = boot->kernel_bytes;
    if (back_all(&r) != ERR_OK) {
        panic("no memory for the address sanitizer's shadow");
    }
    kasan_enable(&r);
}
