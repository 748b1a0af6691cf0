// SPDX-License-Identifier: MIT
// Loader -> kernel handover. Filled by boot/uefi or by the PVH stub; the rest of the kernel never
// knows which.
//
// State at the kernel's entry point `kernel_entry(struct boot_info *)` (System V call, RDI =
// direct-map address):
//   long mode, interrupts off, paging on with NX and WP, CR3 = the tables described by
//   `page_tables_pa`:
//     - the kernel image at its linked address + kernel_slide, each segment with its own rights
//     (W^X);
//     - all RAM and everything below 4 GiB at direct_map_base, read-write, no-execute;
//     - one identity page (read-execute) around the jump, which the kernel unmaps;
//   a stack of BOOT_STACK_BYTES inside the direct map; no other state is promised (own GDT, IDT
//   follow at once).
// All addresses inside the structure are physical unless named _va. Everything the loader
// allocated, this structure included, lies in BOOT_MEM_LOADER ranges: free to reclaim once the
// kernel has read it (modules: once consumed).
#pragma once
#include <lib/types.h>

constexpr u64 BOOT_MAGIC = 0x544f4f424e524f48; // "HORNBOOT"
constexpr u32 BOOT_VERSION = 1;
constexpr u32 BOOT_MAX_MEMORY = 256;
constexpr u32 BOOT_MAX_MODULES = 8;
constexpr u32 BOOT_CMDLINE_BYTES = 2048;
constexpr u64 BOOT_STACK_BYTES = 32 * 1024;

constexpr u64 BOOT_KERNEL_LINK_VA =
    0xffffffff80000000; // the kernel is linked here; the slide is added
constexpr u64 BOOT_KERNEL_WINDOW_BYTES = (u64)1
                                         << 30; // image + slide stay below link address + 1 GiB
constexpr u64 BOOT_DIRECT_MAP_VA =
    0xffff800000000000; // lowest direct_map_base; slides up in steps of 1 GiB

enum boot_memory_kind : u32 {
    BOOT_MEM_USABLE = 1,   // free RAM
    BOOT_MEM_RESERVED = 2, // never touched
    BOOT_MEM_ACPI = 3,     // ACPI tables: RAM after they were read
    BOOT_MEM_NVS = 4,      // ACPI NVS: never touched
    BOOT_MEM_MMIO = 5,
    BOOT_MEM_BAD = 6,
    BOOT_MEM_KERNEL = 7,  // the kernel image
    BOOT_MEM_LOADER = 8,  // page tables, this structure, stack, modules
    BOOT_MEM_RUNTIME = 9, // UEFI runtime services
};

struct boot_memory { // sorted by start, page-aligned, not overlapping
    u64 start;
    u64 bytes;
    enum boot_memory_kind kind;
    u32 reserved;
};

struct boot_module { // a file handed over by the loader: "add.tar", a driver, ...
    u64 start;
    u64 bytes;
    char name[48]; // NUL-terminated
};

enum boot_pixel_format : u32 { BOOT_PIXEL_NONE = 0, BOOT_PIXEL_BGRX = 1, BOOT_PIXEL_RGBX = 2 };

struct boot_framebuffer {
    u64 start;
    u64 bytes;
    u32 width, height;
    u32 pitch_bytes;
    enum boot_pixel_format format; // BOOT_PIXEL_NONE: there is none
};

enum boot_entry_kind : u32 { BOOT_ENTRY_UEFI = 1, BOOT_ENTRY_PVH = 2 };

struct boot_info {
    u64 magic;
    u32 version;
    u32 bytes; // sizeof this structure as the loader knew it
    enum boot_entry_kind entry;
    u32 memory_count;
    u32 module_count;
    u32 reserved0;
    u64 kernel_pa; // where the image's first byte lies; it is physically contiguous
    u64 kernel_bytes;
    u64 kernel_slide;      // added to the link address, 2 MiB-aligned
    u64 direct_map_base;   // virtual address of physical 0
    u64 direct_map_bytes;  // how far the loader mapped
    u64 page_tables_pa;    // CR3
    u64 stack_pa;          // lowest address of the boot stack
    u64 rsdp;              // 0: none found
    u64 smbios;            // 0: none found
    u64 uefi_system_table; // 0: not started by UEFI
    u64 tsc_at_entry;      // TSC when the loader or stub began
    u8 entropy[64]; // from EFI_RNG_PROTOCOL, RDSEED/RDRAND, TSC jitter; mixed, never the only
                    // source
    struct boot_framebuffer framebuffer;
    char cmdline[BOOT_CMDLINE_BYTES]; // UTF-8, NUL-terminated
    struct boot_module modules[BOOT_MAX_MODULES];
    struct boot_memory memory[BOOT_MAX_MEMORY];
};
