// SPDX-License-Identifier: MIT
// The only way to user memory. Each checks that the whole range lies in user space; page faults are served (these sleep).
#pragma once
#include <lib/types.h>

err_t copy_in(void *dst, struct uptr src, size_t bytes); // ERR_FAULT: dst may be partly written
err_t copy_out(struct uptr dst, const void *src,
               size_t bytes); // ERR_FAULT: user memory may be partly written
err_t copy_zero(struct uptr dst, size_t bytes);
// Reads a NUL-terminated string. Errors: ERR_FAULT, ERR_NAMETOOLONG when it does not fit. *len without NUL.
err_t copy_in_string(char *dst, size_t capacity, struct uptr src, size_t *len);
// Like the first two but tell how much was done (read(2)/write(2) return short counts).
size_t copy_in_partial(void *dst, struct uptr src, size_t bytes);
size_t copy_out_partial(struct uptr dst, const void *src, size_t bytes);
// Another process's memory, page by page through its space (/proc/N/mem, cmdline). ERR_FAULT.
struct vm_space;
err_t copy_in_foreign(struct vm_space *s, void *dst, u64 va, size_t bytes);
// An aligned 32-bit user word: atomic read, and compare-exchange; ERR_FAULT. For futexes.
err_t copy_in_u32(struct uptr src, u32 *out);
err_t user_cmpxchg_u32(struct uptr addr, u32 expected, u32 desired, u32 *seen);
static inline struct uptr uptr_add(struct uptr p, u64 bytes) { return (struct uptr){p.va + bytes}; }
