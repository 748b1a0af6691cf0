// SPDX-License-Identifier: MIT
// Copies between kernel and user memory. Whole words first; a fault there goes on byte by byte, so that the count of bytes not
// copied is exact. That count is in RCX at the end. mm/vm asks whether a fault lies between usercopy_text_start and _end:
// no other kernel code may touch user memory.
#include <arch/x86_64/extable.h>

.text
.global usercopy_text_start
.hidden usercopy_text_start
usercopy_text_start:

// size_t usercopy_in(void *dst, u64 src, size_t bytes)
// size_t usercopy_out(u64 dst, const void *src, size_t bytes)
.global usercopy_in, usercopy_out
.hidden usercopy_in, usercopy_out
.type usercopy_in, @function
.type usercopy_out, @function
.balign 16
usercopy_in:
usercopy_out:
    movq %rdx, %rcx
    andl $7, %edx
    shrq $3, %rcx
    USER_ACCESS_ON
1:  rep movsq
    movl %edx, %ecx
2:  rep movsb
3:  USER_ACCESS_OFF
    movq %rcx, %rax
    ret
4:  leaq (%rdx, %rcx, 8), %rcx
    jmp 2b
    EXTABLE(1b, 4b)
    EXTABLE(2b, 3b)
.size usercopy_in, . - usercopy_in

// size_t usercopy_zero(u64 dst, size_t bytes)
.global usercopy_zero
.hidden usercopy_zero
.type usercopy_zero, @function
.balign 16
usercopy_zero:
    movq %rsi, %rcx
    andl $7, %esi
    shrq $3, %rcx
    xorl %eax, %eax
    USER_ACCESS_ON
1:  rep stosq
    movl %esi, %ecx
2:  rep stosb
3:  USER_ACCESS_OFF
    movq %rcx, %rax
    ret
4:  leaq (%rsi, %rcx, 8), %rcx
    jmp 2b
    EXTABLE(1b, 4b)
    EXTABLE(2b, 3b)
.size usercopy_zero, . - usercopy_zero

// size_t usercopy_load_u32(u64 src, u32 *out): 0, or 4 after a fault
.global usercopy_load_u32
.hidden usercopy_load_u32
.type usercopy_load_u32, @function
.balign 16
usercopy_load_u32:
    USER_ACCESS_ON
1:  movl (%rdi), %eax
    USER_ACCESS_OFF
    movl %eax, (%rsi)
    xorl %eax, %eax
    ret
2:  USER_ACCESS_OFF
    movl $4, %eax
    ret
    EXTABLE(1b, 2b)
.size usercopy_load_u32, . - usercopy_load_u32

// size_t usercopy_cmpxchg_u32(u64 address, u32 expected, u32 desired, u32 *seen): 0, or 4 after a fault
.global usercopy_cmpxchg_u32
.hidden usercopy_cmpxchg_u32
.type usercopy_cmpxchg_u32, @function
.balign 16
usercopy_cmpxchg_u32:
    movl %esi, %eax
    USER_ACCESS_ON
1:  lock cmpxchgl %edx, (%rdi)
    USER_ACCESS_OFF
    movl %eax, (%rcx)
    xorl %eax, %eax
    ret
2:  USER_ACCESS_OFF
    movl $4, %eax
    ret
    EXTABLE(1b, 2b)
.size usercopy_cmpxchg_u32, . - usercopy_cmpxchg_u32

.global usercopy_text_end
.hidden usercopy_text_end
usercopy_text_end:
.section .note.GNU-stack, "", @progbits
