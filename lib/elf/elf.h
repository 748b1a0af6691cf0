// SPDX-License-Identifier: MIT
// Reads ELF64 little-endian x86-64 images out of a byte range. Pure; never trusts a field.
// Source: System V gABI ch. 4-5, AMD64 psABI 1.0.
#pragma once
#include <lib/types.h>

enum elf_type : u16 { ELF_EXEC = 2, ELF_DYN = 3 };
enum elf_segment_type : u32 {
    ELF_LOAD = 1,
    ELF_DYNAMIC = 2,
    ELF_INTERP = 3,
    ELF_NOTE = 4,
    ELF_PHDR = 6,
    ELF_TLS = 7,
    ELF_GNU_STACK = 0x6474e551
};
constexpr u32 ELF_PF_X = 1, ELF_PF_W = 2, ELF_PF_R = 4;
constexpr u32 ELF_MAX_SEGMENTS = 64;
constexpr size_t ELF_HEAD_BYTES = 4096; // an image's headers must lie inside its first page

struct elf_segment {
    enum elf_segment_type type;
    u32 flags; // ELF_PF_*
    u64 offset, file_bytes;
    u64 va, pa, mem_bytes, align;
};

struct elf_image { // 3.6 KiB: not for a kernel stack
    enum elf_type type;
    u64 entry;
    u64 phdr_offset; // file offset of the program headers
    u16 segment_count;
    struct elf_segment segments[ELF_MAX_SEGMENTS];
    u64 va_low, va_high; // span of the LOAD segments, rounded out to pages
};

// Reads and checks the headers. head: at least the first MIN(file_bytes, ELF_HEAD_BYTES) bytes of
// the file. Checked: magic, class, machine, type; program headers inside head; at least one LOAD;
// each LOAD within the file, mem_bytes >= file_bytes, no wrap, va == offset mod page, ascending and
// not overlapping. why, if not null, receives a static text that says what is wrong. Errors:
// ERR_ELF_FORMAT, ERR_ELF_MACHINE. *out is written only on success.
err_t elf_read(const u8 *head, size_t head_bytes, u64 file_bytes, struct elf_image *out,
               const char **why);

// Finds the first segment of a type, or null.
const struct elf_segment *elf_find(const struct elf_image *image, enum elf_segment_type type);

// Applies the R_X86_64_RELATIVE relocations of a position-independent image that is loaded at
// `loaded` (its va_low maps to loaded[0], loaded_bytes long), writing addresses for load bias
// `bias`. Any other relocation type is an error.
err_t elf_relocate(const struct elf_image *image, u8 *loaded, size_t loaded_bytes, u64 bias,
                   const char **why);
