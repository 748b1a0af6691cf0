// SPDX-License-Identifier: MIT
// Clocks, sleeping, interval timers.
#include "linux_impl.h"

enum clock_id : i32 {
    CLOCK_REALTIME = 0,
    CLOCK_MONOTONIC = 1,
    CLOCK_PROCESS_CPUTIME_ID = 2,
    CLOCK_THREAD_CPUTIME_ID = 3,
    CLOCK_MONOTONIC_RAW = 4,
    CLOCK_REALTIME_COARSE = 5,
    CLOCK_MONOTONIC_COARSE = 6,
    CLOCK_BOOTTIME = 7,
    CLOCK_REALTIME_ALARM = 8,
    CLOCK_BOOTTIME_ALARM = 9,
    CLOCK_TAI = 11,
};
constexpr u64 TIMER_ABSTIME = 1;

static err_t timespec_to_ns(const struct linux_timespec *ts, u64 *ns) {
    if (ts->sec < 0 || (u64)ts->nsec >= NS_PER_SEC) {
        return ERR_INVAL;
    }
    if (__builtin_mul_overflow((u64)ts->sec, NS_PER_SEC, ns) ||
        __builtin_add_overflow(*ns, (u64)ts->nsec, ns)) {
        *ns = DEADLINE_NEVER;
    }
    return ERR_OK;
}
err_t timespec_in(struct uptr src, u64 *ns) {
    struct linux_timespec ts;
    TRY(copy_in(&ts, src, sizeof(ts)));
    return timespec_to_ns(&ts, ns);
}
err_t timespec_out(struct uptr dst, u64 ns) {
    struct linux_timespec ts = timespec_of(ns);
    return copy_out(dst, &ts, sizeof(ts));
}

static bool is_wall(i32 id) {
    return id == CLOCK_REALTIME || id == CLOCK_REALTIME_ALARM || id == CLOCK_TAI;
}

// CPU clocks of other processes: ~pid << 3 | kind, with bit 2 for a thread.
static err_t cpu_clock(i32 id, u64 *ns) {
    u32 pid = ~(u32)(id >> 3);
    u64 user_ns, kernel_ns;
    struct process *p = nullptr;
    if (id & 4) {
        GUARD(proc_table, &proc_table);
        struct user_thread *t = pid == 0 ? user_thread_current() : thread_find_locked(pid);
        if (t == nullptr || t->process != process_current()) {
            return ERR_INVAL;
        }
        *ns = t->thread->user_ns + t->thread->kernel_ns;
        return ERR_OK;
    }
    p = pid == 0 ? process_current() : process_find(pid);
    if (p == nullptr) {
        return ERR_INVAL;
    }
    process_times(p, &user_ns, &kernel_ns);
    if (pid != 0) {
        process_put(p);
    }
    *ns = user_ns + kernel_ns;
    return ERR_OK;
}

static err_t clock_read(i32 id, u64 *ns) {
    u64 user_ns, kernel_ns;
    switch (id) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_TAI:
        *ns = time_wall_ns();
        return ERR_OK;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM:
        *ns = time_now_ns();
        return ERR_OK;
    case CLOCK_PROCESS_CPUTIME_ID:
        process_times(process_current(), &user_ns, &kernel_ns);
        *ns = user_ns + kernel_ns;
        return ERR_OK;
    case CLOCK_THREAD_CPUTIME_ID:
        *ns = thread_current()->user_ns + thread_current()->kernel_ns;
        return ERR_OK;
    default:
        return id < 0 ? cpu_clock(id, ns) : ERR_INVAL;
    }
}

i64 linux_clock_gettime(struct trap_frame *f) {
    u64 ns;
    PASS(clock_read((i32)arg0(f), &ns));
    return timespec_out(user(arg1(f)), ns);
}
i64 linux_clock_getres(struct trap_frame *f) {
    u64 ns;
    PASS(clock_read((i32)arg0(f), &ns));
    bool coarse = (i32)arg0(f) == CLOCK_REALTIME_COARSE || (i32)arg0(f) == CLOCK_MONOTONIC_COARSE;
    return arg1(f) == 0 ? ERR_OK : timespec_out(user(arg1(f)), coarse ? 4 * NS_PER_MS : 1);
}
i64 linux_clock_settime(struct trap_frame *f) {
    u64 ns;
    PASS(timespec_in(user(arg1(f)), &ns));
    if ((i32)arg0(f) != CLOCK_REALTIME) {
        return ERR_INVAL;
    }
    if (!cred_is_root(cred_now())) {
        return ERR_PERM;
    }
    time_set_wall(ns);
    return 0;
}
i64 linux_gettimeofday(struct trap_frame *f) {
    struct linux_timeval tv = timeval_of(time_wall_ns());
    if (arg0(f) != 0) {
        PASS(copy_out(user(arg0(f)), &tv, sizeof(tv)));
    }
    return arg1(f) == 0 ? ERR_OK : copy_zero(user(arg1(f)), 8);
}
i64 linux_settimeofday(struct trap_frame *f) {
    struct linux_timeval tv;
    if (!cred_is_root(cred_now())) {
        return ERR_PERM;
    }
    if (arg0(f) != 0) {
        PASS(copy_in(&tv, user(arg0(f)), sizeof(tv)));
        if (tv.sec < 0 || (u64)tv.usec >= 1000000) {
            return ERR_INVAL;
        }
        time_set_wall((u64)tv.sec * NS_PER_SEC + (u64)tv.usec * 1000);
    }
    return 0;
}
i64 linux_time(struct trap_frame *f) {
    i64 now = (i64)(time_wall_ns() / NS_PER_SEC);
    if (arg0(f) != 0) {
        PASS(copy_out(user(arg0(f)), &now, sizeof(now)));
    }
    return now;
}

// ---- sleeping

// restart_args: deadline, where the rest goes.
static err_t sleep_restart(struct user_thread *t, i64 *result) {
    u64 deadline = t->restart_args[0], rest_va = t->restart_args[1];
    err_t err = sleep_until(deadline, WAIT_INTERRUPTIBLE);
    *result = 0;
    if (err != ERR_INTR) {
        return ERR_OK;
    }
    u64 now = time_now_ns();
    if (now >= deadline) {
        return ERR_OK;
    }
    if (rest_va != 0) {
        TRY(timespec_out(user(rest_va), deadline - now));
    }
    return ERR_RESTART_BLOCK;
}
static i64 sleep_for(u64 ns, u64 rest_va) {
    struct user_thread *t = user_thread_current();
    i64 result;
    t->restart = sleep_restart;
    t->restart_args[0] = deadline_in(time_now_ns(), ns);
    t->restart_args[1] = rest_va;
    err_t err = sleep_restart(t, &result);
    return err;
}

i64 linux_nanosleep(struct trap_frame *f) {
    u64 ns;
    PASS(timespec_in(user(arg0(f)), &ns));
    return sleep_for(ns, arg1(f));
}
i64 linux_clock_nanosleep(struct trap_frame *f) {
    i32 id = (i32)arg0(f);
    u64 ns, clock_ns;
    if (id == CLOCK_THREAD_CPUTIME_ID) {
        return ERR_INVAL;
    }
    PASS(clock_read(id, &clock_ns));
    if (id == CLOCK_MONOTONIC_RAW || id == CLOCK_REALTIME_COARSE || id == CLOCK_MONOTONIC_COARSE) {
        return ERR_OPNOTSUPP;
    }
    PASS(timespec_in(user(arg2(f)), &ns));
    if (!(arg1(f) & TIMER_ABSTIME)) {
        return sleep_for(ns, arg3(f));
    }
    u64 deadline = is_wall(id) ? ns > clock_ns ? deadline_in(time_now_ns(), ns - clock_ns) : 0 : ns;
    return sleep_until(deadline, WAIT_INTERRUPTIBLE) == ERR_INTR ? ERR_RESTARTNOHAND : ERR_OK;
}

// ---- interval timers

static err_t timeval_to_ns(const struct linux_timeval *tv, u64 *ns) {
    if (tv->sec < 0 || (u64)tv->usec >= 1000000) {
        return ERR_INVAL;
    }
    if (__builtin_mul_overflow((u64)tv->sec, NS_PER_SEC, ns)) {
        *ns = DEADLINE_NEVER / 2;
        return ERR_OK;
    }
    *ns += (u64)tv->usec * 1000;
    return ERR_OK;
}
static i64 itimer_out(u64 va, const struct interval *i) {
    // A timer that runs never reads as zero.
    u64 value = i->value_ns == 0 ? 0 : MAX(i->value_ns, (u64)1000);
    struct linux_itimerval out = {timeval_of(i->interval_ns), timeval_of(value)};
    return copy_out(user(va), &out, sizeof(out));
}
i64 linux_setitimer(struct trap_frame *f) {
    struct linux_itimerval in = {};
    struct interval set, old;
    if ((u32)arg0(f) > 2) {
        return ERR_INVAL;
    }
    if (arg1(f) != 0) {
        PASS(copy_in(&in, user(arg1(f)), sizeof(in)));
    }
    PASS(timeval_to_ns(&in.value, &set.value_ns));
    PASS(timeval_to_ns(&in.interval, &set.interval_ns));
    PASS(proc_itimer((enum itimer_kind)arg0(f), &set, &old));
    return arg2(f) == 0 ? 0 : itimer_out(arg2(f), &old);
}
i64 linux_getitimer(struct trap_frame *f) {
    struct interval now = {};
    if ((u32)arg0(f) > 2) {
        return ERR_INVAL;
    }
    PASS(proc_itimer((enum itimer_kind)arg0(f), nullptr, &now));
    return itimer_out(arg1(f), &now);
}
i64 linux_alarm(struct trap_frame *f) {
    struct interval set = {.value_ns = (u64)(u32)arg0(f) * NS_PER_SEC}, old;
    PASS(proc_itimer(ITIMER_REAL, &set, &old));
    u64 seconds = (old.value_ns + NS_PER_SEC / 2) /
                  NS_PER_SEC; // as Linux: rounded, but never 0 while one was set
    return old.value_ns == 0 ? 0 : (i64)MAX(seconds, (u64)1);
}

// ---- POSIX timers

i64 linux_timer_create(struct trap_frame *f) {
    struct linux_sigevent e = {.signo = LINUX_SIGALRM, .notify = LINUX_SIGEV_SIGNAL};
    u64 ns;
    int id;
    PASS(clock_read((i32)arg0(f), &ns));
    if (arg1(f) != 0) {
        PASS(copy_in(&e, user(arg1(f)), sizeof(e)));
    }
    bool known = e.notify == LINUX_SIGEV_SIGNAL || e.notify == LINUX_SIGEV_NONE ||
                 e.notify == LINUX_SIGEV_THREAD_ID;
    if (!known || (e.notify != LINUX_SIGEV_NONE && (e.signo < 1 || e.signo > SIG_COUNT))) {
        return ERR_INVAL;
    }
    struct posix_timer_spec spec = {.wall = is_wall((i32)arg0(f)),
                                    .notify = e.notify,
                                    .signo = e.signo,
                                    .tid = (u32)e.thread_id,
                                    .value = e.value};
    PASS(proc_timer_create(&spec, &id));
    if (arg1(f) == 0) { // the default value is the timer's own number
        PASS(proc_timer_delete(id));
        spec.value = (u64)id;
        PASS(proc_timer_create(&spec, &id));
    }
    err_t err = copy_out(user(arg2(f)), &id, sizeof(id));
    if (err != ERR_OK) {
        (void)proc_timer_delete(id);
    }
    return err;
}
static i64 itimerspec_out(u64 va, const struct interval *i) {
    struct linux_itimerspec out = {timespec_of(i->interval_ns), timespec_of(i->value_ns)};
    return copy_out(user(va), &out, sizeof(out));
}
i64 linux_timer_settime(struct trap_frame *f) {
    struct linux_itimerspec in;
    struct interval set, old;
    PASS(copy_in(&in, user(arg2(f)), sizeof(in)));
    PASS(timespec_to_ns(&in.value, &set.value_ns));
    PASS(timespec_to_ns(&in.interval, &set.interval_ns));
    PASS(proc_timer_set((int)arg0(f), (arg1(f) & TIMER_ABSTIME) != 0, &set, &old));
    return arg3(f) == 0 ? 0 : itimerspec_out(arg3(f), &old);
}
i64 linux_timer_gettime(struct trap_frame *f) {
    struct interval now;
    int overrun;
    PASS(proc_timer_get((int)arg0(f), &now, &overrun));
    return itimerspec_out(arg1(f), &now);
}
i64 linux_timer_getoverrun(struct trap_frame *f) {
    struct interval now;
    int overrun;
    PASS(proc_timer_get((int)arg0(f), &now, &overrun));
    return overrun;
}
i64 linux_timer_delete(struct trap_frame *f) { return proc_timer_delete((int)arg0(f)); }
