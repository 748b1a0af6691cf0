// SPDX-License-Identifier: MIT
// The PVH entry: 32-bit protected mode, paging off, EBX = struct hvm_start_info. Identity-maps the first 4 GiB, enters long
// mode and calls the C part. The image still lies where it was put (PVH_PA of kernel.ld): 32-bit code finds everything by its
// distance from pvh_start. The boot stack is not used yet: its lower part holds the tables, its top the stack of this stub.
// Source: Xen docs/misc/pvh.pandoc, Intel SDM 3A 9.8.5.
#define PVH_PA 0x200000
#define PHYS(symbol) ((symbol) - pvh_start + PVH_PA)
#define TABLES PHYS(boot_stack)
#define STUB_STACK_TOP (32 * 1024)

    .section .text.pvh, "ax"
    .code32
    .globl pvh_start
    .hidden pvh_start
    .hidden boot_stack
pvh_start:
    cli
    cld
    movl %ebx, %ebp
    // tables: root at 0, level 3 at 4 KiB, four of level 2 at 8 KiB and on
    movl $TABLES, %ebx
    movl %ebx, %edi
    xorl %eax, %eax
    movl $(6 * 1024), %ecx
    rep stosl
    leal 0x1003(%ebx), %eax
    movl %eax, (%ebx)
    leal 0x2003(%ebx), %eax
    xorl %ecx, %ecx
1:  movl %eax, 0x1000(%ebx, %ecx, 8)
    addl $0x1000, %eax
    incl %ecx
    cmpl $4, %ecx
    jb 1b
    movl $0x83, %eax // present, writable, 2 MiB
    xorl %ecx, %ecx
2:  movl %eax, 0x2000(%ebx, %ecx, 8)
    addl $0x200000, %eax
    incl %ecx
    cmpl $2048, %ecx
    jb 2b

    movl %cr4, %eax
    orl $0x20, %eax // PAE
    movl %eax, %cr4
    movl %ebx, %cr3
    movl $0xc0000080, %ecx // EFER: long mode, no-execute
    rdmsr
    orl $0x900, %eax
    wrmsr
    movl %cr0, %eax
    orl $0x80010001, %eax // paging, write protection, protected mode
    movl %eax, %cr0
    leal STUB_STACK_TOP(%ebx), %esp
    subl $8, %esp
    movl $PHYS(pvh_gdt), %eax
    movw $23, (%esp)
    movl %eax, 2(%esp)
    lgdtl (%esp)
    addl $8, %esp
    pushl $8
    pushl $PHYS(pvh_long)
    lretl

    .balign 8
pvh_gdt:
    .quad 0
    .quad 0x00af9b000000ffff // code, 64 bit
    .quad 0x00cf93000000ffff // data

    .code64
pvh_long:
    movl $16, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movl %ebp, %edi
    leaq STUB_STACK_TOP(%rbx), %rsp
    xorl %ebp, %ebp
    call pvh_main
    ud2

// void pvh_jump(u64 root_pa, u64 boot_info_va, u64 entry_va, u64 stack_va): this page is in both maps.
    .globl pvh_jump
    .hidden pvh_jump
pvh_jump:
    movq %rdi, %cr3
    movq %rsi, %rdi
    movq %rcx, %rsp
    xorl %ebp, %ebp
    jmp *%rdx
    .globl pvh_end
    .hidden pvh_end
pvh_end:

    .section .boot_stack, "aw", @progbits
    .balign 4096
    .globl boot_stack
boot_stack:
    .skip 32 * 1024
    .section .note.GNU-stack, "", @progbits
