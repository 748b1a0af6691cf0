// SPDX-License-Identifier: MIT
// Waiting for descriptors: poll, select and their forms with a signal mask.
//
// The first look at each file puts a waiter on every queue that can change its answer. A wake sets
// `fired` and wakes the thread; the files are then looked at again (which may sleep on their locks)
// before the thread really blocks.
#include "linux_impl.h"
#include <stdatomic.h>

constexpr u32 WAITERS_PER_BLOCK = 8;
struct poll_waiter {
    struct waiter waiter;
    struct poll_wait *wait;
};
struct poll_block {
    struct poll_block *next;
    u32 count;
    struct poll_waiter at[WAITERS_PER_BLOCK];
};
struct poll_wait {
    struct poll_table table;
    struct thread *thread;
    _Atomic bool fired;
    bool no_memory;
    struct poll_block *blocks;
};

static void poll_fire(struct waiter *w) {
    struct poll_wait *p = container_of(w, struct poll_waiter, waiter)->wait;
    p->fired = true;
    thread_wake(p->thread);
}

static void poll_add(struct poll_table *t, struct waitq *q) {
    struct poll_wait *p = container_of(t, struct poll_wait, table);
    struct poll_block *b = p->blocks;
    if (b == nullptr || b->count == WAITERS_PER_BLOCK) {
        if (heap_new(&b) != ERR_OK) {
            p->no_memory = true;
            return;
        }
        b->next = p->blocks;
        p->blocks = b;
    }
    struct poll_waiter *w = &b->at[b->count++];
    w->wait = p;
    w->waiter.fire = poll_fire;
    waiter_add(q, &w->waiter, false);
}

static void poll_wait_init(struct poll_wait *p) {
    *p = (struct poll_wait){.table.watch = poll_add, .thread = thread_current()};
}

static void poll_wait_fini(struct poll_wait *p) {
    while (p->blocks != nullptr) {
        struct poll_block *b = p->blocks;
        for (u32 i = 0; i < b->count; i++) {
            waiter_remove(&b->at[i].waiter);
        }
        p->blocks = b->next;
        heap_free(&b);
    }
}

// Sleeps until something fired. ERR_TIMEDOUT, ERR_INTR.
static err_t poll_sleep(struct poll_wait *p, u64 deadline) {
    err_t err = ERR_OK;
    while (!p->fired && err == ERR_OK) {
        wait_prepare(WAIT_INTERRUPTIBLE);
        if (!p->fired) {
            err = wait_block(deadline);
        }
        wait_finish();
    }
    p->fired = false;
    return err;
}

// ---- the set of descriptors: a pollfd array in the kernel

struct poll_set {
    struct linux_pollfd *fds;
    struct file **files; // references, null: none or bad
    u32 count;
};

static u32 look(struct poll_set *s, struct poll_table *table) {
    u32 ready = 0;
    for (u32 i = 0; i < s->count; i++) {
        struct linux_pollfd *p = &s->fds[i];
        u32 events = 0;
        if (p->fd >= 0) {
            u32 wanted = (u16)p->events | POLL_ERR | POLL_HUP;
            events =
                s->files[i] == nullptr ? (u32)POLL_NVAL : file_poll(s->files[i], table) & wanted;
        }
        p->revents = (i16)events;
        ready += events != 0;
        if (ready != 0) {
            table = nullptr; // there will be no sleep
        }
    }
    return ready;
}

static err_t poll_run(struct poll_set *s, u64 deadline, u32 *ready) {
    struct poll_wait w;
    poll_wait_init(&w);
    *ready = look(s, deadline == 0 ? nullptr : &w.table);
    err_t err = w.no_memory ? ERR_NOMEM : ERR_OK;
    while (*ready == 0 && err == ERR_OK && deadline != 0) {
        err = poll_sleep(&w, deadline);
        *ready = look(s, nullptr);
    }
    poll_wait_fini(&w);
    return *ready > 0 || err == ERR_TIMEDOUT ? ERR_OK : err;
}

static err_t set_open(struct poll_set *s, u32 count) {
    *s = (struct poll_set){.count = count};
    TRY(heap_new_array(&s->fds, MAX(count, 1u)));
    err_t err = heap_new_array(&s->files, MAX(count, 1u));
    if (err != ERR_OK) {
        heap_free(&s->fds);
    }
    return err;
}
static void set_get_files(struct poll_set *s) {
    for (u32 i = 0; i < s->count; i++) {
        struct fd_ref r;
        if (s->fds[i].fd >= 0 && fd_get(s->fds[i].fd, &r) == ERR_OK) {
            if (!r.owned) {
                file_get(r.file);
            }
            s->files[i] = r.file->flags & O_PATH ? nullptr : r.file;
            if (s->files[i] == nullptr) {
                file_put(r.file);
            }
        }
    }
}
static void set_close(struct poll_set *s) {
    for (u32 i = 0; i < s->count; i++) {
        if (s->files[i] != nullptr) {
            file_put(s->files[i]);
        }
    }
    heap_free(&s->fds);
    heap_free(&s->files);
}

static err_t poll_user(u64 va, u32 count, u64 deadline, u32 *ready) {
    struct poll_set s;
    if (count > process_rlimit(process_current(), LINUX_RLIMIT_NOFILE)) {
        return ERR_INVAL;
    }
    TRY(set_open(&s, count));
    err_t err = copy_in(s.fds, user(va), count * sizeof(*s.fds));
    if (err == ERR_OK) {
        set_get_files(&s);
        err = poll_run(&s, deadline, ready);
        for (u32 i = 0; i < count && err == ERR_OK; i++) {
            u64 at = va + i * sizeof(*s.fds) + offsetof(struct linux_pollfd, revents);
            err = copy_out(user(at), &s.fds[i].revents, sizeof(i16));
        }
    }
    set_close(&s);
    return err;
}

static err_t poll_restart(struct user_thread *t, i64 *result) {
    u32 ready = 0;
    err_t err = poll_user(t->restart_args[0], (u32)t->restart_args[1], t->restart_args[2], &ready);
    *result = ready;
    return err == ERR_INTR ? ERR_RESTART_BLOCK : err;
}

i64 linux_poll(struct trap_frame *f) {
    struct user_thread *t = user_thread_current();
    i32 ms = (i32)arg2(f);
    t->restart = poll_restart;
    t->restart_args[0] = arg0(f);
    t->restart_args[1] = (u32)arg1(f);
    t->restart_args[2] = ms < 0    ? DEADLINE_NEVER
                         : ms == 0 ? 0
                                   : deadline_in(time_now_ns(), (u64)ms * NS_PER_MS);
    i64 result;
    err_t err = poll_restart(t, &result);
    return err == ERR_OK ? result : (i64)err;
}

// Relative timeout of ppoll and pselect6; 0: do not wait.
static err_t deadline_from(u64 va, u64 *deadline) {
    u64 ns;
    *deadline = DEADLINE_NEVER;
    if (va != 0) {
        TRY(timespec_in(user(va), &ns));
        *deadline = ns == 0 ? 0 : deadline_in(time_now_ns(), ns);
    }
    return ERR_OK;
}
static void rest_out(u64 va, u64 deadline) {
    if (va != 0 && deadline != DEADLINE_NEVER) {
        u64 now = time_now_ns();
        (void)timespec_out(user(va), deadline > now ? deadline - now : 0);
    }
}

i64 linux_ppoll(struct trap_frame *f) {
    u64 deadline;
    u32 ready = 0;
    PASS(deadline_from(arg2(f), &deadline));
    if (arg3(f) != 0) {
        sigset64 mask;
        PASS(sigset_in(user(arg3(f)), arg4(f), &mask));
        sigmask_swap_for_call(mask);
    }
    err_t err = poll_user(arg0(f), (u32)arg1(f), deadline, &ready);
    sigmask_end_call(err == ERR_INTR);
    rest_out(arg2(f), deadline);
    return err == ERR_INTR ? ERR_RESTARTNOHAND : err == ERR_OK ? (i64)ready : (i64)err;
}

// ---- select: bitmaps in, the same set inside, bitmaps out

constexpr u32 SELECT_MAX = 1024;
static const u32 select_events[3] = {POLL_IN | POLL_HUP | POLL_ERR, POLL_OUT | POLL_ERR, POLL_PRI};
static const u32 select_wanted[3] = {POLL_IN, POLL_OUT, POLL_PRI};

struct select_call {
    u32 n;
    u64 va[3]; // read, write, except; 0: none
    u64 *words[3];
    struct poll_set set;
    u32 ready; // bits
};

static err_t select_in(struct select_call *c) {
    u32 words = (c->n + 63) / 64, count = 0;
    for (u32 k = 0; k < 3; k++) {
        if (c->va[k] != 0) {
            TRY(heap_new_array(&c->words[k], MAX(words, 1u)));
            TRY(copy_in(c->words[k], user(c->va[k]), words * sizeof(u64)));
        }
    }
    TRY(set_open(&c->set, c->n));
    for (u32 fd = 0; fd < c->n; fd++) {
        u32 events = 0;
        for (u32 k = 0; k < 3; k++) {
            if (c->words[k] != nullptr && c->words[k][fd / 64] >> (fd % 64) & 1) {
                events |= select_wanted[k];
            }
        }
        if (events != 0) {
            c->set.fds[count++] = (struct linux_pollfd){.fd = (i32)fd, .events = (i16)events};
        }
    }
    c->set.count = count;
    set_get_files(&c->set);
    for (u32 i = 0; i < count; i++) {
        if (c->set.files[i] == nullptr) {
            return ERR_BADF;
        }
    }
    return ERR_OK;
}

static err_t select_out(struct select_call *c) {
    u32 words = (c->n + 63) / 64;
    for (u32 k = 0; k < 3; k++) {
        if (c->words[k] == nullptr) {
            continue;
        }
        memset(c->words[k], 0, words * sizeof(u64));
        for (u32 i = 0; i < c->set.count; i++) {
            const struct linux_pollfd *p = &c->set.fds[i];
            if ((u16)p->events & select_wanted[k] && (u16)p->revents & select_events[k]) {
                c->words[k][(u32)p->fd / 64] |= (u64)1 << ((u32)p->fd % 64);
                c->ready++;
            }
        }
        TRY(copy_out(user(c->va[k]), c->words[k], words * sizeof(u64)));
    }
    return ERR_OK;
}

static err_t select_run(struct select_call *c, u64 deadline) {
    err_t err = select_in(c);
    if (err == ERR_OK) {
        u32 ready;
        err = poll_run(&c->set, deadline, &ready);
    }
    if (err == ERR_OK) {
        err = select_out(c);
    }
    if (c->set.fds != nullptr) {
        set_close(&c->set);
    }
    for (u32 k = 0; k < 3; k++) {
        heap_free(&c->words[k]);
    }
    return err;
}

static err_t select_begin(struct trap_frame *f, struct select_call *c) {
    if ((i32)arg0(f) < 0) {
        return ERR_INVAL;
    }
    *c =
        (struct select_call){.n = MIN((u32)arg0(f), SELECT_MAX), .va = {arg1(f), arg2(f), arg3(f)}};
    return ERR_OK;
}

i64 linux_select(struct trap_frame *f) {
    struct select_call c;
    struct linux_timeval tv;
    u64 deadline = DEADLINE_NEVER;
    if (arg4(f) != 0) {
        PASS(copy_in(&tv, user(arg4(f)), sizeof(tv)));
        if (tv.sec < 0 || tv.usec < 0) {
            return ERR_INVAL;
        }
        u64 ns = (u64)MIN(tv.sec, (i64)1 << 33) * NS_PER_SEC + (u64)tv.usec * 1000;
        deadline = ns == 0 ? 0 : deadline_in(time_now_ns(), ns);
    }
    PASS(select_begin(f, &c));
    err_t err = select_run(&c, deadline);
    if (arg4(f) != 0) {
        u64 now = time_now_ns();
        tv = timeval_of(deadline > now ? deadline - now : 0);
        (void)copy_out(user(arg4(f)), &tv, sizeof(tv));
    }
    return err == ERR_INTR ? ERR_RESTARTNOHAND : err == ERR_OK ? (i64)c.ready : (i64)err;
}

i64 linux_pselect6(struct trap_frame *f) {
    struct select_call c;
    u64 deadline, mask_arg[2] = {};
    sigset64 mask;
    PASS(deadline_from(arg4(f), &deadline));
    PASS(select_begin(f, &c));
    if (arg5(f) != 0) {
        PASS(copy_in(mask_arg, user(arg5(f)), sizeof(mask_arg)));
    }
    if (mask_arg[0] != 0) {
        PASS(sigset_in(user(mask_arg[0]), mask_arg[1], &mask));
        sigmask_swap_for_call(mask);
    }
    err_t err = select_run(&c, deadline);
    sigmask_end_call(err == ERR_INTR);
    rest_out(arg4(f), deadline);
    return err == ERR_INTR ? ERR_RESTARTNOHAND : err == ERR_OK ? (i64)c.ready : (i64)err;
}
