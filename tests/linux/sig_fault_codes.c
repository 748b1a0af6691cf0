// SPDX-License-Identifier: MIT
// Faults tell where and why: MAPERR, ACCERR, FPE, ILL, TRAP; the handler may repair and go on.
#include "check.h"
#include <ucontext.h>
static siginfo_t last;
static volatile int skip;
static void *repair;
static void handler(int sig, siginfo_t *info, void *context) {
    (void)sig;
    last = *info;
    ucontext_t *u = context;
    if (repair != nullptr) {
        mprotect(repair, PAGE, PROT_READ | PROT_WRITE);
        repair = nullptr;
    } else {
        u->uc_mcontext.gregs[REG_RIP] += skip;
    }
}
int main(void) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_NODEFER};
    int sigs[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    for (int i = 0; i < 5; i++) {
        sigaction(sigs[i], &action, nullptr);
    }
    char *page = mmap(nullptr, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page + PAGE, PAGE);
    // movb $1, (%rax) is three bytes long, movb (%rax), %cl two.
    skip = 3;
    __asm__ volatile("movb $1, (%0)" : : "a"(page + 5) : "memory");
    say("write to read-only: %s code %d at %ld", signal_name(last.si_signo), last.si_code,
        (long)((char *)last.si_addr - page));
    skip = 2;
    __asm__ volatile("movb (%0), %%cl" : : "a"(page + PAGE + 9) : "rcx", "memory");
    say("read from nothing: %s code %d at %ld", signal_name(last.si_signo), last.si_code,
        (long)((char *)last.si_addr - page));
    mprotect(page, PAGE, PROT_NONE);
    __asm__ volatile("movb (%0), %%cl" : : "a"(page + 1) : "rcx", "memory");
    say("read from PROT_NONE: %s code %d at %ld", signal_name(last.si_signo), last.si_code,
        (long)((char *)last.si_addr - page));
    repair = page;
    __asm__ volatile("movb $7, (%0)" : : "a"(page + 1) : "memory");
    say("repaired: %d", page[1]);
    __asm__ volatile("movb (%0), %%cl" : : "a"(0x8000000000000000) : "rcx", "memory");
    say("non-canonical: %s code %d addr %lx", signal_name(last.si_signo), last.si_code,
        (long)last.si_addr);
    __asm__ volatile("movb (%0), %%cl" : : "a"(0xffffffff80000000) : "rcx", "memory");
    say("kernel: %s code %d", signal_name(last.si_signo), last.si_code);
    skip = 2;
    __asm__ volatile("ud2");
    say("ud2: %s code %d", signal_name(last.si_signo), last.si_code);
    skip = 0;
    __asm__ volatile("int3");
    say("int3: %s code %d", signal_name(last.si_signo), last.si_code);
    skip = 2;
    __asm__ volatile("div %%ecx" : : "a"(1), "d"(0), "c"(0) : "cc");
    say("divide by zero: %s code %d", signal_name(last.si_signo), last.si_code);
    skip = 1;
    __asm__ volatile("hlt");
    say("hlt: %s code %d", signal_name(last.si_signo), last.si_code);
    // Code in a page that may not be executed.
    char *code = mmap(nullptr, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    code[0] = (char)0xc3;
    signal(SIGSEGV, SIG_DFL);
    IN_CHILD("no execute", ((void (*)(void))code)());
    mprotect(code, PAGE, PROT_READ | PROT_EXEC);
    ((void (*)(void))code)();
    say("executed");
    return 0;
}
