// SPDX-License-Identifier: MIT
// From the boot stack to a running scheduler. Everything that may sleep happens later, in the
// wakeup thread (order.c).
#include "init_impl.h"
#include <arch/x86_64/upcalls.h>
#include <io/dev/acpi.h>
#include <io/dev/irq.h>
#include <kernel/base/cmdline.h>
#include <kernel/base/entropy.h>
#include <kernel/base/kasan.h>
#include <kernel/base/log.h>
#include <kernel/base/panic.h>
#include <kernel/sched/thread.h>
#include <kernel/sched/work.h>
#include <lib/mem.h>
#include <mm/heap/heap.h>
#include <mm/phys/page.h>
#include <mm/vm/kmap.h>
#include <mm/vm/space.h>

struct boot_info boot;

static u64 usable_bytes(void) {
    u64 sum = 0;
    for (u32 i = 0; i < boot.memory_count; i++) {
        sum += boot.memory[i].kind == BOOT_MEM_USABLE ? boot.memory[i].bytes : 0;
    }
    return sum;
}

static void memory_start(void) {
    mmu_direct_map_base = boot.direct_map_base;
    phys_init(&boot);
    phys_init_cpu(0);
    mmu_init(boot.page_tables_pa, boot.direct_map_base);
    kasan_init(&boot);
    heap_init();
    kmap_init();
    vm_init();
}

void kernel_main(struct boot_info *handed) {
    if (handed->magic != BOOT_MAGIC || handed->version != BOOT_VERSION) {
        panic("the loader speaks another boot protocol (version %u, wanted %u)", handed->version,
              BOOT_VERSION);
    }
    memcpy(&boot, handed, sizeof(boot));
    cmdline_init(boot.cmdline);
    log_configure(boot.cmdline);
    log(BOOT, INFO, "Hornet on %s entry=%s memory_mib=%lu cmdline=\"%s\"", cpu_model(),
        boot.entry == BOOT_ENTRY_UEFI ? "uefi" : "pvh", usable_bytes() >> 20, boot.cmdline);
    memory_start();
    entropy_init(boot.entropy, sizeof(boot.entropy));
    acpi_init(boot.rsdp);
    cpu_apic_init(acpi_lapic_pa());
    irq_init();
    sched_init();
    cpu_irq_start();
    sched_start_services();
    work_init();
    struct thread *t;
    if (thread_create("wakeup", wakeup, nullptr, &t) != ERR_OK) {
        panic("no memory for the first thread");
    }
    thread_start(t);
    thread_put(t);
    sched_idle();
}
