// SPDX-License-Identifier: MIT
// alarm and setitimer: once, again and again, cancelled, kept over exec.
#include "check.h"

static volatile sig_atomic_t hits;
static void handler(int sig) {
    (void)sig;
    hits++;
}
int main(int argc, char **argv) {
    if (argc > 1) {
        pause();
        return 3;
    }
    V(alarm(100));
    T(alarm(50) >= 99);
    T(alarm(0) >= 49);
    V(alarm(0));
    handle(SIGALRM, handler, 0);
    long long start = now_ms();
    alarm(1);
    E(pause());
    T(now_ms() - start >= 990);
    say("hits %d", hits);
    struct itimerval t = {.it_interval = {0, 5000}, .it_value = {0, 5000}};
    struct itimerval old;
    V(setitimer(ITIMER_REAL, &t, &old));
    say("old %ld %ld", (long)old.it_value.tv_sec, (long)old.it_value.tv_usec);
    while (hits < 6) {
        sleep_ms(1);
    }
    V(getitimer(ITIMER_REAL, &old));
    T(old.it_interval.tv_usec == 5000 && old.it_value.tv_usec <= 5000);
    memset(&t, 0, sizeof t);
    V(setitimer(ITIMER_REAL, &t, &old));
    hits = 0;
    sleep_ms(30);
    say("hits after the stop %d", hits);
    E(setitimer(9, &t, nullptr));
    t.it_value.tv_usec = 1000000;
    E(setitimer(ITIMER_REAL, &t, nullptr));
    E(getitimer(ITIMER_REAL, (void *)8));
    IN_CHILD("default action", signal(SIGALRM, SIG_DFL); ualarm(10000, 0); pause());
    IN_CHILD("over exec", ualarm(300000, 0); execl("/proc/self/exe", argv[0], "x", nullptr));
    return 0;
}
