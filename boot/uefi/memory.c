// SPDX-License-Identifier: MIT
// Memory of the loader and the memory map for the kernel. Everything we allocate is
// EFI_MEM_LOADER_DATA, which the kernel sees as BOOT_MEM_LOADER; boot services' memory and our own
// code are free once we are gone.
#include <boot/uefi/loader.h>
#include <lib/mem.h>

constexpr u64 MAP_PAGES = 16; // 64 KiB: some 1300 descriptors
constexpr u64 BELOW_4G = GIB(4) - 1;

static u8 *map;
static u64 map_bytes, descriptor_bytes;

bool memory_allocate(u64 pages, const char *what, u64 *pa_out) {
    u64 pa = BELOW_4G;
    efi_status status =
        efi->boot->allocate_pages(EFI_ALLOCATE_MAX, EFI_MEM_LOADER_DATA, pages, &pa);
    if (status != EFI_OK) {
        return fail("not enough memory for %s: %llu KiB are needed in one piece below 4 GiB (%s)",
                    what, pages * 4, efi_status_text(status));
    }
    memset((void *)(uintptr_t)pa, 0, pages * PAGE_SIZE);
    *pa_out = pa;
    return true;
}

bool memory_get_map(u64 *key_out) {
    u32 version = 0;
    u64 pa = 0;
    if (!map) {
        if (!memory_allocate(MAP_PAGES, "the memory map", &pa)) {
            return false;
        }
        map = (u8 *)(uintptr_t)pa;
    }
    map_bytes = MAP_PAGES * PAGE_SIZE;
    efi_status status =
        efi->boot->get_memory_map(&map_bytes, map, key_out, &descriptor_bytes, &version);
    if (status != EFI_OK) {
        map_bytes = 0;
    }
    return status == EFI_OK;
}

static struct efi_memory_descriptor *descriptor(u64 idx) {
    return (struct efi_memory_descriptor *)(void *)(map + idx * descriptor_bytes);
}

static u64 descriptor_count(void) { return map_bytes == 0 ? 0 : map_bytes / descriptor_bytes; }

bool memory_allocate_kernel(u64 bytes, u64 *pa_out) {
    u64 key = 0;
    u64 pages = bytes_to_pages(bytes);
    if (!memory_get_map(&key)) {
        return fail("the firmware does not give its memory map");
    }
    for (u64 i = 0; i < descriptor_count(); i++) {
        const struct efi_memory_descriptor *d = descriptor(i);
        u64 end = MIN(d->physical_start + d->pages * PAGE_SIZE, GIB(4));
        u64 pa = ALIGN_UP(MAX(d->physical_start, MIB(2)), MIB(2));
        if (d->type != EFI_MEM_CONVENTIONAL || pa >= end || end - pa < pages * PAGE_SIZE) {
            continue;
        }
        if (efi->boot->allocate_pages(EFI_ALLOCATE_AT, EFI_MEM_LOADER_DATA, pages, &pa) == EFI_OK) {
            memset((void *)(uintptr_t)pa, 0, pages * PAGE_SIZE);
            *pa_out = pa;
            return true;
        }
    }
    return fail("not enough memory for the kernel: %llu KiB are needed in one piece below 4 GiB",
                pages * 4);
}

static enum boot_memory_kind kind_of(const struct efi_memory_descriptor *d) {
    switch (d->type) {
    case EFI_MEM_LOADER_DATA:
        return BOOT_MEM_LOADER;
    case EFI_MEM_LOADER_CODE:
    case EFI_MEM_BOOT_CODE:
    case EFI_MEM_BOOT_DATA:
    case EFI_MEM_CONVENTIONAL:
        return BOOT_MEM_USABLE;
    case EFI_MEM_RUNTIME_CODE:
    case EFI_MEM_RUNTIME_DATA:
        return BOOT_MEM_RUNTIME;
    case EFI_MEM_ACPI:
        return BOOT_MEM_ACPI;
    case EFI_MEM_ACPI_NVS:
        return BOOT_MEM_NVS;
    case EFI_MEM_UNUSABLE:
        return BOOT_MEM_BAD;
    case EFI_MEM_MMIO:
    case EFI_MEM_MMIO_PORTS:
        return BOOT_MEM_MMIO;
    default:
        return BOOT_MEM_RESERVED;
    }
}

static bool is_ram(enum boot_memory_kind kind) {
    return kind != BOOT_MEM_RESERVED && kind != BOOT_MEM_MMIO && kind != BOOT_MEM_BAD;
}

u64 memory_ram_end(void) {
    u64 end = 0;
    for (u64 i = 0; i < descriptor_count(); i++) {
        const struct efi_memory_descriptor *d = descriptor(i);
        if (is_ram(kind_of(d))) {
            end = MAX(end, d->physical_start + d->pages * PAGE_SIZE);
        }
    }
    return end;
}

// The specification promises no order.
static void sort_map(void) {
    for (u64 i = 1; i < descriptor_count(); i++) {
        for (u64 k = i; k > 0; k--) {
            struct efi_memory_descriptor *a = descriptor(k - 1), *b = descriptor(k);
            if (a->physical_start <= b->physical_start) {
                break;
            }
            struct efi_memory_descriptor kept = *a;
            *a = *b;
            *b = kept;
        }
    }
}

static bool add_range(struct boot_info *info, u64 start, u64 end, enum boot_memory_kind kind) {
    struct boot_memory *last =
        info->memory_count == 0 ? nullptr : &info->memory[info->memory_count - 1];
    if (last) {
        start = MAX(start, last->start + last->bytes); // a broken firmware's overlap
    }
    if (start >= end) {
        return true;
    }
    if (last && last->kind == kind && last->start + last->bytes == start) {
        last->bytes += end - start;
        return true;
    }
    if (info->memory_count == BOOT_MAX_MEMORY) {
        return false;
    }
    info->memory[info->memory_count++] =
        (struct boot_memory){.start = start, .bytes = end - start, .kind = kind};
    return true;
}

bool memory_describe(struct boot_info *info) {
    u64 kernel_end = info->kernel_pa + info->kernel_bytes;
    bool fits = true;
    sort_map();
    info->memory_count = 0;
    for (u64 i = 0; i < descriptor_count() && fits; i++) {
        const struct efi_memory_descriptor *d = descriptor(i);
        u64 start = d->physical_start, end = start + d->pages * PAGE_SIZE;
        enum boot_memory_kind kind = kind_of(d);
        if (start <= info->kernel_pa && kernel_end <= end) {
            fits = add_range(info, start, info->kernel_pa, kind) &&
                   add_range(info, info->kernel_pa, kernel_end, BOOT_MEM_KERNEL) &&
                   add_range(info, kernel_end, end, kind);
        } else {
            fits = add_range(info, start, end, kind);
        }
    }
    return fits;
}
