// SPDX-License-Identifier: MIT
#pragma once
#include "vfs_impl.h"

struct pipe {
    struct mutex lock;
    struct page **pages;          // page_count of them, null until used
    u32 page_count;               // under lock
    u64 start;                    // ring position of the oldest byte; under lock
    _Atomic u64 used;             // bytes; changes under lock
    _Atomic u32 readers, writers; // open ends; change under the vnode's lock
    _Atomic u64 readers_ever, writers_ever;
    u32 opening; // FIFO opens that wait for the other end; vnode's lock
    struct waitq readable, writable, opened;
};
DECLARE_MUTEX_CLASS(pipe, struct pipe, lock)

err_t pipe_alloc(struct pipe **out);
void pipe_free(struct pipe *p);
static inline bool pipe_unused(const struct pipe *p) {
    return p->readers == 0 && p->writers == 0 && p->opening == 0;
}
