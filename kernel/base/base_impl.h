// SPDX-License-Identifier: MIT
// Shared inside kernel/base only.
#pragma once
#include <lib/types.h>

// ---- from kernel.ld and tools/symtab.py
struct symtab_entry {
    u32 offset, name_at;
};
extern const u8 kernel_image_start[], kernel_text_end[], kernel_build_id_note[];
extern const u64 kernel_symtab_count[];
extern const struct symtab_entry kernel_symtab[];
extern const char kernel_symtab_names[];

void build_id_print(char *buf, size_t capacity);
void log_break_lock(void); // panic, other CPUs stopped: whoever was writing a line never ends it
