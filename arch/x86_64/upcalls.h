// SPDX-License-Identifier: MIT
// What the architecture calls in the layers above it. Each is implemented exactly once, by the folder named.
#pragma once
#include <abi/boot.h>
#include <arch/x86_64/trap.h>

// kernel/base: any exception not handled below. Panics with registers when it came from the kernel.
// exec/linux (through proc): exceptions from user mode become signals. Interrupts are on if they were on.
void upcall_trap(struct trap_frame *frame); // kernel/init/upcalls.c dispatches
void upcall_page_fault(struct trap_frame *frame,
                       u64 va); // kernel/init/upcalls.c -> mm/vm, then signals
void upcall_irq(
    u32 vector,
    struct trap_frame *frame); // io/dev/irq.c; interrupts off; EOI is done by arch after it
void upcall_timer(
    struct trap_frame *frame); // kernel/sched/timer.c: this CPU's timer fired; interrupts off
void upcall_reschedule(void);  // kernel/sched: IPI asked this CPU to reschedule; interrupts off
void upcall_syscall(struct trap_frame *frame); // exec/linux; interrupts on
void upcall_int80(struct trap_frame *frame);   // exec/hornet (until then: -ENOSYS)
void upcall_user_return(
    struct trap_frame *frame); // kernel/init: signals, reschedule; called with interrupts on, only
                               // when the thread's user_work is not 0
bool upcall_user_work_pending(
    void); // kernel/sched: the current thread's user_work != 0; interrupts off
void upcall_irq_exit(struct trap_frame *frame); // kernel/sched: preempts if needed; interrupts off
err_t upcall_alloc_table(struct pa *out);       // mm/phys: one zeroed page for a page table
void upcall_free_table(struct pa table);        // mm/phys; all its entries are 0 again
void upcall_boot_console(
    const struct boot_info *boot); // kernel/base: command line, log, early serial console
void upcall_log(const char *text); // kernel/base: a line of the log, area CPU
[[noreturn]] void upcall_fatal(const char *why);   // kernel/base: panic
[[noreturn]] void upcall_cpu_started(u32 cpu_idx); // kernel/init: a secondary CPU is in the kernel
[[noreturn]] void
kernel_main(struct boot_info *boot); // kernel/init: called by kernel_entry on the boot stack
