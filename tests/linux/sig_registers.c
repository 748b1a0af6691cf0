// SPDX-License-Identifier: MIT
// All registers survive a handler that spoils them: general, XMM, YMM, MXCSR, flags.
#include "check.h"

static volatile sig_atomic_t hits;
static void spoil(int sig) {
    (void)sig;
    __asm__ volatile("pcmpeqd %%xmm0, %%xmm0; pcmpeqd %%xmm1, %%xmm1; pcmpeqd %%xmm7, %%xmm7;"
                     "pcmpeqd %%xmm8, %%xmm8; pcmpeqd %%xmm15, %%xmm15; fninit; fldpi; std; cld;"
                     "xor %%r8, %%r8; xor %%r9, %%r9; xor %%r10, %%r10; xor %%r11, %%r11"
                     :
                     :
                     : "xmm0", "xmm1", "xmm7", "xmm8", "xmm15", "r8", "r9", "r10", "r11", "memory");
    unsigned mxcsr = 0x9fc0;
    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
    hits++;
}
// Fills the registers, then makes a system call that raises the signal, or loops until one comes.
static int rounds(bool by_call) {
    int wrong = 0;
    long pid = getpid();
    for (int i = 0; i < 200; i++) {
        int before = hits;
        unsigned long in[6] = {i * 3UL, i * 5UL, i * 7UL, ~(unsigned long)i, i * 11UL, i * 13UL};
        unsigned long out[6] = {};
        unsigned long x0;
        unsigned long x15;
        long call = SYS_kill;
        long how = by_call;
        __asm__ volatile(
            "movq %[a], %%xmm0; movq %[b], %%xmm15; mov %[c], %%r12; mov %[d], %%r13;"
            "mov %[e], %%r14; mov %[f], %%rbx; test %[how], %[how]; jz 1f; mov %[call], %%rax;"
            "mov %[pid], %%rdi; mov $10, %%rsi; syscall; jmp 2f;"
            "1: mov (%[hits]), %%eax; cmp %[before], %%eax; je 1b;"
            "2: movq %%xmm0, %[x0]; movq %%xmm15, %[x15]; mov %%r12, 0(%[out]);"
            "mov %%r13, 8(%[out]); mov %%r14, 16(%[out]); mov %%rbx, 24(%[out])"
            : [x0] "=&m"(x0), [x15] "=&m"(x15)
            : [a] "m"(in[0]), [b] "m"(in[1]), [c] "m"(in[2]), [d] "m"(in[3]), [e] "m"(in[4]),
              [f] "m"(in[5]), [call] "m"(call), [pid] "m"(pid), [how] "r"(how), [hits] "r"(&hits),
              [before] "r"(before), [out] "r"(out)
            : "rax", "rbx", "rcx", "rdi", "rsi", "r11", "r12", "r13", "r14", "xmm0", "xmm15",
              "memory", "cc");
        wrong += x0 != in[0] || x15 != in[1] || out[0] != in[2] || out[1] != in[3] ||
                 out[2] != in[4] || out[3] != in[5];
    }
    return wrong;
}
int main(void) {
    handle(SIGUSR1, spoil, 0);
    handle(SIGALRM, spoil, 0);
    unsigned set = 0x5f80;
    unsigned mxcsr = 0;
    __asm__ volatile("ldmxcsr %0" : : "m"(set));
    say("around a system call, wrong: %d, hits %d", rounds(true), hits);
    struct itimerval timer = {.it_interval = {0, 1000}, .it_value = {0, 1000}};
    setitimer(ITIMER_REAL, &timer, nullptr);
    say("around an interrupt, wrong: %d, enough hits: %d", rounds(false), hits >= 400);
    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    say("mxcsr %#x", mxcsr & 0xffc0);
    // Two processes that compute in floating point at the same time do not mix.
    timer = (struct itimerval){};
    setitimer(ITIMER_REAL, &timer, nullptr);
    for (int p = 0; p < 4; p++) {
        if (MUST(fork()) == 0) {
            volatile double sum = 0;
            for (int i = 1; i < 2000000; i++) {
                sum += (p + 1.0) / i;
            }
            _exit(sum / (p + 1) > 15.0858 && sum / (p + 1) < 15.0859 ? 0 : 1);
        }
    }
    int bad = 0;
    for (int p = 0; p < 4; p++) {
        int status;
        MUST(wait(&status));
        bad += status != 0;
    }
    say("bad sums: %d", bad);
    return 0;
}
