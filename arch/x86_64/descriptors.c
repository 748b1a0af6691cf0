// SPDX-License-Identifier: MIT
// Segments, task state and the interrupt table. Every CPU has its own GDT and TSS; the IDT is
// shared. Source: Intel SDM 3A 3.5, 6.11, 7.7.
#include "arch_impl.h"

struct [[gnu::packed]] table_pointer {
    u16 limit;
    u64 base;
};
struct gate {
    u16 offset_low, selector;
    u8 ist, type;
    u16 offset_mid;
    u32 offset_high, reserved;
};
static_assert(sizeof(struct gate) == 16 && sizeof(struct tss) == 104);
static_assert(offsetof(struct cpu_local, user_rsp_scratch) == CPU_LOCAL_USER_RSP);
static_assert(offsetof(struct cpu_local, kernel_stack_top) == CPU_LOCAL_STACK_TOP);
static_assert(offsetof(struct cpu_local, irq_off_depth) == CPU_LOCAL_IRQ_DEPTH);
static_assert(offsetof(struct cpu_local, irq_were_on) == CPU_LOCAL_IRQ_WERE);
static_assert(offsetof(struct trap_frame, vector) == FRAME_VECTOR);
static_assert(offsetof(struct trap_frame, rip) == FRAME_RIP);
static_assert(offsetof(struct trap_frame, cs) == FRAME_CS);

constexpr u16 SEL_TSS = 0x38;
constexpr u8 GATE_INTERRUPT = 0x8e; // present, DPL 0, interrupts off
constexpr u8 GATE_USER = 0xee;      // the same, DPL 3

struct cpu_area cpu_areas[CPU_MAX];
static struct gate idt[256];
struct ist_area {
    alignas(IST_STACK_BYTES) u8 stacks[IST_COUNT][IST_STACK_BYTES];
};
static struct ist_area ist_areas[CPU_MAX];

static void set_gate(u32 vector, u8 type, u8 ist) {
    u64 target = (u64)trap_stubs + vector * STUB_BYTES;
    idt[vector] = (struct gate){
        .offset_low = (u16)target,
        .offset_mid = (u16)(target >> 16),
        .offset_high = (u32)(target >> 32),
        .selector = SEL_KERNEL_CODE,
        .ist = ist,
        .type = type,
    };
}

static void fill_idt(void) {
    for (u32 v = 0; v < countof(idt); v++) {
        set_gate(v, GATE_INTERRUPT, 0);
    }
    set_gate(TRAP_DEBUG, GATE_INTERRUPT, IST_DEBUG + 1);
    set_gate(TRAP_NMI, GATE_INTERRUPT, IST_NMI + 1);
    set_gate(TRAP_DOUBLE_FAULT, GATE_INTERRUPT, IST_FATAL + 1);
    set_gate(TRAP_MACHINE_CHECK, GATE_INTERRUPT, IST_FATAL + 1);
    set_gate(TRAP_BREAKPOINT, GATE_USER, 0);
    set_gate(TRAP_OVERFLOW, GATE_USER, 0);
    set_gate(TRAP_INT80, GATE_USER, 0);
}

static void fill_area(u32 idx) {
    struct cpu_area *a = &cpu_areas[idx];
    a->local.self = &a->local;
    a->local.idx = idx;
    a->timer_deadline_ns = ~(u64)0;
    for (u32 i = 0; i < IST_COUNT; i++) {
        u8 *stack = ist_areas[idx].stacks[i];
        *(struct cpu_local **)stack = &a->local; // the paranoid entry finds it here
        a->tss.ist[i] = (u64)stack + IST_STACK_BYTES;
    }
    a->tss.io_map_offset = sizeof(struct tss);
    u64 base = (u64)&a->tss;
    u64 tss_low = (sizeof(struct tss) - 1) | (base & 0xffffff) << 16 | (u64)0x89 << 40 |
                  (base >> 24 & 0xff) << 56;
    u64 gdt[countof(a->gdt)] = {
        [1] = 0x00af9b000000ffff, // kernel code
        [2] = 0x00cf93000000ffff, // kernel data
        [5] = 0x00cff3000000ffff, // user data
        [6] = 0x00affb000000ffff, // user code
        [7] = tss_low,
        [8] = base >> 32,
    };
    for (u32 i = 0; i < countof(gdt); i++) {
        a->gdt[i] = gdt[i];
    }
}

void cpu_areas_init(void) {
    fill_idt();
    fill_area(0);
}

void cpu_area_load(u32 idx) {
    struct cpu_area *a = &cpu_areas[idx];
    if (idx != 0) {
        fill_area(idx);
    }
    struct table_pointer gdt = {sizeof(a->gdt) - 1, (u64)a->gdt};
    struct table_pointer interrupts = {sizeof(idt) - 1, (u64)idt};
    __asm__ volatile("lgdt %0\n\t"
                     "pushq %1\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\tmovl %2, %%eax\n\t"
                     "movl %%eax, %%ss\n\t"
                     "xorl %%eax, %%eax\n\t"
                     "movl %%eax, %%ds\n\t"
                     "movl %%eax, %%es\n\t"
                     "movl %%eax, %%fs\n\t"
                     "movl %%eax, %%gs\n\t"
                     "lldt %%ax\n\t"
                     "ltr %w3\n\t"
                     "lidt %4"
                     :
                     : "m"(gdt), "i"((u64)SEL_KERNEL_CODE), "i"((u32)SEL_KERNEL_DATA),
                       "r"((u32)SEL_TSS), "m"(interrupts)
                     : "rax", "memory");
    msr_write(MSR_GS_BASE, (u64)a);
    msr_write(MSR_KERNEL_GS_BASE, 0);
    msr_write(MSR_FS_BASE, 0);
}

void cpu_set_kernel_stack(u64 top) {
    struct cpu_area *a = cpu_area_this();
    a->local.kernel_stack_top = top;
    a->tss.rsp[0] = top;
}
