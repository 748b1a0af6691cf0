// SPDX-License-Identifier: MIT
// For assembly: instructions of the kernel that may fault on a user address, and the switch that allows user access.
//
//   1:  movb (%rsi), %al
//       EXTABLE(1b, 9f)        a fault at 1 continues at 9 (trap_fixup); AC is then as it was at 1: end with USER_ACCESS_OFF
//
// USER_ACCESS_ON / USER_ACCESS_OFF are STAC / CLAC where the CPU has SMAP, else they stay 3-byte no-operations: cpu.c patches
// them through the direct map before the first use. Entries are distances from themselves: they need no relocation.
// clang-format off: assembler macros
#pragma once
#define EXTABLE(insn, fixup)                                                                       \
    .pushsection .extable, "a";                                                                    \
    .balign 4;                                                                                     \
    .long (insn) - .;                                                                              \
    .long (fixup) - .;                                                                             \
    .popsection
#define SMAP_SITE(kind)                                                                            \
    771: .byte 0x0f, 0x1f, 0x00;                                                                   \
    .pushsection .smap_sites, "a";                                                                 \
    .balign 4;                                                                                     \
    .long 771b - .;                                                                                \
    .long kind;                                                                                    \
    .popsection
#define USER_ACCESS_ON SMAP_SITE(1)
#define USER_ACCESS_OFF SMAP_SITE(0)
