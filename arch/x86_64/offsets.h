// SPDX-License-Identifier: MIT
// Numbers that assembly and C share; descriptors.c and smp.c assert that the C structures agree.
#pragma once
#define CPU_LOCAL_USER_RSP  8
#define CPU_LOCAL_STACK_TOP 16
#define CPU_LOCAL_IRQ_DEPTH 40
#define CPU_LOCAL_IRQ_WERE  44
#define IST_STACK_BYTES     8192 // size and alignment; the lowest word holds the CPU's cpu_local
#define FRAME_VECTOR        (15 * 8)
#define FRAME_RIP           (17 * 8)
#define FRAME_CS            (18 * 8)
#define STUB_BYTES          16   // distance of the entry stubs of two vectors
#define TRAMPOLINE_GDT_BASE 0x02 // of the block at trampoline_data, see trampoline.S
#define TRAMPOLINE_JUMP     0x08
#define TRAMPOLINE_ROOT     0x10
#define TRAMPOLINE_STACK    0x18
#define TRAMPOLINE_ENTRY    0x20
#define TRAMPOLINE_ARG      0x28
#define TRAMPOLINE_GDT      0x30
