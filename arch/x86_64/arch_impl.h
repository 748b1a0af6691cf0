// SPDX-License-Identifier: MIT
// Shared inside arch/x86_64 only.
#pragma once
#include <abi/boot.h>
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/offsets.h>
#include <arch/x86_64/trap.h>

#pragma GCC visibility push(hidden) // addressed relative to RIP, also before relocation

// ---- addresses from kernel.ld
extern u8 kernel_image_start[], kernel_text_end[], kernel_rodata_end[], kernel_image_end[];
extern u8 kernel_rela_start[], kernel_rela_end[];
extern const i32 kernel_extable_start[], kernel_extable_end[];
extern const i32 kernel_smap_sites_start[], kernel_smap_sites_end[];

// ---- instructions
static inline void cpuid(u32 leaf, u32 sub, u32 *a, u32 *b, u32 *c, u32 *d) {
    __asm__ volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "a"(leaf), "c"(sub));
}
static inline u64 msr_read(u32 msr) {
    u32 lo, hi;
    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
    return ((u64)hi << 32) | lo;
}
static inline void msr_write(u32 msr, u64 v) {
    __asm__ volatile("wrmsr" ::"c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}
static inline u64 cr2_read(void) {
    u64 v;
    __asm__ volatile("movq %%cr2, %0" : "=r"(v));
    return v;
}
static inline u64 cr3_read(void) {
    u64 v;
    __asm__ volatile("movq %%cr3, %0" : "=r"(v));
    return v;
}
static inline void cr3_write(u64 v) { __asm__ volatile("movq %0, %%cr3" ::"r"(v) : "memory"); }
static inline u64 cr4_read(void) {
    u64 v;
    __asm__ volatile("movq %%cr4, %0" : "=r"(v));
    return v;
}
static inline void cr4_write(u64 v) { __asm__ volatile("movq %0, %%cr4" ::"r"(v) : "memory"); }
static inline void irq_hard_on(void) { __asm__ volatile("sti" ::: "memory"); }
static inline void irq_hard_off(void) { __asm__ volatile("cli" ::: "memory"); }

// a * b / c, exact in between; the result must fit. (The compiler's 128-bit division is a library call.)
static inline u64 mul_div(u64 a, u64 b, u64 c) {
    u64 high, low;
    __asm__("mulq %3\n\tdivq %4" : "=&a"(low), "=&d"(high) : "0"(a), "r"(b), "r"(c) : "cc");
    return low;
}

constexpr u32 MSR_APIC_BASE = 0x1b, MSR_TSC_DEADLINE = 0x6e0, MSR_PAT = 0x277;
constexpr u32 MSR_EFER = 0xc0000080, MSR_STAR = 0xc0000081, MSR_LSTAR = 0xc0000082;
constexpr u32 MSR_SFMASK = 0xc0000084, MSR_FS_BASE = 0xc0000100, MSR_GS_BASE = 0xc0000101;
constexpr u32 MSR_KERNEL_GS_BASE = 0xc0000102;

// ---- what this CPU offers (same on all CPUs; read once)
struct cpu_features {
    bool smep, smap, umip, fsgsbase, pcid, xsave, xsaveopt, x2apic, tsc_deadline, hypervisor;
    bool rdrand, rdseed;
};
extern struct cpu_features cpu_features;
extern u8 cpu_use_fsgsbase; // for entry.S

// ---- one CPU
struct [[gnu::packed]] tss {
    u32 reserved0;
    u64 rsp[3];
    u64 reserved1;
    u64 ist[7];
    u64 reserved2;
    u16 reserved3;
    u16 io_map_offset;
};
enum ist_stack : u32 { IST_FATAL, IST_NMI, IST_DEBUG, IST_COUNT }; // TSS.IST[i], gate value i + 1

struct cpu_area {
    struct cpu_local local; // first: found through GS
    u64 gdt[9];
    struct tss tss;
    u64 timer_deadline_ns;
    _Atomic bool online;
};
extern struct cpu_area cpu_areas[CPU_MAX];
static inline struct cpu_area *cpu_area_this(void) { return (struct cpu_area *)cpu_this(); }

// ---- parts
extern struct boot_facts { // kept from struct boot_info
    u64 direct_map_base;
    u64 kernel_pa;
    u64 trampoline_pa; // TRAMPOLINE_PAGES pages below 640 KiB, 0: none
    u64 root_pa;       // the kernel's page tables
    u64 tsc_at_entry;
} boot_facts;
constexpr u64 TRAMPOLINE_PAGES = 6;

void shadow_init_early(void);   // address-sanitizer kernels: first of all
void cpu_area_load(u32 idx);    // GS base, GDT, TSS, IDT of this CPU
void cpu_features_read(void);   // boot CPU
void cpu_features_enable(void); // control registers, MSRs, PAT, syscall: this CPU
void cpu_patch_smap(void);      // boot CPU, once
void cpu_areas_init(void);      // boot CPU, once: IDT contents, IST stacks
void fpu_init_cpu(bool boot_cpu);
void time_init(void);       // boot CPU: TSC frequency
u64 time_ns_to_tsc(u64 ns); // clock value -> TSC value
void apic_init_cpu(void);   // this CPU
bool apic_timer_due(void);  // timer interrupt: false if it came too early and was set again
void apic_eoi(void);
void apic_send(u32 apic_id, u32 command); // command: vector and delivery mode
void pic_disable(void);
extern _Atomic bool cpu_stopping; // panic: NMIs stop the CPU

// Names the compiler calls: the value and the failure of -fstack-protector.
extern u64 __stack_chk_guard;
[[noreturn]] void __stack_chk_fail(void);

// ---- entry.S
extern u8 trap_stubs[];
void syscall_entry(void);
[[noreturn]] void trap_leave(struct trap_frame *frame); // interrupts off
void context_start(void);
void kernel_entry(struct boot_info *boot);

// ---- called by assembly
[[noreturn]] void arch_start(struct boot_info *boot);
void trap_dispatch(struct trap_frame *frame);
void trap_paranoid(struct trap_frame *frame);
bool trap_syscall(struct trap_frame *frame);
[[noreturn]] void smp_entry(u64 idx);
struct hvm_start_info;
[[noreturn]] void pvh_main(const struct hvm_start_info *start);
[[noreturn]] void pvh_jump(u64 root_pa, u64 boot_info_va, u64 entry_va, u64 stack_va);
extern u8 pvh_end[];
extern u8 trampoline_start[], trampoline_data[], trampoline_long[], trampoline_end[];
#pragma GCC visibility pop
