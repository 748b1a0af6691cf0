// SPDX-License-Identifier: MIT
// What the architecture asks of the layers above it.
#include <arch/x86_64/upcalls.h>
#include <kernel/base/panic.h>
#include <kernel/sched/thread.h>
#include <mm/vm/space.h>
#include <proc/process.h>

static const char *trap_name(u64 vector) {
    static const char *const names[] = {"divide error",
                                        "debug",
                                        "NMI",
                                        "breakpoint",
                                        "overflow",
                                        "bound range",
                                        "invalid opcode",
                                        "device not available",
                                        "double fault",
                                        "coprocessor",
                                        "invalid TSS",
                                        "segment not present",
                                        "stack fault",
                                        "general protection",
                                        "page fault",
                                        "trap 15",
                                        "x87 error",
                                        "alignment check",
                                        "machine check",
                                        "SIMD error",
                                        "virtualization",
                                        "control protection"};
    return vector < countof(names) ? names[vector] : "unknown trap";
}

void upcall_trap(struct trap_frame *frame) {
    if (trap_from_user(frame)) {
        process_current()->layer->trap(frame, 0, VM_FAULT_OK);
        return;
    }
    if (!trap_fixup(frame)) {
        panic_trap(frame, trap_name(frame->vector), 0);
    }
}

void upcall_page_fault(struct trap_frame *frame, u64 va) {
    enum vm_fault why;
    if (vm_handle_page_fault(frame, va, &why)) {
        return;
    }
    if (trap_from_user(frame)) {
        process_current()->layer->trap(frame, va, why);
        return;
    }
    if (va >= USER_VA_END || !trap_fixup(frame)) {
        panic_trap(frame, "page fault in the kernel", va);
    }
}

void upcall_int80(struct trap_frame *frame) { frame->rax = (u64)(i64)ERR_NOSYS; }

void upcall_syscall(struct trap_frame *frame) { process_current()->layer->syscall(frame); }

void upcall_user_return(struct trap_frame *frame) {
    struct thread *t = thread_current();
    if (t->user_work & USER_WORK_RESCHED) {
        t->user_work &= ~(u32)USER_WORK_RESCHED;
        thread_yield();
    }
    if (t->process != nullptr) {
        process_current()->layer->deliver_signals(frame);
    }
}
