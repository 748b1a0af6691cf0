// SPDX-License-Identifier: MIT
// Load averages: every 5 s the number of runnable threads goes into three exponentially decaying
// means. The factors are exp(-5 s / 1 min, 5 min, 15 min) with SCHED_LOAD_SHIFT fraction bits.
#include "sched_impl.h"
#include <kernel/sched/timer.h>

constexpr u64 PERIOD_NS = 5 * NS_PER_SEC;
constexpr u32 ONE = 1 << SCHED_LOAD_SHIFT;
static const u32 factors[3] = {1884, 2014, 2037};

_Atomic u32 loads[3];
static struct timer timer;

static void sample(struct timer *t) {
    u32 runnable = 0;
    for (u32 i = 0; i < cpu_count; i++) {
        runnable += run_queues[i].runnable;
    }
    u64 now = (u64)runnable << SCHED_LOAD_SHIFT;
    for (u32 i = 0; i < countof(loads); i++) {
        u64 sum = loads[i] * (u64)factors[i] + now * (ONE - factors[i]);
        // Rounds towards what is true now, so that it is reached at last.
        loads[i] = (u32)((sum + (now >= loads[i] ? ONE - 1 : 0)) >> SCHED_LOAD_SHIFT);
    }
    timer_start(t, deadline_in(time_now_ns(), PERIOD_NS));
}

void load_start(void) {
    timer.fn = sample;
    timer_start(&timer, deadline_in(time_now_ns(), PERIOD_NS));
}
