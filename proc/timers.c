// SPDX-License-Identifier: MIT
// ITIMER_REAL and POSIX timers of a process. Each is a one-shot kernel timer that starts itself
// again; it runs in an interrupt and sends its signal from there. `off` stops a callback that is
// about to start the timer again while it is being taken away.
#include "proc_impl.h"
#include <kernel/sched/timer.h>

constexpr int TIMERS_MAX = 32;

struct proc_timer {
    struct timer timer;
    struct process *process;
    bool used;
    _Atomic bool off;
    _Atomic u64 interval_ns;
    _Atomic u32 overrun;
    int id;                      // of a POSIX timer; ITIMER_* of an interval timer
    _Atomic u64 cpu_deadline_ns; // ITIMER_VIRTUAL and _PROF: on the process's own clock
    struct posix_timer_spec spec;
};
struct proc_timers {
    struct proc_timer intervals[3]; // ITIMER_REAL, _VIRTUAL, _PROF
    struct proc_timer posix[TIMERS_MAX];
};

static void again(struct proc_timer *t) {
    u64 interval = t->interval_ns;
    if (t->off || interval == 0) {
        return;
    }
    u64 now = time_now_ns(), next = t->timer.deadline_ns + interval;
    if (next <= now) {
        u64 missed = (now - next) / interval + 1;
        t->overrun += (u32)missed;
        next += missed * interval;
    }
    timer_start(&t->timer, next);
}

static void real_fired(struct timer *timer) {
    struct proc_timer *t = container_of(timer, struct proc_timer, timer);
    struct siginfo info = {.signo = LINUX_SIGALRM, .code = LINUX_SI_KERNEL};
    signal_send(t->process, &info);
    again(t);
}

// The process's own clock an interval timer runs on.
static u64 cpu_clock_of(struct proc_timer *t) {
    u64 user_ns, kernel_ns;
    process_times(t->process, &user_ns, &kernel_ns);
    return t->id == ITIMER_VIRTUAL ? user_ns : user_ns + kernel_ns;
}
// One thread cannot use more processor time than passes, so the rest (shared by the threads) is a
// safe time to look again.
static u64 cpu_look_again(struct proc_timer *t, u64 used_ns) {
    u64 rest = t->cpu_deadline_ns > used_ns ? t->cpu_deadline_ns - used_ns : 0;
    return deadline_in(time_now_ns(), MAX(rest / MAX(t->process->thread_count, 1u), NS_PER_MS));
}
static void cpu_fired(struct timer *timer) {
    struct proc_timer *t = container_of(timer, struct proc_timer, timer);
    u64 used = cpu_clock_of(t);
    if (used >= t->cpu_deadline_ns) {
        struct siginfo info = {.signo = t->id == ITIMER_VIRTUAL ? LINUX_SIGVTALRM : LINUX_SIGPROF,
                               .code = LINUX_SI_KERNEL};
        signal_send(t->process, &info);
        t->cpu_deadline_ns = t->interval_ns == 0 ? 0 : used + t->interval_ns;
    }
    if (!t->off && t->cpu_deadline_ns != 0) {
        timer_start(&t->timer, cpu_look_again(t, used));
    }
}

static void posix_fired(struct timer *timer) {
    struct proc_timer *t = container_of(timer, struct proc_timer, timer);
    struct siginfo info = {
        .signo = t->spec.signo, .code = LINUX_SI_TIMER, .timer_id = t->id, .value = t->spec.value};
    if (t->spec.notify == LINUX_SIGEV_THREAD_ID) {
        GUARD(proc_table, &proc_table);
        struct user_thread *target = thread_find_locked(t->spec.tid);
        if (target != nullptr && target->process == t->process) {
            (void)signal_send_thread_locked(target, &info);
        }
    } else if (t->spec.notify != LINUX_SIGEV_NONE) {
        signal_send(t->process, &info);
    }
    again(t);
}

static void stop(struct proc_timer *t) {
    t->off = true;
    (void)timer_cancel(&t->timer);
    (void)timer_cancel(
        &t->timer); // a callback that had passed the test of `off` started it once more
}

static void read_out(struct proc_timer *t, struct interval *out) {
    u64 now = time_now_ns();
    out->interval_ns = t->interval_ns;
    out->value_ns = !t->timer.active             ? 0
                    : t->timer.deadline_ns > now ? t->timer.deadline_ns - now
                                                 : 1;
}

static void arm(struct proc_timer *t, u64 deadline_ns, u64 interval_ns) {
    t->interval_ns = interval_ns;
    t->overrun = 0;
    t->off = false;
    timer_start(&t->timer, deadline_ns);
}

static err_t timers_of(struct process *p, struct proc_timers **out) {
    if (p->timers == nullptr) {
        TRY(heap_new(&p->timers));
        for (int i = 0; i < 3; i++) {
            p->timers->intervals[i].timer.fn = i == ITIMER_REAL ? real_fired : cpu_fired;
            p->timers->intervals[i].process = p;
            p->timers->intervals[i].id = i;
        }
    }
    *out = p->timers;
    return ERR_OK;
}

static void cpu_read_out(struct proc_timer *t, struct interval *out) {
    u64 used = cpu_clock_of(t), deadline = t->cpu_deadline_ns;
    out->interval_ns = t->interval_ns;
    out->value_ns = deadline == 0 ? 0 : deadline > used ? deadline - used : 1;
}
static void cpu_set(struct proc_timer *t, const struct interval *set) {
    u64 used = cpu_clock_of(t);
    t->interval_ns = set->interval_ns;
    t->cpu_deadline_ns = set->value_ns == 0 ? 0 : used + set->value_ns;
    t->off = false;
    if (set->value_ns != 0) {
        timer_start(&t->timer, cpu_look_again(t, used));
    }
}

err_t proc_itimer(enum itimer_kind kind, const struct interval *set, struct interval *old) {
    struct process *p = process_current();
    *old = (struct interval){};
    if (p->timers == nullptr && (set == nullptr || set->value_ns == 0)) {
        return ERR_OK;
    }
    struct proc_timers *all;
    TRY(timers_of(p, &all));
    struct proc_timer *t = &all->intervals[kind];
    if (kind == ITIMER_REAL) {
        read_out(t, old);
    } else {
        cpu_read_out(t, old);
    }
    if (set == nullptr) {
        return ERR_OK;
    }
    stop(t);
    if (kind != ITIMER_REAL) {
        cpu_set(t, set);
    } else if (set->value_ns != 0) {
        arm(t, deadline_in(time_now_ns(), set->value_ns), set->interval_ns);
    }
    return ERR_OK;
}

err_t proc_timer_create(const struct posix_timer_spec *spec, int *id) {
    struct process *p = process_current();
    struct proc_timers *all;
    TRY(timers_of(p, &all));
    for (int i = 0; i < TIMERS_MAX; i++) {
        struct proc_timer *t = &all->posix[i];
        if (!t->used) {
            *t = (struct proc_timer){.process = p, .used = true, .id = i, .spec = *spec};
            t->timer.fn = posix_fired;
            *id = i;
            return ERR_OK;
        }
    }
    return ERR_AGAIN;
}

static err_t find(int id, struct proc_timer **out) {
    struct proc_timers *all = process_current()->timers;
    if (all == nullptr || id < 0 || id >= TIMERS_MAX || !all->posix[id].used) {
        return ERR_INVAL;
    }
    *out = &all->posix[id];
    return ERR_OK;
}

err_t proc_timer_set(int id, bool absolute, const struct interval *set, struct interval *old) {
    struct proc_timer *t;
    TRY(find(id, &t));
    read_out(t, old);
    stop(t);
    if (set->value_ns == 0) {
        return ERR_OK;
    }
    u64 now = time_now_ns(), deadline = deadline_in(now, set->value_ns);
    if (absolute && t->spec.wall) {
        u64 wall = time_wall_ns();
        deadline = set->value_ns > wall ? deadline_in(now, set->value_ns - wall) : now;
    } else if (absolute) {
        deadline = set->value_ns;
    }
    arm(t, deadline, set->interval_ns);
    return ERR_OK;
}

err_t proc_timer_get(int id, struct interval *now, int *overrun) {
    struct proc_timer *t;
    TRY(find(id, &t));
    read_out(t, now);
    *overrun = (int)t->overrun;
    return ERR_OK;
}

err_t proc_timer_delete(int id) {
    struct proc_timer *t;
    TRY(find(id, &t));
    stop(t);
    t->used = false;
    return ERR_OK;
}

void proc_timers_drop(struct process *p, bool posix_only) {
    struct proc_timers *all = p->timers;
    if (all == nullptr) {
        return;
    }
    for (int i = 0; i < TIMERS_MAX; i++) {
        if (all->posix[i].used) {
            stop(&all->posix[i]);
            all->posix[i].used = false;
        }
    }
    if (!posix_only) {
        for (int i = 0; i < 3; i++) {
            stop(&all->intervals[i]);
        }
        heap_free(&p->timers);
    }
}
