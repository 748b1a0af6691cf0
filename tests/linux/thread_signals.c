// SPDX-License-Identifier: MIT
// Signals and threads: tgkill hits one, kill any that lets it in, masks are per thread, faults stay
// at home.
#include "check.h"

static _Atomic int ready;
static _Atomic int hit_by[4];
static _Atomic bool stop;
static _Thread_local int me;
static void handler(int sig) {
    (void)sig;
    hit_by[me]++;
}
static void *run(void *arg) {
    me = (int)(long)arg;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(me == 2 ? SIG_UNBLOCK : SIG_BLOCK, &set, nullptr);
    ready++;
    while (!stop) {
        sleep_ms(1);
    }
    return nullptr;
}
static void *faulty(void *arg) {
    PROBE_R((char *)8);
    return arg;
}
int main(void) {
    handle(SIGUSR1, handler, SA_RESTART);
    handle(SIGUSR2, handler, SA_RESTART);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    pthread_t threads[4];
    for (long i = 1; i < 4; i++) {
        pthread_create(&threads[i], nullptr, run, (void *)i);
    }
    while (ready < 3) {
        sleep_ms(1);
    }
    for (int i = 0; i < 50; i++) {
        pthread_kill(threads[3], SIGUSR1);
        while (hit_by[3] != i + 1) {
            sched_yield();
        }
    }
    say("to thread 3: %d %d %d %d", hit_by[0], hit_by[1], hit_by[2], hit_by[3]);
    for (int i = 0; i < 50; i++) {
        kill(getpid(), SIGUSR2);
        while (hit_by[2] != i + 1) {
            sched_yield();
        }
    }
    say("to the process: %d %d %d %d", hit_by[0], hit_by[1], hit_by[2], hit_by[3]);
    // For a blocked thread it waits, and other threads do not take it.
    pthread_kill(threads[1], SIGUSR2);
    sleep_ms(20);
    sigset_t pending;
    sigpending(&pending);
    say("pending here: %d, hits %d", sigismember(&pending, SIGUSR2), hit_by[1] + hit_by[2]);
    stop = true;
    for (int i = 1; i < 4; i++) {
        pthread_join(threads[i], nullptr);
    }
    pthread_create(&threads[1], nullptr, faulty, nullptr);
    pthread_join(threads[1], nullptr);
    E(syscall(SYS_tgkill, getpid(), getpid(), 0));
    IN_CHILD("fault in a thread", sleep_ms(1);
             pthread_create(&threads[2], nullptr, (void *(*)(void *))8, nullptr); pause());
    return 0;
}
