// SPDX-License-Identifier: MIT
// The register frame that every entry into the kernel builds (exceptions, interrupts, syscall, int 0x80), and leaving to user mode.
// Source: Intel SDM 3A ch. 6, SDM 2B SYSCALL.
#pragma once
#include <lib/types.h>

struct trap_frame { // pushed by entry.S, lowest address first
    u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    u64 vector; // TRAP_* or the interrupt vector
    u64 error;  // hardware error code, or for TRAP_SYSCALL the original rax
    u64 rip, cs, rflags, rsp, ss;
};
static_assert(sizeof(struct trap_frame) == 22 * 8);

enum trap_vector : u64 {
    TRAP_DIVIDE = 0,
    TRAP_DEBUG = 1,
    TRAP_NMI = 2,
    TRAP_BREAKPOINT = 3,
    TRAP_OVERFLOW = 4,
    TRAP_BOUND = 5,
    TRAP_OPCODE = 6,
    TRAP_DEVICE = 7,
    TRAP_DOUBLE_FAULT = 8,
    TRAP_TSS = 10,
    TRAP_SEGMENT = 11,
    TRAP_STACK = 12,
    TRAP_PROTECTION = 13,
    TRAP_PAGE_FAULT = 14,
    TRAP_FPU = 16,
    TRAP_ALIGNMENT = 17,
    TRAP_MACHINE_CHECK = 18,
    TRAP_SIMD = 19,
    TRAP_CONTROL = 21,
    TRAP_INT80 = 0x80,
    TRAP_SYSCALL = 0x100,
};
// Interrupt vectors. Devices get VECTOR_IRQ_FIRST..VECTOR_IRQ_LAST except 0x80.
constexpr u8 VECTOR_PIC_FIRST = 0x20, VECTOR_IRQ_FIRST = 0x30, VECTOR_IRQ_LAST = 0xef,
             VECTOR_TIMER = 0xf0;
constexpr u8 VECTOR_RESCHEDULE = 0xf1, VECTOR_SPURIOUS = 0xff; // TLB: MMU_IPI_VECTOR (mmu.h)
enum page_fault_bits : u64 {
    PF_PRESENT = 1,
    PF_WRITE = 2,
    PF_USER = 4,
    PF_RESERVED = 8,
    PF_FETCH = 16
};

constexpr u16 SEL_KERNEL_CODE = 0x08, SEL_KERNEL_DATA = 0x10, SEL_USER_DATA = 0x2b,
              SEL_USER_CODE = 0x33; // Linux's values
constexpr u64 RFLAGS_CF = 1, RFLAGS_TF = 1 << 8, RFLAGS_IF = 1 << 9, RFLAGS_DF = 1 << 10,
              RFLAGS_AC = 1 << 18, RFLAGS_ID = 1 << 21;
constexpr u64 RFLAGS_USER_MASK =
    0x244dd5; // the bits a user program may set: CF PF AF ZF SF TF DF OF NT AC ID

static inline bool trap_from_user(const struct trap_frame *f) { return (f->cs & 3) == 3; }

// Leaves to user mode with exactly these registers (segment selectors and RFLAGS are forced to safe values). Runs
// upcall_user_return first. Does not return.
[[noreturn]] void trap_enter_user(struct trap_frame *frame);

// If the faulting kernel instruction is a user copy with a fix-up, moves frame->rip there and says so.
bool trap_fixup(struct trap_frame *frame);
