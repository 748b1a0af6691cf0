// SPDX-License-Identifier: MIT
// Time and one-shot timers. Tickless: a CPU's hardware timer is set to the earliest deadline only.
#pragma once
#include <lib/tree.h>
#include <lib/types.h>

struct timer {
    struct tree_node node;
    u64 deadline_ns;             // on the time_now_ns clock
    void (*fn)(struct timer *t); // interrupt context, no lock held; may start the timer again
    u32 cpu;
    bool active;
};

void timer_start(struct timer *t, u64 deadline_ns); // moves it if active
bool timer_cancel(
    struct timer *t); // true if it was active; when it returns, fn is not running on another CPU
static inline u64 deadline_in(u64 now_ns, u64 ns) {
    u64 d;
    return __builtin_add_overflow(now_ns, ns, &d) ? ~(u64)0 : d;
}

u64 time_now_ns(void);           // monotonic since boot
u64 time_wall_ns(void);          // since 1970-01-01 UTC
void time_set_wall(u64 wall_ns); // RTC at boot, clock_settime
