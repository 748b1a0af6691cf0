src := entry.S start.c cpu.c descriptors.c trap.c fpu.c time.c apic.c smp.c trampoline.S random.c mem.c mmu.c usercopy.S pvh.S pvh.c
# Run before relocation and before the kernel's address space exists.
nosan += arch/x86_64/pvh.c arch/x86_64/random.c arch/x86_64/mem.c lib/paging/paging.c
