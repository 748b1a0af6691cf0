// SPDX-License-Identifier: MIT
// Who uses which word of cpu_local.words.
#pragma once
#include <arch/x86_64/cpu.h>

enum percpu_word : u32 { PERCPU_LOCKS_HELD = 0 }; // struct lock_held * of the running thread

static inline u64
percpu_read(enum percpu_word w) { // one instruction: cannot be torn by a migration
    u64 v;
    __asm__ volatile("movq %%gs:(%1), %0"
                     : "=r"(v)
                     : "r"(offsetof(struct cpu_local, words) + (u64)w * sizeof(u64)));
    return v;
}
