// SPDX-License-Identifier: MIT
// uname, sysinfo, getrandom, hostname, sched_*: the small questions.
#include "check.h"
#include <sys/random.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
int main(void) {
    struct utsname u;
    V(uname(&u));
    say("%s %s", u.sysname, u.machine);
    T(atoi(u.release) >= 5 && strlen(u.version) > 0 && strlen(u.nodename) > 0);
    char name[65];
    V(gethostname(name, sizeof name));
    T(strcmp(name, u.nodename) == 0);
    // Set, looked at from all sides, put back.
    V(sethostname("tested", 6));
    struct utsname now;
    uname(&now);
    say("%s %.7s", now.nodename, file_text("/proc/sys/kernel/hostname"));
    V(sethostname(u.nodename, strlen(u.nodename)));
    E(sethostname("x", 65));
    E(sethostname("x", -1));
    struct sysinfo s;
    V(sysinfo(&s));
    T(s.uptime >= 0 && s.totalram > 0 && s.freeram <= s.totalram && s.mem_unit > 0 && s.procs > 0);
    T((unsigned long long)s.totalram * s.mem_unit > (32ULL << 20));
    unsigned char r[64] = {};
    unsigned char q[64] = {};
    V(getrandom(r, 64, 0));
    V(getrandom(q, 64, GRND_NONBLOCK));
    T(memcmp(r, q, 64) != 0);
    V(getrandom(r, 8, GRND_RANDOM));
    V(getrandom(r, 0, 0));
    E(getrandom(r, 8, 0x80));
    static unsigned char big[100000];
    V(getrandom(big, sizeof big, 0));
    int counts[256] = {};
    for (size_t i = 0; i < sizeof big; i++) {
        counts[big[i]]++;
    }
    int odd = 0;
    for (int i = 0; i < 256; i++) {
        odd += counts[i] < 250 || counts[i] > 550;
    }
    say("bytes out of the ordinary: %d", odd);
    cpu_set_t set;
    CPU_ZERO(&set);
    T(syscall(SYS_sched_getaffinity, 0, sizeof set, &set) > 0);
    T(CPU_COUNT(&set) == sysconf(_SC_NPROCESSORS_ONLN));
    E(syscall(SYS_sched_getaffinity, 0, 1, &set));
    E(syscall(SYS_sched_getaffinity, 0x3ffffff, sizeof set, &set));
    V(sched_yield());
    V(getpriority(PRIO_PROCESS, 0));
    V(setpriority(PRIO_PROCESS, 0, 5));
    V(getpriority(PRIO_PROCESS, 0));
    V(nice(3));
    V(setpriority(PRIO_PROCESS, 0, 100));
    V(getpriority(PRIO_PROCESS, 0));
    IN_CHILD("user", V(getpriority(PRIO_PROCESS, 0)); setuid(1000);
             E(setpriority(PRIO_PROCESS, 0, 0)); E(setpriority(PRIO_PROCESS, 1, 5)));
    E(getpriority(PRIO_PROCESS, 0x3ffffff));
    E(getpriority(99, 0));
    return 0;
}
