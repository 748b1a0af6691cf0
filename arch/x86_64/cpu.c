// SPDX-License-Identifier: MIT
// What the CPU can do and how it is set up; interrupts off and on; stopping, resetting, backtraces.
#include "arch_impl.h"
#include <arch/x86_64/upcalls.h>
#include <lib/mem.h>
#include <lib/paging/paging.h>

constexpr u64 CR0_MP = 1 << 1, CR0_EM = 1 << 2, CR0_TS = 1 << 3, CR0_NE = 1 << 5, CR0_WP = 1 << 16;
constexpr u64 CR4_DE = 1 << 3, CR4_MCE = 1 << 6, CR4_PGE = 1 << 7, CR4_OSFXSR = 1 << 9;
constexpr u64 CR4_OSXMMEXCPT = 1 << 10, CR4_UMIP = 1 << 11, CR4_FSGSBASE = 1 << 16;
constexpr u64 CR4_OSXSAVE = 1 << 18, CR4_SMEP = 1 << 20, CR4_SMAP = 1 << 21;
constexpr u64 EFER_SCE = 1, EFER_NXE = 1 << 11;
constexpr u64 SYSCALL_CLEARS = 0x257fd5;      // every flag a program can set, and IF
constexpr u64 PAT_VALUE = 0x0007040600070106; // WB WC UC- UC, WB WT UC- UC: see cpu.h

struct cpu_features cpu_features;
u8 cpu_use_fsgsbase;
_Atomic bool cpu_stopping;
static char model[49];

static bool bit(u32 word, u32 n) { return (word >> n & 1) != 0; }

static void read_model(void) {
    u32 words[12] = {};
    u32 top, b, c, d;
    cpuid(0x80000000, 0, &top, &b, &c, &d);
    for (u32 i = 0; i < 3 && top >= 0x80000004; i++) {
        u32 *w = &words[i * 4];
        cpuid(0x80000002 + i, 0, &w[0], &w[1], &w[2], &w[3]);
    }
    const char *text = (const char *)words;
    u32 skip = 0;
    while (skip < sizeof(words) && text[skip] == ' ') {
        skip++;
    }
    memcpy(model, text + skip, sizeof(words) - skip);
    if (model[0] == '\0') {
        memcpy(model, "x86-64", 7);
    }
}

void cpu_features_read(void) {
    u32 top, a, b, c, d, c1, d1;
    cpuid(0, 0, &top, &b, &c, &d);
    cpuid(1, 0, &a, &b, &c1, &d1);
    struct cpu_features *f = &cpu_features;
    f->x2apic = bit(c1, 21);
    f->tsc_deadline = bit(c1, 24);
    f->xsave = bit(c1, 26);
    f->rdrand = bit(c1, 30);
    f->hypervisor = bit(c1, 31);
    if (!bit(d1, 9) || !bit(d1, 24) || !bit(d1, 25) || !bit(d1, 26)) {
        upcall_fatal("this CPU lacks APIC, FXSAVE, SSE or SSE2");
    }
    if (top >= 7) {
        cpuid(7, 0, &a, &b, &c, &d);
        f->fsgsbase = bit(b, 0);
        f->smep = bit(b, 7);
        f->rdseed = bit(b, 18);
        f->smap = bit(b, 20);
        f->umip = bit(c, 2);
    }
    cpuid(0x80000001, 0, &a, &b, &c, &d);
    if (!bit(d, 11) || !bit(d, 20)) {
        upcall_fatal("this CPU lacks SYSCALL or no-execute pages");
    }
    if (f->xsave) {
        cpuid(0xd, 1, &a, &b, &c, &d);
        f->xsaveopt = bit(a, 0);
    }
    read_model();
}

void cpu_features_enable(void) {
    const struct cpu_features *f = &cpu_features;
    u64 cr0;
    __asm__ volatile("movq %%cr0, %0" : "=r"(cr0));
    cr0 = (cr0 & ~(CR0_EM | CR0_TS)) | CR0_MP | CR0_NE | CR0_WP;
    __asm__ volatile("movq %0, %%cr0" ::"r"(cr0));
    u64 cr4 = cr4_read() | CR4_DE | CR4_MCE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT;
    cr4 |= (f->umip ? CR4_UMIP : 0) | (f->fsgsbase ? CR4_FSGSBASE : 0);
    cr4 |= (f->smep ? CR4_SMEP : 0) | (f->smap ? CR4_SMAP : 0) | (f->xsave ? CR4_OSXSAVE : 0);
    cr4_write(cr4);
    msr_write(MSR_PAT, PAT_VALUE);
    msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_SCE | EFER_NXE);
    msr_write(MSR_STAR, (u64)0x23 << 48 | (u64)SEL_KERNEL_CODE << 32); // SYSRET: SS 0x2b, CS 0x33
    msr_write(MSR_LSTAR, (u64)syscall_entry);
    msr_write(MSR_SFMASK, SYSCALL_CLEARS);
}

// Turns the places marked in extable.h into STAC and CLAC. Text is not writable where it runs: the
// direct map's view is.
void cpu_patch_smap(void) {
    if (!cpu_features.smap) {
        return;
    }
    for (const i32 *site = kernel_smap_sites_start; site < kernel_smap_sites_end; site += 2) {
        u64 pa = (u64)site + (u64)(i64)site[0] - (u64)kernel_image_start + boot_facts.kernel_pa;
        u8 *code = (u8 *)(boot_facts.direct_map_base + pa);
        code[0] = 0x0f;
        code[1] = 0x01;
        code[2] = site[1] != 0 ? 0xcb : 0xca;
    }
    u32 a, b, c, d;
    cpuid(0, 0, &a, &b, &c, &d); // serialises
}

void cpu_init_boot(void) {
    cpu_features_read();
    cpu_features_enable();
    cpu_use_fsgsbase = cpu_features.fsgsbase;
    cpu_patch_smap();
    fpu_init_cpu(true);
    pic_disable();
    time_init();
}

const char *cpu_model(void) { return model; }

// ---- interrupts of this CPU
bool cpu_irq_enabled(void) {
    u64 flags;
    __asm__ volatile("pushfq; popq %0" : "=r"(flags));
    return (flags & RFLAGS_IF) != 0;
}

void cpu_irq_off(void) {
    bool were_on = cpu_irq_enabled();
    irq_hard_off();
    struct cpu_local *c = cpu_this();
    if (c->irq_off_depth++ == 0) {
        c->irq_were_on = were_on;
    }
}

void cpu_irq_restore(void) {
    struct cpu_local *c = cpu_this();
    if (--c->irq_off_depth == 0 && c->irq_were_on) {
        irq_hard_on();
    }
}

void cpu_idle_wait(void) { __asm__ volatile("sti; hlt; cli" ::: "memory"); }

// ---- bases of user segments
void cpu_set_user_fs(u64 base) {
    if (cpu_features.fsgsbase) {
        __asm__ volatile("wrfsbase %0" ::"r"(base));
    } else {
        msr_write(MSR_FS_BASE, base);
    }
}
u64 cpu_user_fs(void) {
    if (!cpu_features.fsgsbase) {
        return msr_read(MSR_FS_BASE);
    }
    u64 base;
    __asm__ volatile("rdfsbase %0" : "=r"(base));
    return base;
}
void cpu_set_user_gs(u64 base) { msr_write(MSR_KERNEL_GS_BASE, base); }
u64 cpu_user_gs(void) { return msr_read(MSR_KERNEL_GS_BASE); }

// ---- contexts
void cpu_context_init(struct cpu_context *c, void *stack_top, void (*entry)(void *), void *arg) {
    u64 *sp = stack_top; // popped by cpu_context_switch, from the bottom of the list up
    *--sp = (u64)context_start;
    *--sp = 0;                 // rbp
    *--sp = (u64)entry;        // rbx
    *--sp = (u64)arg;          // r12
    *--sp = 0;                 // r13
    *--sp = 0;                 // r14
    *--sp = 0;                 // r15
    *--sp = (u64)1 << 32 | 1u; // interrupts were on, held off once
    c->rsp = (u64)sp;
}

// ---- the end
[[noreturn]] void cpu_halt(void) {
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}

void cpu_control_registers(u64 *cr2, u64 *cr3, u64 *cr4) {
    *cr2 = cr2_read();
    *cr3 = cr3_read();
    *cr4 = cr4_read();
}

void cpu_debug_exit(u8 code) { io_out8(0xf4, code); }

[[noreturn]] void cpu_reset(void) {
    irq_hard_off();
    for (u32 i = 0; i < 1000 && (io_in8(0x64) & 2) != 0; i++) {
        cpu_pause();
    }
    io_out8(0x64, 0xfe); // the keyboard controller's reset line
    cpu_delay_us(10000);
    io_out8(0xcf9, 0x02);
    io_out8(0xcf9, 0x06); // the chip set's
    cpu_delay_us(10000);
    struct [[gnu::packed]] {
        u16 limit;
        u64 base;
    } none = {};
    __asm__ volatile("lidt %0; int3" ::"m"(none));
    cpu_halt();
}

// ---- backtrace
static bool kernel_text(u64 address) {
    return address >= (u64)kernel_image_start && address < (u64)kernel_text_end;
}

static bool is_mapped(u64 va) {
    struct paging p = {.root_pa = cr3_read() & ~PAGE_MASK,
                       .phys_offset = boot_facts.direct_map_base};
    u64 pa = 0, flags = 0;
    return paging_lookup(&p, va, &pa, &flags) == ERR_OK;
}

// A frame pointer is believed only if it stays above the last one and within the stack's likely
// pages.
void cpu_backtrace(u64 rbp, u64 *out, u32 max, u32 *count) {
    u64 low = rbp, high = low + KIB(32);
    *count = 0;
    while (*count < max && rbp >= low && rbp < high && rbp % 8 == 0 && rbp >> 47 == 0x1ffff) {
        const u64 *frame = (const u64 *)rbp;
        if (!is_mapped(rbp) || !is_mapped(rbp + 8) || !kernel_text(frame[1])) {
            return;
        }
        out[(*count)++] = frame[1];
        low = rbp + 16;
        rbp = frame[0];
    }
}
