// SPDX-License-Identifier: MIT
// An ELF image is judged before one byte of it is used: elf_read copies the few fields that matter
// into its own structure and refuses every image whose segments leave the file, wrap, overlap or go
// backwards, so callers may do plain arithmetic on what they get. Fields are picked byte by byte:
// the input has no alignment, and the host's byte order does not matter.
#include <lib/elf/elf.h>

constexpr size_t EHDR_BYTES = 64;
constexpr size_t PHDR_BYTES = 56;
constexpr size_t DYN_BYTES = 16;
constexpr size_t RELA_BYTES = 24;
constexpr u16 MACHINE_X86_64 = 62;
constexpr u32 R_X86_64_NONE = 0;
constexpr u32 R_X86_64_RELATIVE = 8;

enum dynamic_tag : u64 {
    TAG_NULL = 0,
    TAG_PLTRELSZ = 2,
    TAG_RELA = 7,
    TAG_RELASZ = 8,
    TAG_RELAENT = 9,
    TAG_RELSZ = 18,
    TAG_RELRSZ = 35,
};

static u16 get16(const u8 *p) { return (u16)(p[0] | (u16)(p[1] << 8)); }
static u32 get32(const u8 *p) { return get16(p) | (u32)get16(p + 2) << 16; }
static u64 get64(const u8 *p) { return get32(p) | (u64)get32(p + 4) << 32; }

static void put64(u8 *p, u64 value) {
    for (u32 i = 0; i < 8; i++) {
        p[i] = (u8)(value >> (8 * i));
    }
}

static err_t fail(err_t err, const char **why, const char *text) {
    if (why) {
        *why = text;
    }
    return err;
}

static err_t check_header(const u8 *head, size_t head_bytes, const char **why) {
    if (head_bytes < EHDR_BYTES) {
        return fail(ERR_ELF_FORMAT, why, "shorter than an ELF header");
    }
    if (head[0] != 0x7f || head[1] != 'E' || head[2] != 'L' || head[3] != 'F') {
        return fail(ERR_ELF_FORMAT, why, "no ELF magic number");
    }
    if (head[4] != 2 || head[5] != 1) {
        return fail(ERR_ELF_MACHINE, why, "not a 64-bit little-endian image");
    }
    if (get16(head + 18) != MACHINE_X86_64) {
        return fail(ERR_ELF_MACHINE, why, "not for x86-64");
    }
    if (head[6] != 1 || get32(head + 20) != 1) {
        return fail(ERR_ELF_FORMAT, why, "unknown ELF version");
    }
    u16 type = get16(head + 16);
    if (type != ELF_EXEC && type != ELF_DYN) {
        return fail(ERR_ELF_FORMAT, why, "neither an executable nor a shared object");
    }
    return ERR_OK;
}

static err_t check_load(const struct elf_segment *s, u64 file_bytes, const char **why) {
    u64 end = 0;
    if (__builtin_add_overflow(s->offset, s->file_bytes, &end) || end > file_bytes) {
        return fail(ERR_ELF_FORMAT, why, "a segment lies outside the file");
    }
    if (s->mem_bytes < s->file_bytes) {
        return fail(ERR_ELF_FORMAT, why, "a segment is smaller in memory than in the file");
    }
    if (__builtin_add_overflow(s->va, s->mem_bytes, &end) || end > ~PAGE_MASK) {
        return fail(ERR_ELF_FORMAT, why, "a segment wraps around the address space");
    }
    if (((s->va ^ s->offset) & PAGE_MASK) != 0) {
        return fail(ERR_ELF_FORMAT, why,
                    "a segment's address and file offset differ within a page");
    }
    if (s->align > 1 && (s->align & (s->align - 1)) != 0) {
        return fail(ERR_ELF_FORMAT, why, "a segment's alignment is not a power of two");
    }
    return ERR_OK;
}

static struct elf_segment read_segment(const u8 *p) {
    return (struct elf_segment){
        .type = (enum elf_segment_type)get32(p),
        .flags = get32(p + 4),
        .offset = get64(p + 8),
        .va = get64(p + 16),
        .pa = get64(p + 24),
        .file_bytes = get64(p + 32),
        .mem_bytes = get64(p + 40),
        .align = get64(p + 48),
    };
}

struct va_span {
    u64 low, high;
};

// Checks every program header; tells the span of the LOAD segments.
static err_t check_segments(const u8 *phdrs, u16 count, u64 file_bytes, struct va_span *out,
                            const char **why) {
    bool any = false;
    u64 low = 0, last_end = 0;
    for (u16 i = 0; i < count; i++) {
        struct elf_segment s = read_segment(phdrs + i * PHDR_BYTES);
        if (s.type != ELF_LOAD) {
            continue;
        }
        TRY(check_load(&s, file_bytes, why));
        if (any && s.va < last_end) {
            return fail(ERR_ELF_FORMAT, why, "segments overlap or are not in ascending order");
        }
        if (!any) {
            low = ALIGN_DOWN(s.va, PAGE_SIZE);
        }
        any = true;
        last_end = s.va + s.mem_bytes;
    }
    u64 high = ALIGN_UP(last_end, PAGE_SIZE);
    if (!any || high == low) {
        return fail(ERR_ELF_FORMAT, why, "no segment to load");
    }
    *out = (struct va_span){low, high};
    return ERR_OK;
}

// *out is too large for a second one on a kernel stack: all is checked first, then it is filled in
// place.
err_t elf_read(const u8 *head, size_t head_bytes, u64 file_bytes, struct elf_image *out,
               const char **why) {
    TRY(check_header(head, head_bytes, why));
    u64 phdr_offset = get64(head + 32);
    u16 count = get16(head + 56);
    if (get16(head + 54) != PHDR_BYTES) {
        return fail(ERR_ELF_FORMAT, why, "unknown size of a program header");
    }
    if (count == 0 || count > ELF_MAX_SEGMENTS) {
        return fail(ERR_ELF_FORMAT, why, "no program headers, or too many");
    }
    size_t limit = MIN(head_bytes, ELF_HEAD_BYTES);
    if (phdr_offset > limit || count * PHDR_BYTES > limit - phdr_offset) {
        return fail(ERR_ELF_FORMAT, why, "program headers are not at the start of the file");
    }
    struct va_span span = {};
    TRY(check_segments(head + phdr_offset, count, file_bytes, &span, why));
    out->type = (enum elf_type)get16(head + 16);
    out->entry = get64(head + 24);
    out->phdr_offset = phdr_offset;
    out->segment_count = count;
    for (u16 i = 0; i < count; i++) {
        out->segments[i] = read_segment(head + phdr_offset + i * PHDR_BYTES);
    }
    out->va_low = span.low;
    out->va_high = span.high;
    return ERR_OK;
}

const struct elf_segment *elf_find(const struct elf_image *image, enum elf_segment_type type) {
    for (u16 i = 0; i < image->segment_count; i++) {
        if (image->segments[i].type == type) {
            return &image->segments[i];
        }
    }
    return nullptr;
}

// True when [va, va + bytes) lies inside the loaded image; *out is then its place in it.
static bool inside(const struct elf_image *image, size_t loaded_bytes, u64 va, u64 bytes,
                   size_t *out) {
    u64 at = va - image->va_low;
    if (va < image->va_low || at > loaded_bytes || bytes > loaded_bytes - at) {
        return false;
    }
    *out = at;
    return true;
}

struct rela_table {
    u64 va, bytes, entry_bytes;
};

static err_t read_dynamic(const u8 *dynamic, u64 bytes, struct rela_table *out, const char **why) {
    struct rela_table table = {.entry_bytes = RELA_BYTES};
    for (u64 at = 0; bytes - at >= DYN_BYTES; at += DYN_BYTES) {
        u64 tag = get64(dynamic + at);
        u64 value = get64(dynamic + at + 8);
        if (tag == TAG_NULL) {
            break;
        }
        if (tag == TAG_RELA) {
            table.va = value;
        } else if (tag == TAG_RELASZ) {
            table.bytes = value;
        } else if (tag == TAG_RELAENT) {
            table.entry_bytes = value;
        } else if ((tag == TAG_PLTRELSZ || tag == TAG_RELSZ || tag == TAG_RELRSZ) && value != 0) {
            return fail(ERR_ELF_FORMAT, why, "has relocations of a kind that is not supported");
        }
    }
    if (table.entry_bytes != RELA_BYTES || table.bytes % RELA_BYTES != 0) {
        return fail(ERR_ELF_FORMAT, why, "relocation table has a wrong size");
    }
    *out = table;
    return ERR_OK;
}

err_t elf_relocate(const struct elf_image *image, u8 *loaded, size_t loaded_bytes, u64 bias,
                   const char **why) {
    const struct elf_segment *dynamic = elf_find(image, ELF_DYNAMIC);
    if (!dynamic) {
        return ERR_OK;
    }
    size_t at = 0;
    if (!inside(image, loaded_bytes, dynamic->va, dynamic->mem_bytes, &at)) {
        return fail(ERR_ELF_FORMAT, why, "dynamic section lies outside the image");
    }
    struct rela_table table = {};
    TRY(read_dynamic(loaded + at, dynamic->mem_bytes, &table, why));
    if (table.bytes == 0) {
        return ERR_OK;
    }
    size_t first = 0;
    if (!inside(image, loaded_bytes, table.va, table.bytes, &first)) {
        return fail(ERR_ELF_FORMAT, why, "relocation table lies outside the image");
    }
    for (u64 done = 0; done < table.bytes; done += RELA_BYTES) {
        const u8 *rela = loaded + first + done;
        u32 type = get32(rela + 8);
        size_t target = 0;
        if (type == R_X86_64_NONE) {
            continue;
        }
        if (type != R_X86_64_RELATIVE) {
            return fail(ERR_ELF_FORMAT, why, "has a relocation that is not R_X86_64_RELATIVE");
        }
        if (!inside(image, loaded_bytes, get64(rela), 8, &target)) {
            return fail(ERR_ELF_FORMAT, why, "a relocation points outside the image");
        }
        put64(loaded + target, get64(rela + 16) + bias);
    }
    return ERR_OK;
}
