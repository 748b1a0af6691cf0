// SPDX-License-Identifier: MIT
// Where a starting CPU begins: a copy of this, at the start of a page below 1 MiB, in real mode with CS = page / 16. Goes straight to
// long mode on the tables that smp.c made. All addresses are offsets from the page; the few absolute ones smp.c fills in.
#include <arch/x86_64/offsets.h>
#define AT(symbol) ((symbol) - trampoline_start)
    .section .rodata.trampoline, "a"
    .globl trampoline_start, trampoline_data, trampoline_long, trampoline_end
    .hidden trampoline_start, trampoline_data, trampoline_long, trampoline_end
    .code16
trampoline_start:
    cli
    cld
    movw %cs, %ax
    movw %ax, %ds
    movl $0x20, %eax // PAE
    movl %eax, %cr4
    movl AT(trampoline_data) + TRAMPOLINE_ROOT, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx // EFER: long mode, no-execute
    rdmsr
    orl $0x900, %eax
    wrmsr
    lgdtl AT(trampoline_data)
    movl $0x80010001, %eax // paging, write protection, protected mode; caches on
    movl %eax, %cr0
    ljmpl *(AT(trampoline_data) + TRAMPOLINE_JUMP)

    .code64
trampoline_long:
    movl $16, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    leaq trampoline_data(%rip), %rbx
    movq TRAMPOLINE_STACK(%rbx), %rsp
    movq TRAMPOLINE_ARG(%rbx), %rdi
    xorl %ebp, %ebp
    call *TRAMPOLINE_ENTRY(%rbx)
    ud2

    .balign 16
trampoline_data:
    .word 23 // GDT limit
    .long 0  // its address, TRAMPOLINE_GDT behind trampoline_data
    .word 0
    .long 0, 8 // far jump: offset, selector
    .quad 0, 0, 0, 0 // root, stack, entry, argument
    .quad 0
    .quad 0x00af9b000000ffff
    .quad 0x00cf93000000ffff
trampoline_end:
    .section .note.GNU-stack, "", @progbits
