// SPDX-License-Identifier: MIT
// Four levels of 512 entries: level 4 is the root, level 1 holds 4 KiB pages. An entry of level 3
// or 2 may itself be a page of 1 GiB or 2 MiB (bit 7). A range is mapped greedily: at each address
// the largest page that alignment and length allow, and that does not run into a table that is
// already there. Rights are decided by the leaf alone: tables above it allow writing, and user
// access once any leaf below needs it.
#include <lib/paging/paging.h>

constexpr u64 PRESENT = 1;
constexpr u64 LARGE = (u64)1 << 7;
constexpr u64 ADDRESS_MASK = 0x000ffffffffff000;
constexpr u64 FLAGS_MASK =
    PAGING_WRITE | PAGING_USER | PAGING_NOCACHE | PAGING_GLOBAL | PAGING_NOEXEC;
constexpr u32 TOP_LEVEL = 4;

static u64 level_bytes(u32 level) { return (u64)1 << (PAGE_SHIFT + 9 * (level - 1)); }

static u64 *table_at(const struct paging *p, u64 pa) {
    return (u64 *)(uintptr_t)(pa + p->phys_offset);
}

static u64 *entry_of(const struct paging *p, u64 table_pa, u64 va, u32 level) {
    return &table_at(p, table_pa)[(va / level_bytes(level)) % 512];
}

static bool canonical(u64 va) { return va < (u64)1 << 47 || va >= ~(u64)0 << 47; }

err_t paging_init(struct paging *p) { return p->alloc_table(p->arg, &p->root_pa); }

static bool level_fits(const struct paging *p, u32 level, u64 va, u64 pa, u64 bytes) {
    if (level > 3 || (level == 3 && !p->gib_pages)) {
        return false;
    }
    return ((va | pa) & (level_bytes(level) - 1)) == 0 && bytes >= level_bytes(level);
}

// Maps one page at va, as large as `bytes` and the tables that exist allow; tells its size.
static err_t map_one(struct paging *p, u64 va, u64 pa, u64 bytes, u64 flags, u64 *mapped_out) {
    u64 table_pa = p->root_pa;
    for (u32 level = TOP_LEVEL;; level--) {
        u64 *entry = entry_of(p, table_pa, va, level);
        bool is_page = (*entry & PRESENT) != 0 && (level == 1 || (*entry & LARGE) != 0);
        if (is_page) {
            return ERR_EXIST;
        }
        if ((*entry & PRESENT) == 0 && level_fits(p, level, va, pa, bytes)) {
            *entry = pa | flags | PRESENT | (level > 1 ? LARGE : 0);
            *mapped_out = level_bytes(level);
            return ERR_OK;
        }
        if ((*entry & PRESENT) == 0) {
            u64 below_pa = 0;
            TRY(p->alloc_table(p->arg, &below_pa));
            *entry = below_pa | PRESENT | PAGING_WRITE;
        }
        *entry |= flags & PAGING_USER;
        table_pa = *entry & ADDRESS_MASK;
    }
}

err_t paging_map(struct paging *p, u64 va, u64 pa, u64 bytes, u64 flags) {
    u64 va_last = 0, pa_last = 0;
    if (((va | pa | bytes) & PAGE_MASK) != 0 || (flags & ~FLAGS_MASK) != 0 || bytes == 0) {
        return ERR_INVAL;
    }
    if (__builtin_add_overflow(va, bytes - 1, &va_last) ||
        __builtin_add_overflow(pa, bytes - 1, &pa_last) || pa_last > (ADDRESS_MASK | PAGE_MASK)) {
        return ERR_INVAL;
    }
    if (!canonical(va) || !canonical(va_last) || va >> 63 != va_last >> 63) {
        return ERR_INVAL;
    }
    for (u64 done = 0, mapped = 0; done < bytes; done += mapped) {
        TRY(map_one(p, va + done, pa + done, bytes - done, flags, &mapped));
    }
    return ERR_OK;
}

err_t paging_lookup(const struct paging *p, u64 va, u64 *pa_out, u64 *flags_out) {
    u64 table_pa = p->root_pa;
    if (!canonical(va)) {
        return ERR_NOENT;
    }
    for (u32 level = TOP_LEVEL; level >= 1; level--) {
        u64 entry = *entry_of(p, table_pa, va, level);
        if ((entry & PRESENT) == 0) {
            return ERR_NOENT;
        }
        if (level == 1 || (entry & LARGE) != 0) {
            u64 offset_mask = level_bytes(level) - 1;
            *pa_out = (entry & ADDRESS_MASK & ~offset_mask) | (va & offset_mask);
            *flags_out = entry & FLAGS_MASK;
            return ERR_OK;
        }
        table_pa = entry & ADDRESS_MASK;
    }
    return ERR_NOENT;
}
