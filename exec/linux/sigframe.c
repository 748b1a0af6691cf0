// SPDX-License-Identifier: MIT
// Delivery: the frame a handler runs on, coming back from it, restarting interrupted calls,
// exceptions as signals.
//
// The frame (psABI, struct linux_sigframe) lies below the vector state: [frame][fpstate, 64-byte
// aligned][old stack]. Everything that comes back through rt_sigreturn is untrusted: segment
// selectors and flags are forced by the architecture, the vector state is checked before it is
// restored.
#include "linux_impl.h"
#include <stdatomic.h>

constexpr u64 RED_ZONE = 128;
constexpr u64 SYSCALL_BYTES = 2; // the instruction is 0f 05
constexpr u64 RESTART_NR = 219;

void siginfo_to_linux(const struct siginfo *s, struct linux_siginfo *out) {
    *out = (struct linux_siginfo){.signo = s->signo, .errno_ = s->errno_, .code = s->code};
    bool fault = s->code > 0 && s->code < 0x80 && s->signo != LINUX_SIGCHLD;
    if (s->signo == LINUX_SIGCHLD && s->code > 0) {
        out->child.pid = (i32)s->pid;
        out->child.uid = s->uid;
        out->child.status = s->status;
        out->child.utime = s->utime;
        out->child.stime = s->stime;
    } else if (fault) {
        out->fault.addr = s->addr;
    } else if (s->code == LINUX_SI_TIMER) {
        out->timer.timer_id = s->timer_id;
        out->timer.overrun = s->overrun;
        out->timer.value = s->value;
    } else {
        out->queued.pid = (i32)s->pid;
        out->queued.uid = s->uid;
        out->queued.value = s->value;
    }
}

// ---- alternate stack

static bool on_alt_stack(const struct user_thread *t, u64 sp) {
    return t->alt_stack_bytes != 0 && sp > t->alt_stack && sp - t->alt_stack <= t->alt_stack_bytes;
}
static u32 alt_stack_state(const struct user_thread *t, u64 sp) {
    return t->alt_stack_bytes == 0 ? (u32)LINUX_SS_DISABLE
           : on_alt_stack(t, sp)   ? (u32)LINUX_SS_ONSTACK
                                   : 0;
}
static struct linux_stack alt_stack_get(const struct user_thread *t, u64 sp) {
    return (struct linux_stack){
        .sp = t->alt_stack,
        .bytes = t->alt_stack_bytes,
        .flags = (i32)(alt_stack_state(t, sp) | (t->alt_stack_flags & LINUX_SS_AUTODISARM))};
}
static err_t alt_stack_set(struct user_thread *t, const struct linux_stack *s, u64 sp) {
    u32 mode = (u32)s->flags & ~(u32)LINUX_SS_AUTODISARM;
    if (on_alt_stack(t, sp)) {
        return ERR_PERM;
    }
    if (mode != 0 && mode != LINUX_SS_ONSTACK && mode != LINUX_SS_DISABLE) {
        return ERR_INVAL;
    }
    if (mode == LINUX_SS_DISABLE) {
        t->alt_stack = t->alt_stack_bytes = 0;
    } else {
        if (s->bytes < LINUX_MINSIGSTKSZ) {
            return ERR_NOMEM;
        }
        t->alt_stack = s->sp;
        t->alt_stack_bytes = s->bytes;
    }
    t->alt_stack_flags = (u32)s->flags;
    return ERR_OK;
}
i64 linux_sigaltstack(struct trap_frame *f) {
    struct user_thread *t = user_thread_current();
    struct linux_stack old = alt_stack_get(t, f->rsp), set;
    if (arg0(f) != 0) {
        PASS(copy_in(&set, user(arg0(f)), sizeof(set)));
        PASS(alt_stack_set(t, &set, f->rsp));
    }
    return arg1(f) == 0 ? ERR_OK : copy_out(user(arg1(f)), &old, sizeof(old));
}

// ---- vector state

static bool has_xsave(void) { return fpu_area_bytes() > LINUX_FXSAVE_BYTES; }
static size_t fpstate_bytes(void) { return fpu_area_bytes() + (has_xsave() ? sizeof(u32) : 0); }

static err_t fpstate_out(u64 va) {
    struct thread *t = thread_current();
    preempt_off();
    fpu_save(t->fpu);
    preempt_on(); // a switch from here on saves the same registers to the same place
    TRY(copy_out(user(va), t->fpu, fpu_area_bytes()));
    if (!has_xsave()) {
        return ERR_OK;
    }
    struct linux_fpx_sw sw = {.magic1 = LINUX_FP_XSTATE_MAGIC1,
                              .extended_bytes = (u32)fpstate_bytes(),
                              .features = fpu_features(),
                              .xstate_bytes = (u32)fpu_area_bytes()};
    TRY(copy_out(user(va + LINUX_FPX_SW_OFFSET), &sw, sizeof(sw)));
    u32 magic2 = LINUX_FP_XSTATE_MAGIC2;
    return copy_out(user(va + fpu_area_bytes()), &magic2, sizeof(magic2));
}

static void fpu_load(const void *area) {
    struct thread *t = thread_current();
    preempt_off();
    memcpy(t->fpu, area, fpu_area_bytes());
    fpu_restore(t->fpu);
    preempt_on();
}

// True if the user's area carries the whole extended state.
static bool fpstate_is_extended(u64 va) {
    struct linux_fpx_sw sw;
    u32 magic2;
    return has_xsave() && copy_in(&sw, user(va + LINUX_FPX_SW_OFFSET), sizeof(sw)) == ERR_OK &&
           sw.magic1 == LINUX_FP_XSTATE_MAGIC1 && sw.xstate_bytes == fpu_area_bytes() &&
           copy_in(&magic2, user(va + fpu_area_bytes()), sizeof(magic2)) == ERR_OK &&
           magic2 == LINUX_FP_XSTATE_MAGIC2;
}

static err_t fpstate_in(u64 va) {
    u8 *area;
    TRY(heap_alloc(fpu_area_bytes(), (void **)&area));
    fpu_area_init(area);
    err_t err = ERR_OK;
    if (va != 0) {
        bool extended = fpstate_is_extended(va);
        err = copy_in(area, user(va), extended ? fpu_area_bytes() : LINUX_FXSAVE_BYTES);
        if (err == ERR_OK && has_xsave() && !extended) {
            u64 components = 3; // x87 and SSE
            memcpy(area + LINUX_FXSAVE_BYTES, &components, sizeof(components));
        }
        if (err == ERR_OK && !fpu_area_check(area)) {
            err = ERR_INVAL;
        }
    }
    if (err == ERR_OK) {
        fpu_load(area);
    }
    heap_free(&area);
    return err;
}

// ---- the frame

static void registers_out(const struct trap_frame *f, struct linux_mcontext *m) {
    *m = (struct linux_mcontext){
        .r8 = f->r8,
        .r9 = f->r9,
        .r10 = f->r10,
        .r11 = f->r11,
        .r12 = f->r12,
        .r13 = f->r13,
        .r14 = f->r14,
        .r15 = f->r15,
        .rdi = f->rdi,
        .rsi = f->rsi,
        .rbp = f->rbp,
        .rbx = f->rbx,
        .rdx = f->rdx,
        .rax = f->rax,
        .rcx = f->rcx,
        .rsp = f->rsp,
        .rip = f->rip,
        .eflags = f->rflags,
        .cs = SEL_USER_CODE,
        .ss = SEL_USER_DATA,
    };
}
static void registers_in(struct trap_frame *f, const struct linux_mcontext *m) {
    f->r8 = m->r8;
    f->r9 = m->r9;
    f->r10 = m->r10;
    f->r11 = m->r11;
    f->r12 = m->r12;
    f->r13 = m->r13;
    f->r14 = m->r14;
    f->r15 = m->r15;
    f->rdi = m->rdi;
    f->rsi = m->rsi;
    f->rbp = m->rbp;
    f->rbx = m->rbx;
    f->rdx = m->rdx;
    f->rax = m->rax;
    f->rcx = m->rcx;
    f->rsp = m->rsp;
    f->rip = m->rip;
    f->rflags = (m->eflags & RFLAGS_USER_MASK) | RFLAGS_IF | 2;
    f->cs = SEL_USER_CODE;
    f->ss = SEL_USER_DATA;
}

static err_t frame_build(struct trap_frame *f, const struct siginfo *info,
                         const struct sig_action *a) {
    struct user_thread *t = user_thread_current();
    bool switch_stack = a->flags & LINUX_SA_ONSTACK && alt_stack_state(t, f->rsp) == 0;
    u64 sp = switch_stack ? t->alt_stack + t->alt_stack_bytes : f->rsp - RED_ZONE;
    u64 fpstate = ALIGN_DOWN(sp - fpstate_bytes(), 64);
    u64 at = ALIGN_DOWN(fpstate - sizeof(struct linux_sigframe), 16) - 8;
    if (!switch_stack && on_alt_stack(t, f->rsp) && !on_alt_stack(t, at)) {
        return ERR_FAULT; // the alternate stack would overflow
    }
    struct linux_sigframe frame = {.return_address = a->restorer};
    if (!(a->flags & LINUX_SA_RESTORER)) {
        return ERR_FAULT; // x86-64 has no other way back
    }
    frame.ucontext.flags = LINUX_UC_SIGCONTEXT_SS | LINUX_UC_STRICT_RESTORE_SS |
                           (has_xsave() ? LINUX_UC_FP_XSTATE : 0);
    frame.ucontext.stack = alt_stack_get(t, f->rsp);
    registers_out(f, &frame.ucontext.mcontext);
    frame.ucontext.mcontext.fpstate = fpstate;
    if (info->code > 0 && info->code < 0x80 && info->signo != LINUX_SIGCHLD) {
        frame.ucontext.mcontext.cr2 = info->addr;
        frame.ucontext.mcontext.err = (u64)info->errno_ == 0 ? (u64)info->value : 0;
        frame.ucontext.mcontext.trapno = (u64)info->status;
    }
    frame.ucontext.sigmask = t->restore_blocked ? t->saved_blocked : t->blocked;
    frame.ucontext.mcontext.oldmask = frame.ucontext.sigmask;
    siginfo_to_linux(info, &frame.info);
    TRY(fpstate_out(fpstate));
    TRY(copy_out(user(at), &frame, sizeof(frame)));
    if (t->alt_stack_flags & LINUX_SS_AUTODISARM) {
        t->alt_stack = t->alt_stack_bytes = 0;
        t->alt_stack_flags = LINUX_SS_DISABLE;
    }
    f->rsp = at;
    f->rip = a->handler;
    f->rdi = (u64)info->signo;
    f->rsi = at + offsetof(struct linux_sigframe, info);
    f->rdx = at + offsetof(struct linux_sigframe, ucontext);
    f->rax = 0;
    f->rflags &= ~(RFLAGS_DF | RFLAGS_TF | (u64)1 << 16);
    return ERR_OK;
}

static void handle(struct trap_frame *f, const struct siginfo *info, const struct sig_action *a) {
    struct user_thread *t = user_thread_current();
    if (frame_build(f, info, a) != ERR_OK) {
        struct siginfo fatal = {.signo = LINUX_SIGSEGV, .code = LINUX_SI_KERNEL};
        if (info->signo ==
            LINUX_SIGSEGV) { // its own handler cannot run: the default ends the process
            struct sig_action plain = {.handler = LINUX_SIG_DFL};
            signal_set_action(LINUX_SIGSEGV, &plain, nullptr);
        }
        signal_force(&fatal);
        return;
    }
    t->restore_blocked = false;
    sigset64 mask = t->blocked | a->mask;
    if (!(a->flags & LINUX_SA_NODEFER)) {
        mask |= sig_bit(info->signo);
    }
    signal_set_blocked(mask);
}

// ---- restart

static bool restart_wanted(const struct trap_frame *f) {
    i64 r = (i64)f->rax;
    return f->vector == TRAP_SYSCALL && f->error != LINUX_NO_CALL && r <= ERR_RESTARTSYS &&
           r >= ERR_RESTART_BLOCK;
}
static void restart_with_handler(struct trap_frame *f, const struct sig_action *a) {
    i64 r = (i64)f->rax;
    bool again = r == ERR_RESTARTNOINTR || (r == ERR_RESTARTSYS && a->flags & LINUX_SA_RESTART);
    if (again) {
        f->rax = f->error;
        f->rip -= SYSCALL_BYTES;
    } else {
        f->rax = (u64)(i64)ERR_INTR;
    }
    f->error = LINUX_NO_CALL;
}
static void restart_without_handler(struct trap_frame *f) {
    f->rax = (i64)f->rax == ERR_RESTART_BLOCK ? RESTART_NR : f->error;
    f->rip -= SYSCALL_BYTES;
    f->error = LINUX_NO_CALL;
}

void linux_deliver(struct trap_frame *f) {
    struct siginfo info;
    struct sig_action action;
    while (signal_next(&info, &action)) {
        if (restart_wanted(f)) {
            restart_with_handler(f, &action);
        }
        handle(f, &info, &action);
    }
    if (restart_wanted(f)) {
        restart_without_handler(f);
    }
    sigmask_end_call(false);
}

i64 linux_restart_syscall(struct trap_frame *f) {
    unused_arg(f);
    struct user_thread *t = user_thread_current();
    i64 result = 0;
    if (t->restart == nullptr) {
        return ERR_INTR;
    }
    err_t err = t->restart(t, &result);
    return err == ERR_OK ? result : (i64)err;
}

i64 linux_rt_sigreturn(struct trap_frame *f) {
    struct user_thread *t = user_thread_current();
    struct linux_ucontext uc;
    u64 at = f->rsp - sizeof(u64);
    err_t err = copy_in(&uc, user(at + offsetof(struct linux_sigframe, ucontext)), sizeof(uc));
    if (err == ERR_OK) {
        signal_set_blocked(uc.sigmask);
        registers_in(f, &uc.mcontext);
        err = fpstate_in(uc.mcontext.fpstate);
    }
    f->error = LINUX_NO_CALL;
    t->restart = nullptr;
    if (err != ERR_OK) {
        struct siginfo info = {.signo = LINUX_SIGSEGV, .code = LINUX_SI_KERNEL};
        signal_force(&info);
        return 0;
    }
    (void)alt_stack_set(t, &uc.stack, f->rsp); // errors are ignored, as in Linux
    return (i64)f->rax;
}

// ---- exceptions

static void fault(int sig, int code, u64 addr, const struct trap_frame *f) {
    struct siginfo info = {
        .signo = sig, .code = code, .addr = addr, .value = f->error, .status = (i32)f->vector};
    struct process *p = process_current();
    struct user_thread *t = user_thread_current();
    if (p->handlers->actions[sig].handler == LINUX_SIG_DFL) {
        log(LINUX, DEBUG, "fault sig=%d code=%d comm=%s pid=%u rip=0x%lx addr=0x%lx", sig, code,
            t->comm, p->pid, f->rip, addr);
    }
    signal_force(&info);
}

static int fpe_code(u64 vector) {
    u32 mxcsr;
    u16 status;
    if (vector == TRAP_SIMD) {
        __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
        u32 open = mxcsr & ~(mxcsr >> 7) & 0x3f;
        return open & 1    ? LINUX_FPE_FLTINV
               : open & 4  ? LINUX_FPE_FLTDIV
               : open & 8  ? LINUX_FPE_FLTOVF
               : open & 16 ? LINUX_FPE_FLTUND
                           : LINUX_FPE_FLTRES;
    }
    __asm__ volatile("fnstsw %0" : "=m"(status));
    return status & 1    ? LINUX_FPE_FLTINV
           : status & 4  ? LINUX_FPE_FLTDIV
           : status & 8  ? LINUX_FPE_FLTOVF
           : status & 16 ? LINUX_FPE_FLTUND
                         : LINUX_FPE_FLTRES;
}

void linux_trap(struct trap_frame *f, u64 va, enum vm_fault why) {
    switch (f->vector) {
    case TRAP_PAGE_FAULT:
        if (why == VM_FAULT_OOM) {
            process_out_of_memory(); // and the instruction runs again
        } else if (why == VM_FAULT_BUS) {
            fault(LINUX_SIGBUS, LINUX_BUS_ADRERR, va, f);
        } else {
            fault(LINUX_SIGSEGV, why == VM_FAULT_ACCERR ? LINUX_SEGV_ACCERR : LINUX_SEGV_MAPERR, va,
                  f);
        }
        break;
    case TRAP_DIVIDE:
        fault(LINUX_SIGFPE, LINUX_FPE_INTDIV, f->rip, f);
        break;
    case TRAP_FPU:
    case TRAP_SIMD:
        fault(LINUX_SIGFPE, fpe_code(f->vector), f->rip, f);
        break;
    case TRAP_DEBUG:
        f->rflags &= ~RFLAGS_TF;
        fault(LINUX_SIGTRAP, LINUX_TRAP_TRACE, f->rip, f);
        break;
    case TRAP_BREAKPOINT:
        fault(LINUX_SIGTRAP, LINUX_SI_KERNEL, 0, f);
        break;
    case TRAP_OPCODE:
        fault(LINUX_SIGILL, LINUX_ILL_ILLOPN, f->rip, f);
        break;
    case TRAP_ALIGNMENT:
        fault(LINUX_SIGBUS, LINUX_BUS_ADRALN, 0, f);
        break;
    case TRAP_STACK:
    case TRAP_SEGMENT:
        fault(LINUX_SIGBUS, LINUX_SI_KERNEL, 0, f);
        break;
    default:
        fault(LINUX_SIGSEGV, LINUX_SI_KERNEL, 0, f);
    }
}
