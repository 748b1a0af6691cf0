// SPDX-License-Identifier: MIT
// From the loader's world to the kernel's: the boot CPU's first C function. Order matters: the
// sanitizer's shadow before any sanitized function, the stack guard while no function with a guarded
// frame runs, GS before anything that asks for the current CPU, the console before what can fail.
#include "arch_impl.h"
#include <arch/x86_64/upcalls.h>

struct boot_facts boot_facts;

// clang's fixed name for the value behind -mstack-protector-guard=global.
u64 __stack_chk_guard = 0x595e9fbd94fda766;

[[noreturn]] void __stack_chk_fail(void) { upcall_fatal("stack overwritten"); }

static void set_stack_guard(const struct boot_info *boot) {
    u64 guard = cpu_tsc() * 0x9e3779b97f4a7c15;
    for (u32 i = 0; i < sizeof(boot->entropy); i++) {
        guard = (guard ^ boot->entropy[i]) * 0x100000001b3;
    }
    __stack_chk_guard = guard & ~(u64)0xff; // a zero byte stops runaway strings
}

// Low memory is needed by starting CPUs, which begin in real mode. mm/phys hands out nothing below
// CPU_LOW_MEMORY_END.
static u64 find_trampoline(const struct boot_info *boot) {
    constexpr u64 bytes = TRAMPOLINE_PAGES * PAGE_SIZE;
    for (u32 i = 0; i < boot->memory_count; i++) {
        const struct boot_memory *m = &boot->memory[i];
        u64 start = MAX(m->start, KIB(32));
        if (m->kind == BOOT_MEM_USABLE && start + bytes <= MIN(m->start + m->bytes, KIB(640))) {
            return start;
        }
    }
    return 0;
}

// Nothing of the loader's identity map is needed any more.
static void drop_identity_map(const struct boot_info *boot) {
    u64 *root = (u64 *)(boot->direct_map_base + boot->page_tables_pa);
    for (u32 i = 0; i < 256; i++) {
        root[i] = 0;
    }
    cr3_write(boot->page_tables_pa);
}

[[noreturn]] void arch_start(struct boot_info *boot) {
    boot_facts = (struct boot_facts){
        .direct_map_base = boot->direct_map_base,
        .kernel_pa = boot->kernel_pa,
        .trampoline_pa = find_trampoline(boot),
        .root_pa = boot->page_tables_pa,
        .tsc_at_entry = boot->tsc_at_entry,
    };
    if (CONFIG_KASAN) {
        shadow_init_early();
    }
    set_stack_guard(boot);
    cpu_areas_init();
    cpu_area_load(0);
    drop_identity_map(boot);
    upcall_boot_console(boot);
    cpu_init_boot();
    kernel_main(boot);
}
