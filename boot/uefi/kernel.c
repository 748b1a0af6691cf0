// SPDX-License-Identifier: MIT
// Puts the kernel in memory: reads and checks the ELF image, places it, applies the slide, and
// builds the page tables that abi/boot.h promises. Each segment is mapped with its own rights; one
// that asks for writing and executing is refused.
#include <boot/uefi/loader.h>
#include <lib/elf/elf.h>
#include <lib/mem.h>
#include <lib/paging/paging.h>
#include <lib/text.h>

constexpr u64 DIRECT_MAP_SLIDES = 16384; // steps of 1 GiB: 16 TiB

static struct elf_image elf;

static void *pa_to_ptr(u64 pa) { return (void *)(uintptr_t)pa; }

bool kernel_cmdline_has(const char *cmdline, const char *word) {
    size_t bytes = strlen(word);
    for (const char *at = cmdline; *at; at++) {
        bool begins = at == cmdline || at[-1] == ' ';
        if (begins && text_equal_n(at, word, bytes) && (at[bytes] == 0 || at[bytes] == ' ')) {
            return true;
        }
    }
    return false;
}

static bool check_segment(const struct elf_segment *s) {
    if (s->type != ELF_LOAD) {
        return true;
    }
    if ((s->flags & ELF_PF_W) != 0 && (s->flags & ELF_PF_X) != 0) {
        return fail("the kernel file is not usable: a segment is both writable and executable");
    }
    return (s->va & PAGE_MASK) == 0 ||
           fail("the kernel file is not usable: a segment does not begin on a page");
}

static bool check_image(const char *path, const struct file *file) {
    const char *why = "";
    const u8 *data = pa_to_ptr(file->pa);
    if (elf_read(data, MIN(file->bytes, (u64)ELF_HEAD_BYTES), file->bytes, &elf, &why) != ERR_OK) {
        return fail("%s is not a kernel this machine can run: %s", path, why);
    }
    if (elf.type != ELF_DYN || elf.va_low != BOOT_KERNEL_LINK_VA) {
        return fail("%s is an ELF image but not a Hornet kernel: wrong type or link address", path);
    }
    if (elf.va_high - elf.va_low > BOOT_KERNEL_WINDOW_BYTES) {
        return fail("%s is too large: %llu MiB", path, (elf.va_high - elf.va_low) >> 20);
    }
    if (elf.entry < elf.va_low || elf.entry >= elf.va_high) {
        return fail("%s is damaged: its entry point lies outside of it", path);
    }
    for (u16 i = 0; i < elf.segment_count; i++) {
        if (!check_segment(&elf.segments[i])) {
            return false;
        }
    }
    return true;
}

static u64 choose_slide(const char *cmdline, u64 image_bytes) {
    u64 steps = (BOOT_KERNEL_WINDOW_BYTES - ALIGN_UP(image_bytes, MIB(2))) / MIB(2) + 1;
    return kernel_cmdline_has(cmdline, "nokaslr") ? 0 : entropy_u64() % steps * MIB(2);
}

static bool place_image(const char *path, const struct file *file, struct boot_info *info) {
    const char *why = "";
    info->kernel_bytes = elf.va_high - elf.va_low;
    if (!memory_allocate_kernel(info->kernel_bytes, &info->kernel_pa)) {
        return false;
    }
    u8 *image = pa_to_ptr(info->kernel_pa);
    for (u16 i = 0; i < elf.segment_count; i++) {
        const struct elf_segment *s = &elf.segments[i];
        if (s->type == ELF_LOAD) {
            memcpy(image + (s->va - elf.va_low), pa_to_ptr(file->pa + s->offset), s->file_bytes);
        }
    }
    info->kernel_slide = choose_slide(info->cmdline, info->kernel_bytes);
    if (elf_relocate(&elf, image, info->kernel_bytes, info->kernel_slide, &why) != ERR_OK) {
        return fail("%s is damaged: it %s", path, why);
    }
    return true;
}

static bool load_image(const char *path, struct boot_info *info) {
    struct file file = {};
    if (!files_read(path, &file, nullptr)) {
        return false;
    }
    bool ok = check_image(path, &file) && place_image(path, &file, info);
    files_free(&file);
    return ok;
}

static bool load_module(const char *path, struct boot_info *info) {
    struct file file = {};
    struct boot_module *module = &info->modules[info->module_count];
    const char *name = path;
    for (const char *at = path; *at; at++) {
        name = *at == '\\' || *at == '/' ? at + 1 : name;
    }
    if (!text_copy(module->name, sizeof(module->name), name)) {
        return fail("the module name %s is too long", name);
    }
    if (!files_read(path, &file, nullptr)) {
        return false;
    }
    module->start = file.pa;
    module->bytes = file.bytes;
    info->module_count++;
    return true;
}

static err_t allocate_table(void *arg, u64 *pa_out) {
    unused_arg(arg);
    return memory_allocate(1, "the page tables", pa_out) ? ERR_OK : ERR_NOMEM;
}

static bool processor_has(u32 bit) { // of CPUID.80000001H:EDX
    u32 a = 0x80000001, b = 0, c = 0, d = 0;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return (d >> bit & 1) != 0;
}

static err_t map_image(struct paging *tables, const struct boot_info *info) {
    for (u16 i = 0; i < elf.segment_count; i++) {
        const struct elf_segment *s = &elf.segments[i];
        u64 flags = ((s->flags & ELF_PF_X) == 0 ? PAGING_NOEXEC : 0) |
                    ((s->flags & ELF_PF_W) != 0 ? PAGING_WRITE : 0);
        if (s->type == ELF_LOAD && s->mem_bytes > 0) {
            TRY(paging_map(tables, s->va + info->kernel_slide, info->kernel_pa + s->va - elf.va_low,
                           ALIGN_UP(s->mem_bytes, PAGE_SIZE), flags));
        }
    }
    return ERR_OK;
}

static err_t map_all(struct paging *tables, const struct boot_info *info, u64 identity_pa) {
    TRY(paging_init(tables));
    TRY(map_image(tables, info));
    TRY(paging_map(tables, info->direct_map_base, 0, info->direct_map_bytes,
                   PAGING_WRITE | PAGING_NOEXEC));
    return paging_map(tables, identity_pa, identity_pa, PAGE_SIZE, 0);
}

static bool build_tables(struct boot_info *info, u64 identity_pa) {
    struct paging tables = {.gib_pages = processor_has(26), .alloc_table = allocate_table};
    u64 key = 0;
    u64 slide =
        kernel_cmdline_has(info->cmdline, "nokaslr") ? 0 : entropy_u64() % DIRECT_MAP_SLIDES;
    if (!processor_has(20)) {
        return fail("this processor cannot forbid execution of data (NX), which Hornet needs");
    }
    if (!memory_get_map(&key)) {
        return fail("the firmware does not give its memory map");
    }
    info->direct_map_base = BOOT_DIRECT_MAP_VA + slide * GIB(1);
    info->direct_map_bytes = MAX(ALIGN_UP(memory_ram_end(), MIB(2)), GIB(4));
    err_t err = map_all(&tables, info, identity_pa);
    if (err != ERR_OK && err != ERR_NOMEM) { // out of memory already has its sentence
        return fail("the page tables cannot be built: the kernel's segments share a page");
    }
    info->page_tables_pa = tables.root_pa;
    return err == ERR_OK;
}

bool kernel_load(const struct config *config, struct boot_info *info, struct kernel *out) {
    info->magic = BOOT_MAGIC;
    info->version = BOOT_VERSION;
    info->bytes = sizeof(*info);
    info->entry = BOOT_ENTRY_UEFI;
    text_copy(info->cmdline, sizeof(info->cmdline), config->cmdline);
    print("Loading %s\n", config->kernel);
    if (!load_image(config->kernel, info)) {
        return false;
    }
    for (u32 i = 0; i < config->module_count; i++) {
        print("Loading %s\n", config->modules[i]);
        if (!load_module(config->modules[i], info)) {
            return false;
        }
    }
    if (!memory_allocate(BOOT_STACK_BYTES / PAGE_SIZE, "the boot stack", &info->stack_pa) ||
        !handover_prepare(out) || !build_tables(info, out->identity_pa)) {
        return false;
    }
    out->entry_va = elf.entry + info->kernel_slide;
    tables_find(info);
    return true;
}
