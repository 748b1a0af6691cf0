// SPDX-License-Identifier: MIT
// From the syscall instruction to a handler. The table comes from abi/linux/syscall.def; a number
// without handler answers ENOSYS and is counted per call and program.
#include "linux_impl.h"
#include <exec/linux/linux.h>
#include <stdatomic.h>

#define HANDLER_full(name)                       linux_##name
#define HANDLER_partial(name)                    linux_##name
#define HANDLER_none(name)                       nullptr
#define SYSCALL(number, name, state, args, note) [number] = HANDLER_##state(name),
static linux_handler *const table[LINUX_CALLS] = {
#include <abi/linux/syscall.def>
};
#undef SYSCALL

static const struct {
    const char *name, *args;
} calls[LINUX_CALLS] = {
#define SYSCALL(number, name, state, args, note) [number] = {#name, args},
#include <abi/linux/syscall.def>
#undef SYSCALL
};

const char *linux_call_name(u64 nr) { return nr < LINUX_CALLS ? calls[nr].name : nullptr; }
const char *linux_call_args(u64 nr) { return nr < LINUX_CALLS ? calls[nr].args : nullptr; }

static i64 own_error(i64 result) {
    switch (result) {
#define ERR(name, value, text)
#define ERR_OWN(name, value, parent, text)                                                         \
    case -(value):                                                                                 \
        return ERR_##parent;
#include <abi/errors.def>
#undef ERR
#undef ERR_OWN
    default:
        return result;
    }
}

static void linux_syscall(struct trap_frame *f) {
    u64 nr = f->error;
    linux_handler *h = nr < LINUX_CALLS ? table[nr] : nullptr;
    i64 result;
    if (unlikely(process_current()->tracing)) {
        linux_traced(f, h, nr, &result);
    } else if (likely(h != nullptr)) {
        result = h(f);
    } else {
        linux_unknown(nr);
        result = ERR_NOSYS;
    }
    if (unlikely(result < 0 && result > -5000)) {
        if (result < -4095) {
            result = own_error(result);
        } else if (result <= ERR_RESTARTSYS && result >= ERR_RESTART_BLOCK) {
            atomic_fetch_or(&thread_current()->user_work, USER_WORK_SIGNAL);
        }
    }
    f->rax = (u64)result;
}

// ---- unknown calls, by call and program

constexpr u32 UNKNOWN_MAX = 128;
static struct unknown {
    _Atomic u32 used; // number + 1
    char comm[16];
    _Atomic u64 count;
} unknown[UNKNOWN_MAX];
static _Atomic u64 unknown_lost;

void linux_unknown(u64 nr) {
    const char *comm = user_thread_current()->comm;
    u32 key = (u32)MIN(nr, (u64)0xfffffffe) + 1;
    for (u32 i = 0; i < UNKNOWN_MAX; i++) {
        u32 free = 0;
        if (unknown[i].used == key && text_equal(unknown[i].comm, comm)) {
            unknown[i].count++;
            return;
        }
        if (unknown[i].used == 0 && atomic_compare_exchange_strong(&unknown[i].used, &free, key)) {
            (void)text_copy(unknown[i].comm, sizeof(unknown[i].comm), comm);
            unknown[i].count = 1;
            return;
        }
    }
    unknown_lost++;
}

void linux_print_calls(struct text *t) {
    text_add(t, "# calls answered with ENOSYS: number name program count\n");
    for (u32 i = 0; i < UNKNOWN_MAX && unknown[i].used != 0; i++) {
        u64 nr = unknown[i].used - 1;
        const char *name = linux_call_name(nr);
        text_printf(t, "%lu %s %s %lu\n", nr, name == nullptr ? "?" : name, unknown[i].comm,
                    (u64)unknown[i].count);
    }
    if (unknown_lost != 0) {
        text_printf(t, "# %lu more did not fit\n", (u64)unknown_lost);
    }
}

static void thread_ending(struct user_thread *t) { futex_thread_ending(t); }

const struct exec_layer linux_layer = {
    .name = "linux",
    .syscall = linux_syscall,
    .deliver_signals = linux_deliver,
    .trap = linux_trap,
    .thread_ending = thread_ending,
    .print_calls = linux_print_calls,
};

void linux_init(void) { proc_linux_layer = &linux_layer; }
