// SPDX-License-Identifier: MIT
// One CPU: instructions, per-CPU base, context switch, FPU state, timer, other CPUs, power.
// Source: Intel SDM 2, 3A.
#pragma once
#include <lib/types.h>

constexpr u32 CPU_MAX = 16;
constexpr u64 CPU_LOW_MEMORY_END =
    1 << 20; // mm/phys hands out nothing below: starting CPUs and firmware use it

// The page attribute table (PAT) by the PWT and PCD bits of an entry: plain = write-back, PWT = write-combining,
// PCD = uncached unless an MTRR says write-combining, PCD | PWT = uncached.

static inline void cpu_pause(void) { __builtin_ia32_pause(); }
static inline void cpu_barrier(void) { __asm__ volatile("" ::: "memory"); }
static inline u8 io_in8(u16 port) {
    u8 v;
    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}
static inline u16 io_in16(u16 port) {
    u16 v;
    __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}
static inline u32 io_in32(u16 port) {
    u32 v;
    __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}
static inline void io_out8(u16 port, u8 v) { __asm__ volatile("outb %0, %1" ::"a"(v), "Nd"(port)); }
static inline void io_out16(u16 port, u16 v) {
    __asm__ volatile("outw %0, %1" ::"a"(v), "Nd"(port));
}
static inline void io_out32(u16 port, u32 v) {
    __asm__ volatile("outl %0, %1" ::"a"(v), "Nd"(port));
}
static inline void cpu_id(u32 leaf, u32 sub, u32 out[4]) {
    __asm__ volatile("cpuid"
                     : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
                     : "a"(leaf), "c"(sub));
}
static inline u64 cpu_tsc(void) {
    u32 lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return ((u64)hi << 32) | lo;
}

// ---- per-CPU block, reached through GS. The first words are used by entry.S.
struct thread; // kernel/sched
struct cpu_local {
    struct cpu_local *self;
    u64 user_rsp_scratch;
    u64 kernel_stack_top; // of the current thread; also in the TSS
    struct thread *current;
    u32 idx;
    u32 apic_id;
    i32 irq_off_depth; // nesting of cpu_irq_off
    bool irq_were_on;  // at depth 0
    bool need_resched;
    u32 preempt_off_depth;
    u32 in_irq;       // nesting of interrupt handlers
    void *sched;      // struct run_queue of this CPU (kernel/sched)
    void *phys_cache; // per-CPU page cache (mm/phys)
    u64 words[16]; // free for upper layers' per-CPU counters; index named in kernel/base/percpu.h
};
static inline struct cpu_local *cpu_this(void) { // stable only while preemption is off
    struct cpu_local *c;
    __asm__ volatile("movq %%gs:0, %0" : "=r"(c));
    return c;
}
static inline struct thread *cpu_current_thread(void) { // always stable
    struct thread *t;
    __asm__ volatile("movq %%gs:%c1, %0" : "=r"(t) : "i"(offsetof(struct cpu_local, current)));
    return t;
}
extern u32 cpu_count;                  // CPUs online
struct cpu_local *cpu_by_idx(u32 idx); // null if not online

// The nesting state belongs to the running code: cpu_context_switch keeps it on the old stack and takes the new one's.
// Interrupts off, nesting; the outermost _restore turns them on again if they were on.
void cpu_irq_off(void);
void cpu_irq_restore(void);
static inline void cpu_irq_start(void) {
    __asm__ volatile("sti" ::: "memory");
} // once on each CPU, when it is ready
bool cpu_irq_enabled(void);
void cpu_idle_wait(
    void); // sti; hlt: call with interrupts off; returns with interrupts off after one

// ---- context switch. Called with interrupts off. A new context starts in entry(arg) with cpu_irq_off in effect once
// (depth 1) and cpu_irq_restore then turning interrupts on; entry must not return.
struct cpu_context {
    u64 rsp;
}; // callee-saved registers live on the kernel stack
void cpu_context_init(struct cpu_context *c, void *stack_top, void (*entry)(void *), void *arg);
void cpu_context_switch(struct cpu_context *from, struct cpu_context *to);
void cpu_set_kernel_stack(u64 top); // TSS.RSP0 and cpu_local.kernel_stack_top

// ---- user FPU/vector state and bases (XSAVE; the kernel itself never uses them)
size_t fpu_area_bytes(void);        // size of a save area, 64-byte aligned
u64 fpu_features(void);             // XCR0
void fpu_area_init(void *area);     // state of a new program
void fpu_save(void *area);          // this CPU's registers -> area
void fpu_restore(const void *area); // area is trusted (kernel memory, checked)
bool fpu_area_check(
    void *area); // makes a user-supplied area safe to restore; false if it cannot be
void cpu_set_user_fs(u64 base);
void cpu_set_user_gs(u64 base);
u64 cpu_user_fs(void);
u64 cpu_user_gs(void);

// ---- time
u64 cpu_time_ns(void); // monotonic since boot, all CPUs agree; TSC-based
u64 cpu_tsc_hz(void);
void cpu_timer_set(
    u64 deadline_ns); // this CPU's one-shot timer; U64_MAX stops it; past deadlines fire at once
void cpu_delay_us(u64 us); // busy wait

// ---- other CPUs. cpu_init_boot has run before kernel_main; cpu_apic_init is for the kernel to call, after mmu_init.
struct acpi_cpu {
    u32 apic_id;
    u32 acpi_id;
};
void cpu_init_boot(
    void); // GDT, IDT, TSS, control registers (NX WP SMEP SMAP UMIP FSGSBASE), XSAVE; boot CPU
void cpu_apic_init(u64 lapic_pa); // LAPIC/x2APIC and timer calibration
err_t cpu_start_secondary(u32 idx, u32 apic_id,
                          void *stack_top); // INIT-SIPI-SIPI; upcall_cpu_started runs there
void cpu_ipi_reschedule(u32 idx);
void cpu_ipi_mask(u64 cpu_mask,
                  u8 vector);   // to the online CPUs of the mask but this one; VECTOR_* of trap.h
void cpu_ipi_stop_others(void); // panic: halts every other CPU
[[noreturn]] void cpu_halt(void);
void cpu_random_words(u64 *out, u32 count,
                      u32 *good); // RDSEED/RDRAND words; *good of them are hardware random
void cpu_control_registers(u64 *cr2, u64 *cr3, u64 *cr4); // for reports
void cpu_debug_exit(
    u8 code); // QEMU's isa-debug-exit at 0xf4: ends it with status code * 2 + 1; else does nothing
[[noreturn]] void cpu_reset(void); // keyboard controller, 0xCF9, triple fault
const char *cpu_model(void);       // CPUID brand string
void cpu_backtrace(u64 rbp, u64 *out, u32 max,
                   u32 *count); // return addresses; never faults on a damaged stack
