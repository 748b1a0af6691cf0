src := entry.S start.c cpu.c descriptors.c trap.c fpu.c time.c apic.c smp.c trampoline.S random.c shadow.c mem.c mmu.c usercopy.S pvh.S pvh.c
# Run before relocation, or before the sanitizers' world exists.
nosan += arch/x86_64/start.c arch/x86_64/shadow.c arch/x86_64/pvh.c arch/x86_64/random.c arch/x86_64/mem.c lib/paging/paging.c
