// SPDX-License-Identifier: MIT
// One ELF file in an address space: LOAD segments as private file mappings, the rest of the last
// page zeroed, .bss anonymous. Source: System V gABI ch. 5.
#include "proc_impl.h"
#include <lib/elf/elf.h>

err_t exec_image_read(struct file *f, struct exec_image *out) {
    *out = (struct exec_image){.file = f};
    TRY(heap_alloc(ELF_HEAD_BYTES, (void **)&out->head));
    struct vattr a;
    u64 pos = 0;
    size_t done = 0;
    struct vm_span span = {.kernel = out->head, .bytes = ELF_HEAD_BYTES};
    TRY(file_read(f, span, &pos, &done));
    TRY(vfs_getattr(&f->path, &a));
    TRY(heap_new(&out->elf));
    const char *why = nullptr;
    err_t err = elf_read(out->head, done, a.size, out->elf, &why);
    if (err != ERR_OK) {
        if (done >= 4 && memcmp(out->head,
                                "\x7f"
                                "ELF",
                                4) == 0) {
            log(PROC, INFO, "program refused: %s", why == nullptr ? "?" : why);
        }
        return ERR_NOEXEC;
    }
    return ERR_OK;
}

void exec_image_free(struct exec_image *i) {
    heap_free(&i->head);
    heap_free(&i->elf);
}

static u32 prot_of(const struct elf_segment *s) {
    return (s->flags & ELF_PF_R ? VM_READ : 0u) | (s->flags & ELF_PF_W ? VM_WRITE : 0u) |
           (s->flags & ELF_PF_X ? VM_EXEC : 0u);
}

static err_t map_file_part(struct vm_space *s, struct file *f, const struct elf_segment *seg,
                           u64 bias) {
    u64 start = ALIGN_DOWN(seg->va, PAGE_SIZE),
        end = ALIGN_UP(seg->va + seg->file_bytes, PAGE_SIZE);
    u64 offset = ALIGN_DOWN(seg->offset, PAGE_SIZE);
    struct vm_object *object;
    if (f->ops->map == nullptr) {
        return ERR_NOEXEC;
    }
    TRY(f->ops->map(f, offset, end - start, &object));
    u64 at;
    struct vm_map_args args = {.hint = start + bias,
                               .bytes = end - start,
                               .prot = prot_of(seg),
                               .max_prot = VM_READ | VM_WRITE | VM_EXEC,
                               .flags = VM_PRIVATE | VM_FIXED,
                               .object = object,
                               .object_offset = offset,
                               .file = f};
    err_t err = vm_map(s, &args, &at);
    vm_object_put(object);
    return err;
}

static err_t map_segment(struct vm_space *s, struct file *f, const struct elf_segment *seg,
                         u64 bias) {
    u64 file_end = seg->va + seg->file_bytes, mem_end = seg->va + seg->mem_bytes;
    if (seg->file_bytes > 0) {
        TRY(map_file_part(s, f, seg, bias));
        u64 tail = ALIGN_UP(file_end, PAGE_SIZE) - file_end;
        if (seg->mem_bytes > seg->file_bytes && tail > 0 && seg->flags & ELF_PF_W) {
            TRY(copy_zero((struct uptr){file_end + bias}, MIN(tail, mem_end - file_end)));
        }
    }
    u64 start =
        seg->file_bytes > 0 ? ALIGN_UP(file_end, PAGE_SIZE) : ALIGN_DOWN(seg->va, PAGE_SIZE);
    u64 end = ALIGN_UP(mem_end, PAGE_SIZE);
    if (end <= start) {
        return ERR_OK;
    }
    u64 at;
    struct vm_map_args args = {.hint = start + bias,
                               .bytes = end - start,
                               .prot = prot_of(seg),
                               .max_prot = VM_READ | VM_WRITE | VM_EXEC,
                               .flags = VM_PRIVATE | VM_FIXED};
    return vm_map(s, &args, &at);
}

err_t exec_image_map(struct vm_space *s, const struct exec_image *i, u64 bias, u64 *brk_start) {
    for (u32 n = 0; n < i->elf->segment_count; n++) {
        const struct elf_segment *seg = &i->elf->segments[n];
        if (seg->type == ELF_LOAD && seg->mem_bytes > 0) {
            TRY(map_segment(s, i->file, seg, bias));
        }
    }
    *brk_start = i->elf->va_high + bias;
    return ERR_OK;
}
