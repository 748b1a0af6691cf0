// SPDX-License-Identifier: MIT
// futex: wake counts, EAGAIN, time-outs relative and absolute, bit sets, shared and private keys.
#include "check.h"

static long futex(_Atomic int *word, int op, int value, const struct timespec *t, int bits) {
    return syscall(SYS_futex, word, op, value, t, nullptr, bits);
}
int main(void) {
    _Atomic int *word =
        mmap(nullptr, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    *word = 1;
    E(futex(word, FUTEX_WAIT, 0, nullptr, 0));
    V(futex(word, FUTEX_WAKE, 10, nullptr, 0));
    struct timespec brief = {0, 30000000};
    long long start = now_ms();
    E(futex(word, FUTEX_WAIT, 1, &brief, 0));
    T(now_ms() - start >= 29);
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += 0;
    E(futex(word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 1, &until, -1));
    clock_gettime(CLOCK_REALTIME, &until);
    E(futex(word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 1, &until, -1));
    E(futex(word, FUTEX_WAIT_BITSET, 1, &until, 0));
    E(futex((void *)((char *)word + 1), FUTEX_WAIT, 1, nullptr, 0));
    E(futex((void *)8, FUTEX_WAIT, 1, nullptr, 0));
    struct timespec bad = {0, 2000000000};
    E(futex(word, FUTEX_WAIT, 1, &bad, 0));
    E(futex(word, 99, 1, nullptr, 0));
    for (int i = 0; i < 3; i++) {
        pid_t child = MUST(fork());
        if (child == 0) {
            long r = i == 2 ? futex(word, FUTEX_WAIT_BITSET, 1, nullptr, 4)
                            : futex(word, FUTEX_WAIT, 1, nullptr, 0);
            _exit(r == 0 ? 10 + i : 1);
        }
        await_state(child, 'S');
    }
    // Private keys are of one process only.
    V(futex(word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 10, nullptr, 0));
    V(futex(word, FUTEX_WAKE_BITSET, 10, nullptr, 8));
    int status;
    for (int i = 0; i < 2; i++) {
        MUST(wait(&status));
        say("woken by bits 8: %d", WEXITSTATUS(status) == 10 || WEXITSTATUS(status) == 11);
    }
    V(futex(word, FUTEX_WAKE_BITSET, 10, nullptr, 4));
    MUST(wait(&status));
    say_status("woken by bits 4", status);
    // One at a time.
    for (int i = 0; i < 3; i++) {
        pid_t child = MUST(fork());
        if (child == 0) {
            _exit(futex(word, FUTEX_WAIT, 1, nullptr, 0) != 0);
        }
        await_state(child, 'S');
    }
    V(futex(word, FUTEX_WAKE, 1, nullptr, 0));
    MUST(wait(&status));
    V(waitpid(-1, &status, WNOHANG));
    V(futex(word, FUTEX_WAKE, INT_MAX, nullptr, 0));
    MUST(wait(&status));
    MUST(wait(&status));
    // The same word of a file, mapped at different places.
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    MUST(ftruncate(fd, 2 * PAGE));
    _Atomic int *one = mmap(nullptr, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    pid_t child = MUST(fork());
    if (child == 0) {
        _Atomic int *two = mmap(nullptr, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        _exit(futex(two, FUTEX_WAIT, 0, nullptr, 0) == 0 ? 21 : 1);
    }
    await_state(child, 'S');
    V(futex(one, FUTEX_WAKE, 1, nullptr, 0));
    reap("file", child);
    return 0;
}
