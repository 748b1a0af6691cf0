// SPDX-License-Identifier: MIT
// What the system call files share. A handler gets the caller's registers and returns the result,
// or a negative error (ERR_RESTART* codes and our own errors are translated by dispatch.c and
// sigframe.c).
#pragma once
#include <abi/linux/signal.h>
#include <abi/linux/types.h>
#include <kernel/base/lock.h>
#include <kernel/base/log.h>
#include <kernel/base/panic.h>
#include <kernel/sched/timer.h>
#include <lib/mem.h>
#include <mm/heap/heap.h>
#include <mm/vm/copy.h>
#include <proc/process.h>

typedef i64 linux_handler(struct trap_frame *f);
#define HANDLER_full(name)    linux_handler linux_##name;
#define HANDLER_partial(name) linux_handler linux_##name;
#define HANDLER_none(name)
#define SYSCALL(number, name, state, args, note) HANDLER_##state(name)
#include <abi/linux/syscall.def>
#undef SYSCALL
#undef HANDLER_full
#undef HANDLER_partial
#undef HANDLER_none

// ---- arguments
static inline u64 arg0(const struct trap_frame *f) { return f->rdi; }
static inline u64 arg1(const struct trap_frame *f) { return f->rsi; }
static inline u64 arg2(const struct trap_frame *f) { return f->rdx; }
static inline u64 arg3(const struct trap_frame *f) { return f->r10; }
static inline u64 arg4(const struct trap_frame *f) { return f->r8; }
static inline u64 arg5(const struct trap_frame *f) { return f->r9; }
static inline struct uptr user(u64 va) { return (struct uptr){va}; }
constexpr u64 LINUX_NO_CALL = ~(u64)0; // in frame->error: no call is to be restarted

#define PASS(expr)                                                                                 \
    do {                                                                                           \
        err_t pass_err_ = (expr);                                                                  \
        if (pass_err_ != ERR_OK) {                                                                 \
            return (i64)pass_err_;                                                                 \
        }                                                                                          \
    } while (0)
static inline err_t restartable(err_t err) { return err == ERR_INTR ? ERR_RESTARTSYS : err; }

// ---- places: where a path call starts, and its path (paths.c)
struct at {
    struct walk_base base;
    struct fd_ref dir;
    bool has_dir, owned;
    const char *path; // kernel copy, in the thread's buffer `slot`
};
err_t at_begin(struct at *a, int dirfd, struct uptr path, int slot);
void at_end(struct at *a);
err_t at_walk(struct at *a, u32 walk_flags, struct path *out); // a reference
// Like both with AT_EMPTY_PATH: the descriptor's own place when the path is empty. *out with
// references.
err_t place_find(int dirfd, struct uptr path, u32 at_flags, bool follow, struct path *out);
err_t path_string(struct uptr path, int slot, const char **out);
void file_place(struct file *f, struct path *out); // borrowed

static inline const struct cred *cred_now(void) { return user_thread_current()->cred; }

// ---- time
err_t timespec_in(struct uptr src, u64 *ns); // ERR_INVAL if not normal or negative
err_t timespec_out(struct uptr dst, u64 ns);
static inline struct linux_timespec timespec_of(u64 ns) {
    return (struct linux_timespec){(i64)(ns / NS_PER_SEC), (i64)(ns % NS_PER_SEC)};
}
static inline struct linux_timeval timeval_of(u64 ns) {
    return (struct linux_timeval){(i64)(ns / NS_PER_SEC), (i64)(ns % NS_PER_SEC / 1000)};
}

// ---- signals
err_t sigset_in(struct uptr src, u64 bytes, sigset64 *out); // ERR_INVAL: bytes is not 8
void siginfo_to_linux(const struct siginfo *s, struct linux_siginfo *out);
void linux_deliver(struct trap_frame *f);
void linux_trap(struct trap_frame *f, u64 va, enum vm_fault why);
// A temporary mask until the next handler ran (sigsuspend, ppoll, pselect, epoll_pwait).
void sigmask_swap_for_call(sigset64 mask);
void sigmask_end_call(bool interrupted); // not interrupted: the old mask is back at once

// ---- futex
void futex_thread_ending(struct user_thread *t);

// ---- files made here
bool file_is_epoll(const struct file *f);
err_t linux_wait_result_out(u64 status_va, u64 rusage_va);

// ---- trace and counters
void linux_traced(struct trap_frame *f, linux_handler *h, u64 nr, i64 *result);
const char *linux_call_name(u64 nr); // null: no such number
const char *linux_call_args(u64 nr);
const char *linux_errno_name(i64 err);
void linux_unknown(u64 nr);
void linux_print_calls(struct text *t);
constexpr u64 LINUX_CALLS = 451;
