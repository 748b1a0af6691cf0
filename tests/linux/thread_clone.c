// SPDX-License-Identifier: MIT
// clone in its thread form: shared memory and files, ids, CHILD_CLEARTID wakes a futex.
#include "check.h"

static alignas(16) char stack[65536];
static volatile int told;
static volatile pid_t thread_pid;
static volatile pid_t thread_tid;
static _Atomic int cleared = 1;
static volatile int parent_tid;
static int fd_of_thread;
static int run(void *arg) {
    told = *(int *)arg;
    thread_pid = getpid();
    thread_tid = (pid_t)syscall(SYS_gettid);
    fd_of_thread = open("f", O_RDWR | O_CREAT, 0644);
    sleep_ms(50);
    return 0;
}
int main(void) {
    int value = 42;
    int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
    int tid = MUST(clone(run, stack + sizeof stack, flags, &value, &parent_tid, nullptr, &cleared));
    while (cleared != 0) {
        syscall(SYS_futex, &cleared, FUTEX_WAIT, 1, nullptr, nullptr, 0);
    }
    say("thread was told %d", told);
    T(thread_pid == getpid());
    T(thread_tid == tid && parent_tid == tid && tid != getpid());
    V(write(fd_of_thread, "x", 1));
    E(wait(nullptr));
    E(clone(run, stack + sizeof stack, CLONE_THREAD, &value));
    E(clone(run, stack + sizeof stack, CLONE_SIGHAND, &value));
    // Without CLONE_FILES and CLONE_VM it is a fork with its own table.
    pid_t child = MUST(clone(run, stack + sizeof stack, SIGCHLD, &value));
    told = 0;
    reap("fork form", child);
    V(told);
    // CLONE_VM alone: another process in the same memory.
    child = MUST(clone(run, stack + sizeof stack, CLONE_VM | SIGCHLD, &value));
    reap("shared memory", child);
    V(told);
    T(thread_pid == child);
    E(fcntl(fd_of_thread + 1, F_GETFD));
    // Without an exit signal only __WCLONE or __WALL see the child.
    child = MUST(clone(run, stack + sizeof stack, CLONE_VM, &value));
    E(waitpid(child, nullptr, 0));
    T(waitpid(child, nullptr, __WCLONE) == child);
    return 0;
}
