// SPDX-License-Identifier: MIT
// Clocks: which exist, never backwards, real time sane, resolution, errors.
#include "check.h"
#include <sys/times.h>
static long long ns_of(clockid_t clock) {
    struct timespec t;
    MUST(clock_gettime(clock, &t));
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}
int main(void) {
    clockid_t clocks[] = {CLOCK_REALTIME,          CLOCK_MONOTONIC,     CLOCK_PROCESS_CPUTIME_ID,
                          CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
                          CLOCK_MONOTONIC_COARSE,  CLOCK_BOOTTIME};
    for (int i = 0; i < 8; i++) {
        struct timespec t = {};
        struct timespec r = {};
        long long last = 0;
        int backwards = 0;
        for (int n = 0; n < 3000; n++) {
            long long now = ns_of(clocks[i]);
            backwards += now < last && clocks[i] != CLOCK_REALTIME;
            last = now;
        }
        syscall(SYS_clock_gettime, clocks[i], &t);
        say("clock %d: backwards %d, fraction fine %d, resolution fine %d", clocks[i], backwards,
            t.tv_nsec >= 0 && t.tv_nsec < 1000000000,
            clock_getres(clocks[i], &r) == 0 && r.tv_sec == 0 && r.tv_nsec > 0);
    }
    // 2025-01-01 has passed; the year 2100 has not come.
    T(time(nullptr) > 1735689600 && time(nullptr) < 4102444800);
    struct timeval tv;
    V(gettimeofday(&tv, nullptr));
    T(llabs(tv.tv_sec - time(nullptr)) <= 2);
    long long mono = ns_of(CLOCK_MONOTONIC);
    long long real = ns_of(CLOCK_REALTIME);
    sleep_ms(100);
    mono = ns_of(CLOCK_MONOTONIC) - mono;
    real = ns_of(CLOCK_REALTIME) - real;
    T(mono >= 100000000 && real >= 99000000);
    long long cpu = ns_of(CLOCK_PROCESS_CPUTIME_ID);
    sleep_ms(50);
    long long asleep = ns_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    T(asleep < 50000000);
    while (ns_of(CLOCK_PROCESS_CPUTIME_ID) - cpu < asleep + 20000000) {
    }
    say("busy time is counted");
    struct timespec t;
    E(clock_gettime(99, &t));
    E(syscall(SYS_clock_getres, 99, &t));
    E(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &t));
    IN_CHILD("user", MUST(setuid(1000)); clock_gettime(CLOCK_REALTIME, &t);
             E(clock_settime(CLOCK_REALTIME, &t)));
    return 0;
}
