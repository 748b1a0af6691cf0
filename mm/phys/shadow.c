// SPDX-License-Identifier: MIT
// Memory for the address sanitizer's shadow (kernel/base/kasan.h). Early in the boot everything
// that will be checked gets its shadow: the direct map of RAM and the kernel image at once, virtual
// ranges as they are mapped.
#include <abi/boot.h>
#include <kernel/base/kasan.h>
#include <kernel/base/panic.h>
#include <mm/phys/page.h>

err_t kasan_back_range_slow(u64 va, u64 bytes) {
    u64 first = ALIGN_DOWN((u64)kasan_shadow_of(va), PAGE_SIZE);
    u64 end = ALIGN_UP((u64)kasan_shadow_of(va + bytes), PAGE_SIZE);
    for (u64 at = first; at < end; at += PAGE_SIZE) {
        if (mmu_query(&mmu_kernel_space, at, nullptr, nullptr)) {
            continue; // one page of shadow serves 32 KiB
        }
        struct page *p;
        TRY(page_alloc(0, PAGE_ZERO | PAGE_ATOMIC, &p));
        TRY(mmu_map(&mmu_kernel_space, at, page_pa(p), MMU_READ | MMU_WRITE));
    }
    if (va >= KERNEL_VMAP_VA && va < KERNEL_VMAP_VA + KERNEL_VMAP_BYTES) {
        kasan_extend_vmap(va + bytes);
    }
    return ERR_OK;
}

static err_t back_all(const struct kasan_ranges *r) {
    u64 vmap_shadow = KERNEL_VMAP_BYTES >> KASAN_SHADOW_SHIFT;
    TRY(mmu_prefill((u64)kasan_shadow_of(mmu_direct_map_base),
                    (r->direct_map_bytes >> KASAN_SHADOW_SHIFT) + GIB(512)));
    TRY(mmu_prefill((u64)kasan_shadow_of(KERNEL_VMAP_VA), vmap_shadow + GIB(512)));
    TRY(mmu_prefill((u64)kasan_shadow_of(r->image_va), 1));
    TRY(kasan_back_range_slow(mmu_direct_map_base, r->direct_map_bytes));
    return kasan_back_range_slow(r->image_va, r->image_bytes);
}

void kasan_init_slow(const struct boot_info *boot) {
    struct kasan_ranges r = {.direct_map_bytes = page_array_count << PAGE_SHIFT,
                             .image_va = BOOT_KERNEL_LINK_VA + boot->kernel_slide,
                             .image_bytes = boot->kernel_bytes};
    if (back_all(&r) != ERR_OK) {
        panic("no memory for the address sanitizer's shadow");
    }
    kasan_enable(&r);
}
