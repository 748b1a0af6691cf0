// SPDX-License-Identifier: MIT
// Names of text addresses, from the table that tools/symtab.py put into the image (format there).
#include "base_impl.h"
#include <kernel/base/panic.h>
#include <lib/text.h>

void symbol_print(u64 address, char *buf, size_t capacity) {
    u64 start = (u64)kernel_image_start;
    u64 count = kernel_symtab_count[0];
    if (address < start || address >= (u64)kernel_text_end || count == 0) {
        (void)text_format(buf, capacity, address == 0 ? "?" : "0x%lx", address);
        return;
    }
    u32 offset = (u32)(address - start);
    u64 low = 0, high = count; // the answer's index lies in [low, high)
    while (high - low > 1) {
        u64 middle = low + (high - low) / 2;
        if (kernel_symtab[middle].offset <= offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    const struct symtab_entry *e = &kernel_symtab[low];
    (void)text_format(buf, capacity, "%s+0x%x", &kernel_symtab_names[e->name_at],
                      offset - e->offset);
}

static u32 word_at(const u8 *p) {
    return (u32)p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24;
}

void build_id_print(char *buf, size_t capacity) {
    const u8 *note = kernel_build_id_note; // name length, bytes, type, "GNU\0", bytes
    struct text t;
    text_init(&t, buf, capacity);
    for (u32 i = 0; i < MIN(word_at(note + 4), 20u); i++) {
        text_printf(&t, "%02x", note[16 + i]);
    }
}
