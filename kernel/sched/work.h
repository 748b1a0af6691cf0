// SPDX-License-Identifier: MIT
// Deferred work: runs fn once in a worker thread (may sleep). Queuing a queued item does nothing.
#pragma once
#include <lib/list.h>

struct work {
    struct list node;
    void (*fn)(struct work *w);
    _Atomic bool queued;
};
void work_init(void);
void work_queue(struct work *w); // any context
