// SPDX-License-Identifier: MIT
// The checked way to user memory. The range is checked here; a page that is not there faults inside
// usercopy_*, is served like any other fault, and only when that fails does the copy end early.
#include "vm_impl.h"
#include <lib/mem.h>
#include <mm/vm/copy.h>

constexpr size_t STRING_CHUNK = 64;

static inline bool user_range(struct uptr p, size_t bytes) {
    return p.va < USER_VA_END && bytes <= USER_VA_END - p.va;
}

err_t copy_in(void *dst, struct uptr src, size_t bytes) {
    return likely(user_range(src, bytes)) && usercopy_in(dst, src.va, bytes) == 0 ? ERR_OK
           : bytes == 0                                                           ? ERR_OK
                                                                                  : ERR_FAULT;
}

err_t copy_out(struct uptr dst, const void *src, size_t bytes) {
    return likely(user_range(dst, bytes)) && usercopy_out(dst.va, src, bytes) == 0 ? ERR_OK
           : bytes == 0                                                            ? ERR_OK
                                                                                   : ERR_FAULT;
}

err_t copy_zero(struct uptr dst, size_t bytes) {
    return user_range(dst, bytes) && usercopy_zero(dst.va, bytes) == 0 ? ERR_OK : ERR_FAULT;
}

// Partial copies also stop at the end of user space.
static size_t clipped(struct uptr p, size_t bytes) {
    return p.va >= USER_VA_END ? 0 : MIN(bytes, USER_VA_END - p.va);
}

size_t copy_in_partial(void *dst, struct uptr src, size_t bytes) {
    size_t n = clipped(src, bytes);
    return n == 0 ? 0 : n - usercopy_in(dst, src.va, n);
}

size_t copy_out_partial(struct uptr dst, const void *src, size_t bytes) {
    size_t n = clipped(dst, bytes);
    return n == 0 ? 0 : n - usercopy_out(dst.va, src, n);
}

err_t copy_in_string(char *dst, size_t capacity, struct uptr src, size_t *len) {
    size_t at = 0;
    while (at < capacity) {
        u64 va = src.va + at;
        // Chunks end at multiples of their size: none reads past a page that holds the end of the
        // string.
        size_t n = MIN(STRING_CHUNK - va % STRING_CHUNK, capacity - at);
        if (va >= USER_VA_END || usercopy_in(dst + at, va, n) != 0) {
            return ERR_FAULT;
        }
        for (size_t i = 0; i < n; i++) {
            if (dst[at + i] == '\0') {
                *len = at + i;
                return ERR_OK;
            }
        }
        at += n;
    }
    return ERR_NAMETOOLONG;
}

err_t copy_in_u32(struct uptr src, u32 *out) {
    if (!user_range(src, sizeof(u32)) || (src.va & 3) != 0 || usercopy_load_u32(src.va, out) != 0) {
        return ERR_FAULT;
    }
    return ERR_OK;
}

err_t user_cmpxchg_u32(struct uptr addr, u32 expected, u32 desired, u32 *seen) {
    if (!user_range(addr, sizeof(u32)) || (addr.va & 3) != 0 ||
        usercopy_cmpxchg_u32(addr.va, expected, desired, seen) != 0) {
        return ERR_FAULT;
    }
    return ERR_OK;
}

// ---- another space -----------------------------------------------------------------------------
// The page at va, pinned; ERR_AGAIN: a fault must bring it first.
static err_t foreign_page(struct vm_space *s, u64 va, struct page **out) {
    GUARD(vm_space, s);
    struct vm_mapping *m = space_find(s, va);
    if (m == nullptr || m->start > va) {
        return ERR_FAULT;
    }
    struct mmu_entry *e = mmu_entry_at(&s->mmu, va, false);
    if (e == nullptr || mmu_entry_get(e) == 0) {
        return ERR_AGAIN;
    }
    if (m->object == nullptr) {
        *out = page_of_pa(mmu_entry_pa(mmu_entry_get(e)));
        page_get(*out);
        return ERR_OK;
    }
    GUARD(vm_object, m->object);
    u64 raw = mmu_entry_get(e);
    if (raw == 0) {
        return ERR_AGAIN;
    }
    *out = page_of_pa(mmu_entry_pa(raw));
    page_get(*out);
    return ERR_OK;
}

static err_t foreign_page_faulted(struct vm_space *s, u64 va, struct page **out) {
    for (u32 attempt = 0; attempt < 8; attempt++) {
        err_t err = foreign_page(s, va, out);
        if (err != ERR_AGAIN) {
            return err;
        }
        if (vm_fault(s, va, PF_USER) != VM_FAULT_OK) {
            return ERR_FAULT;
        }
    }
    return ERR_FAULT;
}

err_t copy_in_foreign(struct vm_space *s, void *dst, u64 va, size_t bytes) {
    if (!user_range((struct uptr){va}, bytes)) {
        return ERR_FAULT;
    }
    for (size_t done = 0; done < bytes;) {
        u64 at = (va + done) & PAGE_MASK;
        size_t n = MIN(bytes - done, PAGE_SIZE - at);
        struct page *p;
        TRY(foreign_page_faulted(s, va + done, &p));
        memcpy((u8 *)dst + done, (const u8 *)page_ptr(p) + at, n);
        page_put(p);
        done += n;
    }
    return ERR_OK;
}
