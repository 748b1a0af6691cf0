// SPDX-License-Identifier: MIT
// prlimit: reading, lowering, raising, inheritance, errors.
#include "check.h"

int main(void) {
    struct rlimit l;
    V(getrlimit(RLIMIT_NOFILE, &l));
    T(l.rlim_cur >= 256 && l.rlim_max >= l.rlim_cur);
    struct rlimit n = {100, 200};
    V(setrlimit(RLIMIT_NOFILE, &n));
    V(getrlimit(RLIMIT_NOFILE, &l));
    say("%ld %ld", (long)l.rlim_cur, (long)l.rlim_max);
    struct rlimit old;
    n.rlim_cur = 50;
    V(prlimit(0, RLIMIT_NOFILE, &n, &old));
    say("old %ld, now %ld", (long)old.rlim_cur, (long)(getrlimit(RLIMIT_NOFILE, &l), l.rlim_cur));
    n = (struct rlimit){300, 200};
    E(setrlimit(RLIMIT_NOFILE, &n));
    IN_CHILD("user", getrlimit(RLIMIT_NOFILE, &l); say("child %ld", (long)l.rlim_cur);
             MUST(setuid(1000)); n = (struct rlimit){200, 200}; E(setrlimit(RLIMIT_NOFILE, &n));
             n.rlim_max = 201; E(setrlimit(RLIMIT_NOFILE, &n)); n = (struct rlimit){10, 10};
             E(setrlimit(RLIMIT_NOFILE, &n)); n = (struct rlimit){10, 20};
             E(setrlimit(RLIMIT_NOFILE, &n)));
    pid_t child = MUST(fork());
    if (child == 0) {
        pause();
    }
    n = (struct rlimit){77, 99};
    V(prlimit(child, RLIMIT_NOFILE, &n, nullptr));
    V(prlimit(child, RLIMIT_NOFILE, nullptr, &old));
    say("of the child: %ld %ld", (long)old.rlim_cur, (long)old.rlim_max);
    kill(child, SIGKILL);
    reap("child", child);
    E(prlimit(0x3ffffff, RLIMIT_NOFILE, nullptr, &old));
    E(getrlimit(999, &l));
    for (int i = 0; i < RLIM_NLIMITS; i++) {
        say("limit %d: %s", i, getrlimit(i, &l) == 0 && l.rlim_cur <= l.rlim_max ? "ok" : "bad");
    }
    V(getdtablesize());
    return 0;
}
