// SPDX-License-Identifier: MIT
// times and getrusage: own time, the children's after they were waited for.
#include "check.h"
#include <sys/times.h>
static void burn(int ms) {
    struct timespec t;
    do {
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    } while (t.tv_sec * 1000 + t.tv_nsec / 1000000 < ms);
}
int main(void) {
    struct tms before;
    clock_t start = times(&before);
    T(start != (clock_t)-1);
    say("children %ld %ld", (long)before.tms_cutime, (long)before.tms_cstime);
    burn(200);
    struct tms after;
    clock_t end = times(&after);
    T(end >= start + 5);
    T(after.tms_utime + after.tms_stime >= before.tms_utime + before.tms_stime + 5);
    pid_t child = MUST(fork());
    if (child == 0) {
        struct tms fresh;
        times(&fresh);
        T(fresh.tms_utime + fresh.tms_stime <= 5);
        burn(200);
        _exit(0);
    }
    await_state(child, 'Z');
    times(&after);
    say("not yet: %ld", (long)(after.tms_cutime + after.tms_cstime));
    struct rusage usage;
    MUST(wait4(child, nullptr, 0, &usage));
    long ms = usage.ru_utime.tv_sec * 1000 + usage.ru_utime.tv_usec / 1000 +
              usage.ru_stime.tv_sec * 1000 + usage.ru_stime.tv_usec / 1000;
    T(ms >= 100);
    times(&after);
    T(after.tms_cutime + after.tms_cstime >= 5);
    struct rusage self;
    V(getrusage(RUSAGE_SELF, &self));
    T(self.ru_maxrss > 0 && self.ru_minflt > 0);
    V(getrusage(RUSAGE_CHILDREN, &usage));
    T(usage.ru_utime.tv_sec * 1000 + usage.ru_utime.tv_usec / 1000 + usage.ru_stime.tv_sec * 1000 +
          usage.ru_stime.tv_usec / 1000 >=
      100);
    E(getrusage(99, &usage));
    // A sleep is no processor time.
    times(&before);
    sleep_ms(300);
    times(&after);
    T(after.tms_utime + after.tms_stime <= before.tms_utime + before.tms_stime + 10);
    return 0;
}
