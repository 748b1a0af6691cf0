// SPDX-License-Identifier: MIT
// Starting the other CPUs. One begins in real mode at a page below 1 MiB, where the boot CPU has
// put a copy of trampoline.S and small page tables: the kernel half of the running ones, and the
// trampoline page at its physical address. Its first C function is smp_entry. One CPU starts at a
// time; the pages are used again for each. Source: Intel SDM 3A 9.4, 9.8.5; MultiProcessor
// Specification B.4.
#include "arch_impl.h"
#include <arch/x86_64/upcalls.h>
#include <lib/mem.h>
#include <lib/paging/paging.h>

constexpr u32 IPI_INIT = 0x4500, IPI_STARTUP = 0x4600;
constexpr u64 START_TIMEOUT_NS = NS_PER_SEC;

struct low_pages {
    u64 next_pa, end_pa;
};

static void *low_ptr(u64 pa) { return (void *)(boot_facts.direct_map_base + pa); }

static err_t low_table(void *arg, u64 *pa_out) {
    struct low_pages *pages = arg;
    if (pages->next_pa == pages->end_pa) {
        return ERR_NOMEM;
    }
    *pa_out = pages->next_pa;
    pages->next_pa += PAGE_SIZE;
    memset(low_ptr(*pa_out), 0, PAGE_SIZE);
    return ERR_OK;
}

static err_t build_trampoline(u64 idx, u64 stack_top) {
    u64 pa = boot_facts.trampoline_pa;
    struct low_pages pages = {pa + PAGE_SIZE, pa + TRAMPOLINE_PAGES * PAGE_SIZE};
    struct paging p = {
        .phys_offset = boot_facts.direct_map_base, .alloc_table = low_table, .arg = &pages};
    TRY(paging_init(&p));
    TRY(paging_map(&p, pa, pa, PAGE_SIZE, 0));
    u64 *root = low_ptr(p.root_pa);
    const u64 *kernel_root = low_ptr(boot_facts.root_pa);
    memcpy(root + 256, kernel_root + 256, 256 * sizeof(u64));

    u8 *code = low_ptr(pa);
    memcpy(code, trampoline_start, (size_t)(trampoline_end - trampoline_start));
    u64 data = (u64)(trampoline_data - trampoline_start);
    u32 gdt = (u32)(pa + data + (u64)TRAMPOLINE_GDT);
    memcpy(code + data + TRAMPOLINE_GDT_BASE, &gdt, sizeof(gdt)); // not aligned
    *(u32 *)(code + data + TRAMPOLINE_JUMP) = (u32)(pa + (u64)(trampoline_long - trampoline_start));
    *(u64 *)(code + data + TRAMPOLINE_ROOT) = p.root_pa;
    *(u64 *)(code + data + TRAMPOLINE_STACK) = stack_top;
    *(u64 *)(code + data + TRAMPOLINE_ENTRY) = (u64)smp_entry;
    *(u64 *)(code + data + TRAMPOLINE_ARG) = idx;
    return ERR_OK;
}

static bool wait_online(u32 idx, u64 ns) {
    u64 end = cpu_time_ns() + ns;
    while (!cpu_areas[idx].online) {
        if (cpu_time_ns() > end) {
            return false;
        }
        cpu_pause();
    }
    return true;
}

err_t cpu_start_secondary(u32 idx, u32 apic_id, void *stack_top) {
    if (idx == 0 || idx >= CPU_MAX || cpu_areas[idx].online) {
        return ERR_INVAL;
    }
    if (boot_facts.trampoline_pa == 0) {
        return ERR_NODEV;
    }
    TRY(build_trampoline(idx, (u64)stack_top));
    u32 page = (u32)(boot_facts.trampoline_pa >> PAGE_SHIFT);
    apic_send(apic_id, IPI_INIT);
    cpu_delay_us(cpu_features.hypervisor ? 10 : 10000);
    apic_send(apic_id, IPI_STARTUP | page);
    if (!wait_online(idx, 20 * NS_PER_MS)) { // hardware may need a second one
        apic_send(apic_id, IPI_STARTUP | page);
    }
    return wait_online(idx, START_TIMEOUT_NS) ? ERR_OK : ERR_TIMEDOUT;
}

[[noreturn]] void smp_entry(u64 idx) {
    cr3_write(boot_facts.root_pa);
    cpu_area_load((u32)idx);
    cpu_features_enable();
    fpu_init_cpu(false);
    apic_init_cpu();
    __atomic_fetch_add(&cpu_count, 1, __ATOMIC_SEQ_CST);
    cpu_areas[idx].online = true;
    upcall_cpu_started((u32)idx);
}
