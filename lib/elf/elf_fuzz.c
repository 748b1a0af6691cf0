// SPDX-License-Identifier: MIT
// Any bytes as an ELF file: reading, loading into memory and relocating must stay inside the
// buffers.
#include <lib/elf/elf.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes);

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes) {
    struct elf_image image = {};
    const char *why = nullptr;
    if (elf_read(data, MIN(bytes, ELF_HEAD_BYTES), bytes, &image, &why) != ERR_OK) {
        if (!why) {
            abort();
        }
        return 0;
    }
    u64 span = image.va_high - image.va_low;
    if (span > MIB(1)) {
        return 0;
    }
    u8 *loaded = calloc(1, span);
    for (u16 i = 0; i < image.segment_count; i++) {
        const struct elf_segment *s = &image.segments[i];
        if (s->type == ELF_LOAD && s->file_bytes > 0) {
            memcpy(loaded + (s->va - image.va_low), data + s->offset, s->file_bytes);
        }
    }
    if (elf_relocate(&image, loaded, span, 0x200000, &why) != ERR_OK && !why) {
        abort();
    }
    free(loaded);
    return 0;
}
