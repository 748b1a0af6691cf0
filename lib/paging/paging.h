// SPDX-License-Identifier: MIT
// Builds x86-64 page tables before the kernel's memory manager exists: loader, PVH stub and SMP
// start. Pure: tables come from a hook, and physical addresses are reached through an offset, so
// that host tests can run it on an array. Source: Intel SDM 3A section 4.5 (4-level paging).
#pragma once
#include <lib/types.h>

constexpr u64 PAGING_WRITE = (u64)1 << 1;
constexpr u64 PAGING_USER = (u64)1 << 2;
constexpr u64 PAGING_NOCACHE = ((u64)1 << 4) | ((u64)1 << 3); // PCD | PWT
constexpr u64 PAGING_GLOBAL = (u64)1 << 8;
constexpr u64 PAGING_NOEXEC = (u64)1 << 63;

struct paging {
    u64 root_pa;
    u64 phys_offset; // add to a physical address to reach it (0 where memory is identity-mapped)
    bool gib_pages;  // CPUID.80000001H:EDX[26]
    err_t (*alloc_table)(void *arg, u64 *pa_out); // one zeroed 4 KiB page
    void *arg;
};

// Allocates the root. Errors: of alloc_table.
err_t paging_init(struct paging *p);

// Maps [va, va+bytes) to [pa, ...) with flags (PAGING_*); page-aligned; uses 1 GiB and 2 MiB pages
// where alignment allows. Errors: ERR_INVAL (alignment, wrap, non-canonical), ERR_EXIST (something
// is mapped there), of alloc_table.
err_t paging_map(struct paging *p, u64 va, u64 pa, u64 bytes, u64 flags);

// What maps va: physical address and flags. Errors: ERR_NOENT.
err_t paging_lookup(const struct paging *p, u64 va, u64 *pa_out, u64 *flags_out);
