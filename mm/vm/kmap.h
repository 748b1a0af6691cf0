// SPDX-License-Identifier: MIT
// Kernel virtual ranges outside the direct map: stacks with guard pages, device windows.
#pragma once
#include <lib/types.h>

void kmap_init(void);
// Guard page, then `bytes` of memory (what a former stack left in it). The kernel/sched layer gets its stacks through
// thread_stack_alloc, which kmap_init sets. kmap_stack sleeps; kmap_stack_free runs in any context.
err_t kmap_stack(size_t bytes, void **out);
void kmap_stack_free(void *stack, size_t bytes);
err_t kmap_device(struct pa pa, size_t bytes, bool write_combine,
                  void **out); // uncached; unaligned pa allowed
void kmap_device_free(void *va, size_t bytes);
