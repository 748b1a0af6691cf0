// SPDX-License-Identifier: MIT
// Kernel heap: slabs for small sizes, pages above. Debug kernels poison freed memory and check red zones.
#pragma once
#include <lib/types.h>

void heap_init(void);
// Zeroed memory, at least 16-byte aligned (64 for sizes >= 64). ERR_NOMEM. Any context (never sleeps).
err_t heap_alloc(size_t bytes, void **out);
void heap_free_raw(void *p); // null is fine
// Frees and nulls: heap_free(&p).
#define heap_free(pp)                                                                              \
    do {                                                                                           \
        heap_free_raw(*(pp));                                                                      \
        *(pp) = nullptr;                                                                           \
    } while (0)
// heap_new(&p): zeroed object of *p's type.
#define heap_new(pp)          heap_alloc(sizeof(**(pp)), (void **)(pp))
#define heap_new_array(pp, n) heap_alloc_array((n), sizeof(**(pp)), (void **)(pp))
err_t heap_alloc_array(size_t count, size_t bytes, void **out); // ERR_NOMEM on overflow too
struct heap_stats {
    u64 used_bytes, slab_pages, large_pages, allocations;
};
void heap_stats(struct heap_stats *out);
void heap_fail_after(u64 n); // debug: the n-th allocation from now fails (fail_alloc=N); 0 off
