// SPDX-License-Identifier: MIT
// nanosleep and clock_nanosleep: lengths, absolute times, errors.
#include "check.h"

int main(void) {
    struct timespec t = {0, 50000000};
    struct timespec left = {7, 7};
    long long start = now_ms();
    V(nanosleep(&t, &left));
    T(now_ms() - start >= 49);
    say("left untouched: %ld %ld", (long)left.tv_sec, left.tv_nsec);
    t.tv_nsec = 1000000000;
    E(nanosleep(&t, nullptr));
    t = (struct timespec){-1, 0};
    E(nanosleep(&t, nullptr));
    t = (struct timespec){0, 0};
    V(nanosleep(&t, nullptr));
    for (int clock = CLOCK_REALTIME; clock <= CLOCK_MONOTONIC; clock++) {
        clock_gettime(clock, &t);
        t.tv_nsec += 60000000;
        t.tv_sec += t.tv_nsec / 1000000000;
        t.tv_nsec %= 1000000000;
        V(clock_nanosleep(clock, TIMER_ABSTIME, &t, nullptr));
        struct timespec now;
        clock_gettime(clock, &now);
        T(now.tv_sec > t.tv_sec || (now.tv_sec == t.tv_sec && now.tv_nsec >= t.tv_nsec));
        // A time that has passed comes back at once.
        t = (struct timespec){0, 1};
        V(clock_nanosleep(clock, TIMER_ABSTIME, &t, nullptr));
        t = (struct timespec){0, 20000000};
        V(clock_nanosleep(clock, 0, &t, nullptr));
    }
    say("%s", error_name(clock_nanosleep(99, 0, &t, nullptr)));
    t.tv_nsec = -1;
    say("%s", error_name(clock_nanosleep(CLOCK_MONOTONIC, 0, &t, nullptr)));
    // Sleepers wake in the order of their times.
    int p[2];
    MUST(pipe(p));
    for (int i = 3; i >= 1; i--) {
        if (MUST(fork()) == 0) {
            sleep_ms(300 * i);
            char c = (char)('0' + i);
            MUST(write(p[1], &c, 1));
            _exit(0);
        }
    }
    while (wait(nullptr) > 0) {
    }
    char order[4] = "";
    MUST(read(p[0], order, 3));
    say("order %s", order);
    return 0;
}
