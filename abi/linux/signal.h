// SPDX-License-Identifier: MIT
// Signals as Linux x86-64 programs see them: numbers, siginfo, sigaction, the frame on the user
// stack. Source: Linux 6.1 user API headers, System V AMD64 psABI; XSAVE layout: Intel SDM 1
// ch. 13.
#pragma once
#include <lib/types.h>

enum linux_signal : int {
    LINUX_SIGHUP = 1,
    LINUX_SIGINT = 2,
    LINUX_SIGQUIT = 3,
    LINUX_SIGILL = 4,
    LINUX_SIGTRAP = 5,
    LINUX_SIGABRT = 6,
    LINUX_SIGBUS = 7,
    LINUX_SIGFPE = 8,
    LINUX_SIGKILL = 9,
    LINUX_SIGUSR1 = 10,
    LINUX_SIGSEGV = 11,
    LINUX_SIGUSR2 = 12,
    LINUX_SIGPIPE = 13,
    LINUX_SIGALRM = 14,
    LINUX_SIGTERM = 15,
    LINUX_SIGSTKFLT = 16,
    LINUX_SIGCHLD = 17,
    LINUX_SIGCONT = 18,
    LINUX_SIGSTOP = 19,
    LINUX_SIGTSTP = 20,
    LINUX_SIGTTIN = 21,
    LINUX_SIGTTOU = 22,
    LINUX_SIGURG = 23,
    LINUX_SIGXCPU = 24,
    LINUX_SIGXFSZ = 25,
    LINUX_SIGVTALRM = 26,
    LINUX_SIGPROF = 27,
    LINUX_SIGWINCH = 28,
    LINUX_SIGIO = 29,
    LINUX_SIGPWR = 30,
    LINUX_SIGSYS = 31,
    LINUX_SIGRTMIN = 32,
};

constexpr u64 LINUX_SIG_DFL = 0, LINUX_SIG_IGN = 1;
enum linux_sa_flags : u64 {
    LINUX_SA_NOCLDSTOP = 1,
    LINUX_SA_NOCLDWAIT = 2,
    LINUX_SA_SIGINFO = 4,
    LINUX_SA_EXPOSE_TAGBITS = 0x800,
    LINUX_SA_RESTORER = 0x04000000,
    LINUX_SA_ONSTACK = 0x08000000,
    LINUX_SA_RESTART = 0x10000000,
    LINUX_SA_NODEFER = 0x40000000,
    LINUX_SA_RESETHAND = 0x80000000,
};
constexpr u64 LINUX_SA_KNOWN = 0xdc000007;

enum linux_si_code : int {
    LINUX_SI_USER = 0,
    LINUX_SI_KERNEL = 0x80,
    LINUX_SI_QUEUE = -1,
    LINUX_SI_TIMER = -2,
    LINUX_SI_TKILL = -6,
    LINUX_ILL_ILLOPN = 2,
    LINUX_FPE_INTDIV = 1,
    LINUX_FPE_FLTDIV = 3,
    LINUX_FPE_FLTOVF = 4,
    LINUX_FPE_FLTUND = 5,
    LINUX_FPE_FLTRES = 6,
    LINUX_FPE_FLTINV = 7,
    LINUX_SEGV_MAPERR = 1,
    LINUX_SEGV_ACCERR = 2,
    LINUX_BUS_ADRALN = 1,
    LINUX_BUS_ADRERR = 2,
    LINUX_TRAP_BRKPT = 1,
    LINUX_TRAP_TRACE = 2,
    LINUX_CLD_EXITED = 1,
    LINUX_CLD_KILLED = 2,
    LINUX_CLD_DUMPED = 3,
    LINUX_CLD_STOPPED = 5,
    LINUX_CLD_CONTINUED = 6,
};

struct linux_sigaction {
    u64 handler, flags, restorer, mask;
};
static_assert(sizeof(struct linux_sigaction) == 32);

struct linux_siginfo {
    i32 signo, errno_, code, pad0;
    union {
        struct {
            i32 pid;
            u32 uid;
            u64 value;
        } queued;
        struct {
            i32 timer_id, overrun;
            u64 value;
        } timer;
        struct {
            i32 pid;
            u32 uid;
            i32 status, pad;
            i64 utime, stime;
        } child;
        struct {
            u64 addr;
        } fault;
        u8 bytes[112];
    };
};
static_assert(sizeof(struct linux_siginfo) == 128);

struct linux_stack {
    u64 sp;
    i32 flags;
    u32 pad0;
    u64 bytes;
};
enum linux_ss_flags : u32 {
    LINUX_SS_ONSTACK = 1,
    LINUX_SS_DISABLE = 2,
    LINUX_SS_AUTODISARM = 0x80000000
};
constexpr u64 LINUX_MINSIGSTKSZ = 2048;

struct linux_mcontext {
    u64 r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags;
    u16 cs, gs, fs, ss;
    u64 err, trapno, oldmask, cr2, fpstate;
    u64 reserved[8];
};
static_assert(sizeof(struct linux_mcontext) == 256);

struct linux_ucontext {
    u64 flags, link;
    struct linux_stack stack;
    struct linux_mcontext mcontext;
    u64 sigmask;
};
static_assert(sizeof(struct linux_ucontext) == 304);
constexpr u64 LINUX_UC_FP_XSTATE = 1, LINUX_UC_SIGCONTEXT_SS = 2, LINUX_UC_STRICT_RESTORE_SS = 4;

struct linux_sigframe { // what the handler's stack pointer points at
    u64 return_address;
    struct linux_ucontext ucontext;
    struct linux_siginfo info;
};
static_assert(sizeof(struct linux_sigframe) == 440);

// The last bytes of the legacy FXSAVE area tell how much follows it.
struct linux_fpx_sw {
    u32 magic1, extended_bytes;
    u64 features;
    u32 xstate_bytes, pad[7];
};
static_assert(sizeof(struct linux_fpx_sw) == 48);
constexpr u32 LINUX_FP_XSTATE_MAGIC1 = 0x46505853, LINUX_FP_XSTATE_MAGIC2 = 0x46505845;
constexpr size_t LINUX_FPX_SW_OFFSET = 464, LINUX_FXSAVE_BYTES = 512;

struct linux_sigevent {
    u64 value;
    i32 signo, notify;
    i32 thread_id;
    u8 pad[44];
};
static_assert(sizeof(struct linux_sigevent) == 64);
enum linux_sigev : i32 {
    LINUX_SIGEV_SIGNAL = 0,
    LINUX_SIGEV_NONE = 1,
    LINUX_SIGEV_THREAD = 2,
    LINUX_SIGEV_THREAD_ID = 4
};
