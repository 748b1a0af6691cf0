// SPDX-License-Identifier: MIT
// What happens after entry.S has saved the registers: sorts entries by vector, calls the layer that
// knows (upcalls.h), and prepares the return to user mode.
//
// Invariants on the way to user mode: interrupts are off from the last look at the thread's work
// until IRET/SYSRET, so no signal can slip in between; segments and flags of the frame are forced,
// so no frame, wherever it came from, gives a program kernel rights; RIP is canonical, because IRET
// would fault on a bad one with the user's GS already loaded.
#include "arch_impl.h"
#include <arch/x86_64/mmu.h>
#include <arch/x86_64/upcalls.h>

static void force_user_frame(struct trap_frame *f) {
    f->cs = SEL_USER_CODE;
    f->ss = SEL_USER_DATA;
    f->rflags = (f->rflags & RFLAGS_USER_MASK) | RFLAGS_IF | 2;
    if (f->rip > USER_VA_END) {
        f->rip = USER_VA_END; // canonical and never mapped: faults in user mode
    }
}

// Interrupts are off at the end.
static void prepare_user(struct trap_frame *f) {
    irq_hard_off();
    while (upcall_user_work_pending()) {
        irq_hard_on();
        upcall_user_return(f);
        irq_hard_off();
    }
    if (CONFIG_DEBUG && cpu_this()->irq_off_depth != 0) {
        upcall_fatal("return to user mode with interrupts held off");
    }
    force_user_frame(f);
}

[[noreturn]] void trap_enter_user(struct trap_frame *frame) {
    prepare_user(frame);
    trap_leave(frame);
}

// True if SYSRET can restore everything: it loads RIP from RCX and RFLAGS from R11, and a
// non-canonical RCX would fault in kernel mode on the user's stack.
bool trap_syscall(struct trap_frame *f) {
    irq_hard_on();
    upcall_syscall(f);
    prepare_user(f);
    return f->rip == f->rcx && f->rflags == f->r11 && f->rip < USER_VA_END &&
           (f->rflags & RFLAGS_TF) == 0;
}

static void handle_irq(struct trap_frame *f) {
    struct cpu_local *c = cpu_this();
    c->in_irq++;
    switch (f->vector) {
    case VECTOR_TIMER:
        if (apic_timer_due()) {
            upcall_timer(f);
        }
        break;
    case VECTOR_RESCHEDULE:
        upcall_reschedule();
        break;
    case MMU_IPI_VECTOR:
        mmu_handle_ipi();
        break;
    default:
        upcall_irq((u32)f->vector, f);
        break;
    }
    apic_eoi();
    c->in_irq--;
    upcall_irq_exit(f);
}

static void handle_exception(struct trap_frame *f) {
    u64 va = f->vector == TRAP_PAGE_FAULT ? cr2_read() : 0; // before another fault can replace it
    if ((f->rflags & RFLAGS_IF) != 0) {
        irq_hard_on();
    }
    if (f->vector == TRAP_PAGE_FAULT) {
        upcall_page_fault(f, va);
    } else {
        upcall_trap(f);
    }
}

void trap_dispatch(struct trap_frame *f) {
    if (f->vector < VECTOR_PIC_FIRST) {
        handle_exception(f);
    } else if (f->vector == TRAP_INT80) {
        irq_hard_on();
        upcall_int80(f);
    } else if (f->vector >= VECTOR_IRQ_FIRST && f->vector != VECTOR_SPURIOUS) {
        handle_irq(f);
    } // else spurious, of the old PIC or the APIC: no end-of-interrupt
    if (trap_from_user(f)) {
        prepare_user(f);
    } else {
        irq_hard_off();
    }
}

// #DF, #MC, NMI, and #DB from the kernel: on an IST stack, interrupts off, nothing may sleep.
void trap_paranoid(struct trap_frame *f) {
    if (f->vector == TRAP_NMI) {
        if (cpu_stopping) {
            cpu_halt();
        }
        return;
    }
    upcall_trap(f);
}

bool trap_fixup(struct trap_frame *frame) {
    for (const i32 *e = kernel_extable_start; e < kernel_extable_end; e += 2) {
        if ((u64)e + (u64)(i64)e[0] == frame->rip) {
            frame->rip = (u64)(e + 1) + (u64)(i64)e[1];
            return true;
        }
    }
    return false;
}
