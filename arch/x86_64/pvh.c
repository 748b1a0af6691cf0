// SPDX-License-Identifier: MIT
// The C part of the PVH entry: makes of Xen's hvm_start_info the handover that the UEFI loader
// makes of its services, so that the rest of the kernel never knows. Everything here runs
// identity-mapped, before relocation: no pointer constants, no tables of them, nothing but this
// folder's mem.c and lib/paging is called; the file is built without sanitizers. Steps: memory map
// -> one pool behind the image for all that is handed over -> relocation -> page tables -> jump.
// Source: Xen public/arch-x86/hvm/start_info.h (format only), abi/boot.h.
#include "arch_impl.h"
#include <abi/boot.h>
#include <arch/x86_64/cpu.h>
#include <lib/mem.h>
#include <lib/paging/paging.h>

constexpr u32 START_MAGIC = 0x336ec578;
constexpr u64 LOW_4G = (u64)1 << 32;
constexpr u32 TAKEN_MAX = BOOT_MAX_MODULES + 5;

struct hvm_start_info {
    u32 magic, version, flags, module_count;
    u64 modules_pa, cmdline_pa, rsdp_pa;
    u64 memory_pa; // version 1 and up
    u32 memory_count, reserved;
};
struct hvm_module {
    u64 start, bytes, cmdline_pa, reserved;
};
struct hvm_memory {
    u64 start, bytes;
    u32 kind, reserved;
};
struct rela {
    u64 offset, info;
    i64 addend;
};
struct range {
    u64 start, end;
};

struct stub {
    const struct hvm_start_info *start;
    struct boot_info *info;
    struct range taken[TAKEN_MAX]; // what the pool must not overlap
    u32 taken_count;
    u64 pool_at, pool_end;
    u64 ram_end;
    u64 random;
};

[[noreturn]] static void give_up(const char *why) {
    for (; *why != '\0'; why++) {
        io_out8(0x3f8, (u8)*why);
    }
    cpu_halt();
}

// ---- memory map: a sorted list of ranges; a new range cuts away what it covers.
static void map_insert(struct boot_info *info, u32 at, u64 start, u64 end,
                       enum boot_memory_kind kind) {
    if (info->memory_count == BOOT_MAX_MEMORY) {
        give_up("hornet: PVH memory map has too many ranges\r\n");
    }
    struct boot_memory *m = info->memory;
    memmove(&m[at + 1], &m[at], (info->memory_count - at) * sizeof(m[0]));
    m[at] = (struct boot_memory){.start = start, .bytes = end - start, .kind = kind};
    info->memory_count++;
}

static void map_set(struct boot_info *info, u64 start, u64 end, enum boot_memory_kind kind) {
    u32 i = 0;
    while (i < info->memory_count) {
        struct boot_memory *m = &info->memory[i];
        u64 m_end = m->start + m->bytes;
        if (m_end <= start) {
            i++;
            continue;
        }
        if (m->start >= end) {
            break;
        }
        if (m_end > end) { // keep the part behind
            map_insert(info, i + 1, end, m_end, m->kind);
        }
        if (m->start < start) { // keep the part before
            m->bytes = start - m->start;
            i++;
        } else {
            info->memory_count--;
            memmove(m, m + 1, (info->memory_count - i) * sizeof(*m));
        }
    }
    map_insert(info, i, start, end, kind);
}

static enum boot_memory_kind kind_of(u32 e820) {
    return e820 == 1   ? BOOT_MEM_USABLE
           : e820 == 3 ? BOOT_MEM_ACPI
           : e820 == 4 ? BOOT_MEM_NVS
           : e820 == 5 ? BOOT_MEM_BAD
                       : BOOT_MEM_RESERVED;
}

static const struct hvm_memory *memory_at(const struct stub *s, u32 i) {
    return &((const struct hvm_memory *)s->start->memory_pa)[i];
}

// Usable ranges shrink to whole pages, all others grow, and others win.
static void read_memory_map(struct stub *s) {
    for (u32 i = 0; i < s->start->memory_count; i++) {
        const struct hvm_memory *e = memory_at(s, i);
        u64 start = ALIGN_UP(e->start, PAGE_SIZE);
        u64 end = ALIGN_DOWN(e->start + e->bytes, PAGE_SIZE);
        if (e->kind == 1 && start < end) {
            map_set(s->info, start, end, BOOT_MEM_USABLE);
            s->ram_end = MAX(s->ram_end, end);
        }
    }
    for (u32 i = 0; i < s->start->memory_count; i++) {
        const struct hvm_memory *e = memory_at(s, i);
        if (e->kind != 1 && e->bytes != 0) {
            map_set(s->info, ALIGN_DOWN(e->start, PAGE_SIZE),
                    ALIGN_UP(e->start + e->bytes, PAGE_SIZE), kind_of(e->kind));
        }
    }
}

// ---- the pool
static void take(struct stub *s, u64 start, u64 bytes) {
    if (bytes != 0) {
        s->taken[s->taken_count++] = (struct range){start, start + bytes};
    }
}

static u64 text_bytes(u64 pa, u64 limit) {
    u64 n = 0;
    while (n + 1 < limit && ((const char *)pa)[n] != '\0') {
        n++;
    }
    return n + 1;
}

static void collect_taken(struct stub *s) {
    const struct hvm_start_info *start = s->start;
    take(s, (u64)start, sizeof(*start));
    take(s, start->memory_pa, start->memory_count * sizeof(struct hvm_memory));
    take(s, start->modules_pa, start->module_count * sizeof(struct hvm_module));
    if (start->cmdline_pa != 0) {
        take(s, start->cmdline_pa, text_bytes(start->cmdline_pa, BOOT_CMDLINE_BYTES));
    }
    const struct hvm_module *m = (const struct hvm_module *)start->modules_pa;
    for (u32 i = 0; i < start->module_count; i++) {
        take(s, m[i].start, m[i].bytes);
    }
}

static bool in_ram(const struct stub *s, u64 start, u64 end) {
    for (u32 i = 0; i < s->start->memory_count; i++) {
        const struct hvm_memory *e = memory_at(s, i);
        if (e->kind == 1 && start >= e->start && end <= e->start + e->bytes) {
            return true;
        }
    }
    return false;
}

static void place_pool(struct stub *s, u64 bytes) {
    u64 at = (u64)kernel_image_end;
    for (u32 i = 0; i < s->taken_count;) {
        const struct range *t = &s->taken[i];
        if (at < t->end && t->start < at + bytes) {
            at = ALIGN_UP(t->end, PAGE_SIZE);
            i = 0;
        } else {
            i++;
        }
    }
    if (at + bytes > LOW_4G || !in_ram(s, at, at + bytes)) {
        give_up("hornet: PVH entry finds no memory behind the kernel\r\n");
    }
    s->pool_at = at;
    s->pool_end = at + bytes;
}

static u64 pool_take(struct stub *s, u64 bytes) {
    u64 at = s->pool_at;
    s->pool_at += ALIGN_UP(bytes, PAGE_SIZE);
    if (s->pool_at > s->pool_end) {
        give_up("hornet: PVH pool is too small\r\n");
    }
    memset((void *)at, 0, ALIGN_UP(bytes, PAGE_SIZE));
    return at;
}

static err_t table_from_pool(void *arg, u64 *pa_out) {
    *pa_out = pool_take(arg, PAGE_SIZE);
    return ERR_OK;
}

// ---- randomness: hardware words where there are, the time stamp counter always
static u64 mix(u64 x) { // splitmix64's finishing steps
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

static void gather_entropy(struct stub *s) {
    u64 words[sizeof(s->info->entropy) / 8];
    u32 good = 0;
    cpu_random_words(words, countof(words), &good);
    for (u32 i = 0; i < countof(words); i++) {
        words[i] ^= mix(cpu_tsc() + i);
        s->random = mix(s->random ^ words[i]);
    }
    memcpy(s->info->entropy, words, sizeof(words));
    s->random = mix(s->random);
}

static u64 random_below(struct stub *s, u64 limit) {
    s->random = mix(s->random);
    return s->random % limit;
}

static bool has_word(const char *line, const char *word) {
    size_t len = strlen(word);
    for (const char *p = line; *p != '\0';) {
        if (strlen(p) >= len && memcmp(p, word, len) == 0 && (p[len] == ' ' || p[len] == '\0')) {
            return true;
        }
        while (*p != '\0' && *p != ' ') {
            p++;
        }
        while (*p == ' ') {
            p++;
        }
    }
    return false;
}

static void choose_addresses(struct stub *s) {
    struct boot_info *info = s->info;
    info->direct_map_bytes = ALIGN_UP(MAX(s->ram_end, LOW_4G), GIB(1));
    info->direct_map_base = BOOT_DIRECT_MAP_VA;
    if (has_word(info->cmdline, "nokaslr")) {
        return;
    }
    u64 slots = (BOOT_KERNEL_WINDOW_BYTES - ALIGN_UP(info->kernel_bytes, MIB(2))) / MIB(2);
    info->kernel_slide = random_below(s, slots) * MIB(2);
    info->direct_map_base += random_below(s, 16 * 1024) * GIB(1);
}

// ---- handover
static void copy_start(struct stub *s) {
    struct boot_info *info = s->info;
    const struct hvm_start_info *start = s->start;
    info->magic = BOOT_MAGIC;
    info->version = BOOT_VERSION;
    info->bytes = sizeof(*info);
    info->entry = BOOT_ENTRY_PVH;
    info->kernel_pa = (u64)kernel_image_start;
    info->kernel_bytes = (u64)kernel_image_end - (u64)kernel_image_start;
    info->rsdp = start->rsdp_pa;
    if (start->cmdline_pa != 0) {
        memcpy(info->cmdline, (const char *)start->cmdline_pa,
               text_bytes(start->cmdline_pa, BOOT_CMDLINE_BYTES));
        info->cmdline[BOOT_CMDLINE_BYTES - 1] = '\0';
    }
    const struct hvm_module *m = (const struct hvm_module *)start->modules_pa;
    info->module_count = start->module_count;
    for (u32 i = 0; i < start->module_count; i++) {
        info->modules[i] = (struct boot_module){.start = m[i].start, .bytes = m[i].bytes};
        char first[] = "add.tar", other[] = "module";
        memcpy(info->modules[i].name, i == 0 ? first : other, i == 0 ? sizeof(first) : 7);
    }
}

static void relocate(const struct boot_info *info) {
    const struct rela *end = (const struct rela *)kernel_rela_end;
    for (const struct rela *r = (const struct rela *)kernel_rela_start; r < end; r++) {
        if ((u32)r->info == 8) { // R_X86_64_RELATIVE
            *(u64 *)(r->offset - BOOT_KERNEL_LINK_VA + info->kernel_pa) =
                (u64)r->addend + info->kernel_slide;
        } else if ((u32)r->info != 0) {
            give_up("hornet: kernel image has an unknown relocation\r\n");
        }
    }
}

static void must_map(struct paging *p, u64 va, u64 pa, u64 end_pa, u64 flags) {
    if (paging_map(p, va, pa, end_pa - pa, flags) != ERR_OK) {
        give_up("hornet: PVH page tables cannot be made\r\n");
    }
}

static void build_tables(struct stub *s, bool gib_pages) {
    struct boot_info *info = s->info;
    struct paging p = {.gib_pages = gib_pages, .alloc_table = table_from_pool, .arg = s};
    if (paging_init(&p) != ERR_OK) {
        give_up("hornet: PVH page tables cannot be made\r\n");
    }
    u64 text = (u64)kernel_image_start, rodata = (u64)kernel_text_end;
    u64 data = (u64)kernel_rodata_end;
    u64 shift = BOOT_KERNEL_LINK_VA + info->kernel_slide - text;
    must_map(&p, text + shift, text, rodata, PAGING_GLOBAL);
    must_map(&p, rodata + shift, rodata, data, PAGING_GLOBAL | PAGING_NOEXEC);
    must_map(&p, data + shift, data, (u64)kernel_image_end,
             PAGING_GLOBAL | PAGING_NOEXEC | PAGING_WRITE);
    must_map(&p, info->direct_map_base, 0, info->direct_map_bytes,
             PAGING_GLOBAL | PAGING_NOEXEC | PAGING_WRITE);
    u64 jump = ALIGN_DOWN((u64)pvh_jump, PAGE_SIZE);
    must_map(&p, jump, jump, ALIGN_UP((u64)pvh_end, PAGE_SIZE), 0);
    info->page_tables_pa = p.root_pa;
}

static void check_start(const struct hvm_start_info *start) {
    if (start->magic != START_MAGIC) {
        give_up("hornet: not started through PVH\r\n");
    }
    if (start->version < 1 || start->memory_count == 0) {
        give_up("hornet: PVH start information has no memory map\r\n");
    }
    if (start->module_count > BOOT_MAX_MODULES) {
        give_up("hornet: too many PVH modules\r\n");
    }
}

static u64 highest_ram(const struct stub *s) {
    u64 end = LOW_4G;
    for (u32 i = 0; i < s->start->memory_count; i++) {
        const struct hvm_memory *e = memory_at(s, i);
        end = e->kind == 1 ? MAX(end, e->start + e->bytes) : end;
    }
    return end;
}

[[noreturn]] void pvh_main(const struct hvm_start_info *start) {
    u64 tsc = cpu_tsc();
    struct stub s = {.start = start, .random = tsc};
    check_start(start);
    collect_taken(&s);
    u32 a, b, c, d = 0;
    cpuid(0x80000000, 0, &a, &b, &c, &d);
    d = 0;
    if (a >= 0x80000001) {
        cpuid(0x80000001, 0, &a, &b, &c, &d);
    }
    bool gib_pages = (d >> 26 & 1) != 0;
    u64 gib_count = highest_ram(&s) / GIB(1) + 1;
    u64 tables = 24 + gib_count / 512 + (gib_pages ? 0 : gib_count);
    u64 pool_bytes = (tables + bytes_to_pages(sizeof(struct boot_info))) * PAGE_SIZE;
    place_pool(&s, pool_bytes + BOOT_STACK_BYTES);
    u64 pool_start = s.pool_at;

    s.info = (struct boot_info *)pool_take(&s, sizeof(struct boot_info));
    struct boot_info *info = s.info;
    copy_start(&s);
    info->tsc_at_entry = tsc;
    gather_entropy(&s);
    read_memory_map(&s);
    info->stack_pa = pool_take(&s, BOOT_STACK_BYTES);
    choose_addresses(&s);
    build_tables(&s, gib_pages);
    map_set(info, info->kernel_pa, info->kernel_pa + info->kernel_bytes, BOOT_MEM_KERNEL);
    map_set(info, pool_start, s.pool_end, BOOT_MEM_LOADER);
    for (u32 i = 0; i < info->module_count; i++) {
        const struct boot_module *m = &info->modules[i];
        if (m->bytes != 0) {
            map_set(info, ALIGN_DOWN(m->start, PAGE_SIZE), ALIGN_UP(m->start + m->bytes, PAGE_SIZE),
                    BOOT_MEM_LOADER);
        }
    }
    relocate(info);
    u64 base = info->direct_map_base;
    pvh_jump(info->page_tables_pa, base + (u64)info,
             (u64)kernel_entry - info->kernel_pa + BOOT_KERNEL_LINK_VA + info->kernel_slide,
             base + info->stack_pa + BOOT_STACK_BYTES);
}
