// SPDX-License-Identifier: MIT
// Every way into the kernel and out of it. All build struct trap_frame (trap.h) on a kernel stack and call C.
//
// GS: user code runs with its own GS base and the kernel's in MSR_KERNEL_GS_BASE; `swapgs` on entry from user mode and on return to it,
// with interrupts off. NMI, #MC, #DF and #DB may strike between the two, and with FSGSBASE the user's base may be any value, so these
// four come in on IST stacks whose lowest word names the CPU: the paranoid entry loads that as GS base and puts the found value back.
// A #DB from user mode moves to the thread's own stack and is then an exception like others (its signal may sleep).
// Source: Intel SDM 3A 6.14, 2B SYSCALL/SYSRET/SWAPGS.
#include <arch/x86_64/extable.h>
#include <arch/x86_64/offsets.h>

    .hidden trap_dispatch, trap_paranoid, trap_syscall, arch_start, boot_stack, cpu_use_fsgsbase
    .text

    .globl kernel_entry
    .hidden kernel_entry
kernel_entry:
    cli
    cld
    leaq boot_stack + 32 * 1024(%rip), %rsp
    xorl %ebp, %ebp
    call arch_start
    ud2

.macro push_registers // above rdi
    pushq %rsi
    pushq %rdx
    pushq %rcx
    pushq %rax
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
.endm
.macro pop_registers_but_rdi
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rax
    popq %rcx
    popq %rdx
    popq %rsi
.endm

// ---- one stub a vector, STUB_BYTES apart
    .balign STUB_BYTES
    .globl trap_stubs
    .hidden trap_stubs
trap_stubs:
.set vector, 0
.rept 256
    .balign STUB_BYTES
.if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
    pushq $0
.endif
    pushq $vector
.if vector == 1
    jmp debug_entry
.elseif vector == 2 || vector == 8 || vector == 18
    jmp paranoid_entry
.else
    jmp trap_entry
.endif
.set vector, vector + 1
.endr
    .balign STUB_BYTES

trap_entry:
    pushq %rdi
    testb $3, FRAME_CS - FRAME_VECTOR + 8(%rsp)
    jz from_kernel
    swapgs
from_user:
    push_registers
    xorl %ebp, %ebp // backtraces end here
    cld
    USER_ACCESS_OFF
    movq %rsp, %rdi
    call trap_dispatch
    jmp leave_to_user
from_kernel:
    push_registers
    cld
    USER_ACCESS_OFF
    movq %rsp, %rdi
    call trap_dispatch
    pop_registers_but_rdi
    popq %rdi
    addq $16, %rsp
    iretq

// void trap_leave(struct trap_frame *frame): interrupts are off, the frame is checked
    .globl trap_leave
    .hidden trap_leave
trap_leave:
    movq %rdi, %rsp
leave_to_user:
    pop_registers_but_rdi
    popq %rdi
    addq $16, %rsp
    swapgs
    iretq

// ---- IST entries
debug_entry:
    pushq %rdi
    testb $3, FRAME_CS - FRAME_VECTOR + 8(%rsp)
    jz paranoid_common
    swapgs
    movq %rsp, %rdi
    movq %gs:CPU_LOCAL_STACK_TOP, %rsp
    pushq 56(%rdi) // ss
    pushq 48(%rdi)
    pushq 40(%rdi)
    pushq 32(%rdi)
    pushq 24(%rdi)
    pushq 16(%rdi) // error
    pushq 8(%rdi)
    pushq (%rdi)
    jmp from_user

paranoid_entry:
    pushq %rdi
paranoid_common:
    push_registers
    cld
    USER_ACCESS_OFF
    movq %rsp, %rbx
    andq $-IST_STACK_BYTES, %rbx
    movq (%rbx), %rbx
    cmpb $0, cpu_use_fsgsbase(%rip)
    je 1f
    rdgsbase %r12
    wrgsbase %rbx
    jmp 2f
1:  movl $0xc0000101, %ecx
    rdmsr
    movl %eax, %r12d
    shlq $32, %rdx
    orq %rdx, %r12
    movq %rbx, %rax
    movq %rbx, %rdx
    shrq $32, %rdx
    wrmsr
2:  movq %rsp, %rdi
    call trap_paranoid
    cmpb $0, cpu_use_fsgsbase(%rip)
    je 3f
    wrgsbase %r12
    jmp 4f
3:  movl $0xc0000101, %ecx
    movq %r12, %rax
    movq %r12, %rdx
    shrq $32, %rdx
    wrmsr
4:  pop_registers_but_rdi
    popq %rdi
    addq $16, %rsp
    iretq

// ---- SYSCALL: RCX = user RIP, R11 = user RFLAGS, interrupts off, still on the user's stack
    .globl syscall_entry
    .hidden syscall_entry
    .balign 16
syscall_entry:
    swapgs
    movq %rsp, %gs:CPU_LOCAL_USER_RSP
    movq %gs:CPU_LOCAL_STACK_TOP, %rsp
    pushq $0x2b
    pushq %gs:CPU_LOCAL_USER_RSP
    pushq %r11
    pushq $0x33
    pushq %rcx
    pushq %rax
    pushq $0x100
    pushq %rdi
    push_registers
    xorl %ebp, %ebp
    movq %rsp, %rdi
    call trap_syscall
    testb %al, %al
    jz leave_to_user
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rax
    popq %rcx
    popq %rdx
    popq %rsi
    popq %rdi
    movq 5 * 8(%rsp), %rsp
    swapgs
    sysretq

// ---- context switch: callee-saved registers and the state of cpu_irq_off stay on the old stack
// void cpu_context_switch(struct cpu_context *from, struct cpu_context *to)
    .globl cpu_context_switch
    .hidden cpu_context_switch
cpu_context_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    pushq %gs:CPU_LOCAL_IRQ_DEPTH // both: depth in the low half, were_on in the byte above it
    movq %rsp, (%rdi)
    movq (%rsi), %rsp
    popq %rax
    movl %eax, %gs:CPU_LOCAL_IRQ_DEPTH
    shrq $32, %rax
    movb %al, %gs:CPU_LOCAL_IRQ_WERE
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret

    .globl context_start
    .hidden context_start
context_start: // first switch to a new context: RBX = entry, R12 = argument
    movq %r12, %rdi
    xorl %ebp, %ebp
    call *%rbx
    ud2

    .section .note.GNU-stack, "", @progbits
