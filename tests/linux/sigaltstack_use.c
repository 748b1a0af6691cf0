// SPDX-License-Identifier: MIT
// sigaltstack: handlers on it, nested ones, stack overflow caught, errors.
#include "check.h"

static char alternate[65536];
static volatile sig_atomic_t on_it;
static sigjmp_buf back;
static bool inside(void *p) {
    return (char *)p >= alternate && (char *)p < alternate + sizeof alternate;
}
static void handler(int sig) {
    int local = sig;
    on_it = inside(&local);
    stack_t now;
    sigaltstack(nullptr, &now);
    say("in the handler: on the stack %d flag %d", on_it, (now.ss_flags & SS_ONSTACK) != 0);
    stack_t other = {.ss_sp = alternate, .ss_size = sizeof alternate};
    E(sigaltstack(&other, nullptr));
}
static void overflow(int sig, siginfo_t *info, void *context) {
    (void)context;
    int local = sig;
    say("overflow: %s on the stack %d code %d", signal_name(sig), inside(&local),
        info->si_code == SEGV_MAPERR || info->si_code == SEGV_ACCERR);
    siglongjmp(back, 1);
}
static volatile int keep;
static int recurse(int n) {
    volatile char room[4096];
    room[0] = (char)n;
    if (keep == 0) {
        keep = recurse(n + 1) + room[0];
    }
    return keep;
}
int main(void) {
    stack_t stack;
    V(sigaltstack(nullptr, &stack));
    say("at first: disabled %d", stack.ss_flags == SS_DISABLE);
    stack = (stack_t){.ss_sp = alternate, .ss_size = sizeof alternate};
    V(sigaltstack(&stack, nullptr));
    handle(SIGUSR1, handler, SA_ONSTACK);
    raise(SIGUSR1);
    sigaltstack(nullptr, &stack);
    say("after: flags %d size %ld", stack.ss_flags, (long)stack.ss_size);
    handle(SIGUSR1, handler, 0);
    raise(SIGUSR1);
    struct sigaction action = {.sa_sigaction = overflow, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaction(SIGSEGV, &action, nullptr);
    for (int i = 0; i < 3; i++) {
        if (sigsetjmp(back, 1) == 0) {
            recurse(0);
        }
    }
    signal(SIGSEGV, SIG_DFL);
    // Without a stack of its own the handler cannot run: the process dies.
    IN_CHILD("no stack", action.sa_flags = SA_SIGINFO; sigaction(SIGSEGV, &action, nullptr);
             recurse(0));
    stack_t small = {.ss_sp = alternate, .ss_size = 100};
    E(sigaltstack(&small, nullptr));
    stack_t odd = {.ss_sp = alternate, .ss_size = sizeof alternate, .ss_flags = 77};
    E(sigaltstack(&odd, nullptr));
    stack_t off = {.ss_flags = SS_DISABLE};
    V(sigaltstack(&off, nullptr));
    E(syscall(SYS_sigaltstack, 8, nullptr));
    IN_CHILD("disabled", sigaction(SIGSEGV, &action, nullptr); recurse(0));
    return 0;
}
