// SPDX-License-Identifier: MIT
// How a process can end: every exit code and signal, core flag apart.
#include "check.h"

static volatile int zero;
int main(void) {
    struct rlimit none = {};
    setrlimit(RLIMIT_CORE, &none);
    IN_CHILD("abort", abort());
    IN_CHILD("trap", __asm__ volatile("int3"));
    IN_CHILD("illegal", __asm__ volatile("ud2"));
    IN_CHILD("divide", zero = 100 / zero);
    IN_CHILD("null", *(volatile int *)nullptr = 1);
    IN_CHILD("non-canonical", *(volatile int *)0x8000000000000000 = 1);
    IN_CHILD("privileged", __asm__ volatile("hlt"));
    IN_CHILD("kernel address", *(volatile int *)0xffffffff80000000 = 1);
    IN_CHILD("jump to nowhere", ((void (*)(void))0x1000)());
    int fatal[] = {SIGHUP,  SIGINT, SIGQUIT, SIGKILL, SIGTERM, SIGALRM, SIGUSR1,
                   SIGPIPE, SIGSYS, SIGXCPU, SIGPROF, SIGIO,   40,      64};
    for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++) {
        IN_CHILD("raise", kill(getpid(), fatal[i]); pause());
    }
    int harmless[] = {SIGCHLD, SIGURG, SIGWINCH, SIGCONT};
    for (int i = 0; i < 4; i++) {
        IN_CHILD("raise", kill(getpid(), harmless[i]); _exit(10 + i));
    }
    // The whole process goes, from whichever thread.
    pid_t child = MUST(fork());
    if (child == 0) {
        pthread_t t;
        pthread_create(&t, nullptr, (void *(*)(void *))(void (*)(void))abort, nullptr);
        pause();
    }
    reap("thread aborts", child);
    // exit of one thread alone does not end the process.
    child = MUST(fork());
    if (child == 0) {
        pthread_t t;
        pthread_create(&t, nullptr, (void *(*)(void *))(void (*)(void))pthread_exit, nullptr);
        pthread_join(t, nullptr);
        syscall(SYS_exit_group, 77);
    }
    reap("exit_group", child);
    return 0;
}
