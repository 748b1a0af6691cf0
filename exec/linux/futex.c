// SPDX-License-Identifier: MIT
// Futexes: sleeping on a word of user memory.
//
// Waiters sit in hash buckets under a key: private futexes (space, address), shared ones (VM
// object, offset), which two processes see at different addresses. A waiter checks the word after
// it is in the bucket and before it sleeps; a waker changes the word before it looks into the
// bucket. So no wake is lost, although the word is read without the bucket's spinlock (reading may
// fault and sleep). `woken` of a waiter is set under the bucket's lock; REQUEUE takes a waiter out
// of one bucket and puts it into another. Source: futex(2), the robust futex ABI of Linux.
#include "linux_impl.h"
#include <stdatomic.h>

constexpr u32 BUCKETS = 256;
enum futex_op : u32 {
    FUTEX_WAIT = 0,
    FUTEX_WAKE = 1,
    FUTEX_REQUEUE = 3,
    FUTEX_CMP_REQUEUE = 4,
    FUTEX_WAKE_OP = 5,
    FUTEX_WAIT_BITSET = 9,
    FUTEX_WAKE_BITSET = 10,
    FUTEX_PRIVATE = 128,
    FUTEX_CLOCK_REALTIME = 256,
};

struct futex_key {
    u64 object; // address of the space or of the VM object
    u64 offset;
};
struct futex_waiter {
    struct list node;
    struct futex_key key;
    struct futex_bucket *_Atomic bucket;
    u32 bitset;
    _Atomic bool woken;
    struct waitq queue;
};
struct futex_bucket {
    struct spinlock lock;
    struct list waiters;
    bool ready;
};
DECLARE_SPIN_CLASS(futex, struct futex_bucket, lock)
static struct futex_bucket buckets[BUCKETS];
static _Atomic bool buckets_ready;

static struct futex_bucket *bucket_of(const struct futex_key *k) {
    if (!buckets_ready) { // all-zero heads are made on first use; making them twice is harmless
                          // before the first waiter
        static struct futex_bucket guard;
        GUARD(futex, &guard);
        if (!buckets_ready) {
            for (u32 i = 0; i < BUCKETS; i++) {
                list_init(&buckets[i].waiters);
            }
            buckets_ready = true;
        }
    }
    u64 h = (k->object >> 4) * 0x9e3779b97f4a7c15 ^ (k->offset >> 2) * 0xc2b2ae3d27d4eb4f;
    return &buckets[h >> 56];
}

struct key_search {
    u64 va;
    struct futex_key *key;
    bool shared;
};
static bool key_look(const struct vm_mapping *m, void *arg) {
    struct key_search *s = arg;
    if (s->va < m->start || s->va >= m->end) {
        return s->va >= m->end; // later mappings only while the address is still ahead
    }
    if (m->object != nullptr && m->flags & VM_SHARED) {
        s->shared = true;
        *s->key =
            (struct futex_key){(u64)m->object, (m->object_page << PAGE_SHIFT) + (s->va - m->start)};
    }
    return false;
}

static err_t key_make(u64 va, bool private, struct futex_key *out) {
    struct vm_space *space = process_current()->space;
    if (va & 3) {
        return ERR_INVAL;
    }
    if (va >= USER_VA_END) {
        return ERR_FAULT;
    }
    *out = (struct futex_key){(u64)space, va};
    if (!private) {
        struct key_search s = {.va = va, .key = out};
        vm_each(space, key_look, &s);
    }
    return ERR_OK;
}

static bool same(const struct futex_key *a, const struct futex_key *b) {
    return a->object == b->object && a->offset == b->offset;
}

static u32 wake(const struct futex_key *key, u32 count, u32 bitset) {
    struct futex_bucket *b = bucket_of(key);
    u32 woken = 0;
    GUARD(futex, b);
    struct futex_waiter *w, *tmp;
    list_for_each_safe(w, tmp, &b->waiters, node) {
        if (woken == count) {
            break;
        }
        if (same(&w->key, key) && w->bitset & bitset) {
            list_remove(&w->node);
            w->woken = true;
            waitq_wake_all(&w->queue); // the waiter leaves only after it got the bucket's lock
            woken++;
        }
    }
    return woken;
}

static void enqueue(struct futex_waiter *w) {
    struct futex_bucket *b = bucket_of(&w->key);
    w->bucket = b;
    GUARD(futex, b);
    list_push_back(&b->waiters, &w->node);
}

// Leaves the queue. REQUEUE may have moved the waiter meanwhile, so the bucket is looked at again
// under its lock.
static void dequeue(struct futex_waiter *w) {
    for (;;) {
        struct futex_bucket *b = w->bucket;
        if (b == nullptr) { // between two buckets
            thread_yield();
            continue;
        }
        GUARD(futex, b);
        if (w->bucket == b) {
            list_remove(&w->node);
            return;
        }
    }
}

static err_t wait_once(u64 va, bool private, u32 expected, u32 bitset, u64 deadline) {
    struct futex_waiter w = {.bitset = bitset};
    u32 now;
    list_init(&w.node);
    waitq_init(&w.queue);
    TRY(key_make(va, private, &w.key));
    enqueue(&w);
    err_t err = copy_in_u32(user(va), &now);
    if (err == ERR_OK && now != expected) {
        err = ERR_AGAIN;
    }
    if (err == ERR_OK) {
        err = WAIT_UNTIL(&w.queue, w.woken, WAIT_INTERRUPTIBLE, deadline);
    }
    dequeue(&w);
    return w.woken ? ERR_OK : err;
}

static err_t wait_restart(struct user_thread *t, i64 *result) {
    *result = 0;
    err_t err = wait_once(t->restart_args[0], t->restart_args[4] != 0, (u32)t->restart_args[1],
                          (u32)t->restart_args[2], t->restart_args[3]);
    return err == ERR_INTR ? ERR_RESTART_BLOCK : err;
}

static i64 futex_wait(struct trap_frame *f, u32 op, u32 bitset) {
    u64 deadline = DEADLINE_NEVER, ns;
    bool private = (op & FUTEX_PRIVATE) != 0, absolute = (op & 127) == FUTEX_WAIT_BITSET;
    if (bitset == 0) {
        return ERR_INVAL;
    }
    if (arg3(f) != 0) {
        PASS(timespec_in(user(arg3(f)), &ns));
        u64 now = time_now_ns();
        if (!absolute) {
            deadline = deadline_in(now, ns);
        } else if (op & FUTEX_CLOCK_REALTIME) {
            u64 wall = time_wall_ns();
            deadline = ns > wall ? deadline_in(now, ns - wall) : 0;
        } else {
            deadline = ns;
        }
    }
    err_t err = wait_once(arg0(f), private, (u32)arg2(f), bitset, deadline);
    if (err != ERR_INTR) {
        return err;
    }
    if (deadline == DEADLINE_NEVER) {
        return ERR_RESTARTSYS;
    }
    struct user_thread *t = user_thread_current();
    t->restart = wait_restart;
    t->restart_args[0] = arg0(f);
    t->restart_args[1] = (u32)arg2(f);
    t->restart_args[2] = bitset;
    t->restart_args[3] = deadline;
    t->restart_args[4] = private;
    return ERR_RESTART_BLOCK;
}

static i64 futex_wake(u64 va, bool private, u32 count, u32 bitset) {
    struct futex_key key;
    if (bitset == 0) {
        return ERR_INVAL;
    }
    PASS(key_make(va, private, &key));
    return wake(&key, count, bitset);
}

struct requeue {
    struct futex_key from, to;
    u32 wake_count, move_count;
    u32 woken, moved;
};
// Takes those to be moved out of the first bucket; on their way they are in none.
static void requeue_take(struct requeue *r, struct list *moving) {
    struct futex_bucket *b = bucket_of(&r->from);
    GUARD(futex, b);
    struct futex_waiter *w, *tmp;
    list_for_each_safe(w, tmp, &b->waiters, node) {
        if (!same(&w->key, &r->from)) {
            continue;
        }
        if (r->woken < r->wake_count) {
            list_remove(&w->node);
            w->woken = true;
            waitq_wake_all(&w->queue);
            r->woken++;
        } else if (r->moved < r->move_count) {
            list_remove(&w->node);
            w->bucket = nullptr;
            list_push_back(moving, &w->node);
            r->moved++;
        } else {
            break;
        }
    }
}
static void requeue_run(struct requeue *r) {
    struct list moving = LIST_INIT(moving);
    requeue_take(r, &moving);
    struct futex_bucket *b = bucket_of(&r->to);
    GUARD(futex, b);
    while (!list_empty(&moving)) {
        struct futex_waiter *w = list_entry(list_pop_front(&moving), struct futex_waiter, node);
        w->key = r->to;
        list_push_back(&b->waiters, &w->node);
        w->bucket = b;
    }
}

static i64 futex_requeue(struct trap_frame *f, bool private, bool compare) {
    struct requeue r = {.wake_count = (u32)arg2(f), .move_count = (u32)arg3(f)};
    if ((i32)r.wake_count < 0 || (i32)r.move_count < 0) {
        return ERR_INVAL;
    }
    PASS(key_make(arg0(f), private, &r.from));
    PASS(key_make(arg4(f), private, &r.to));
    if (compare) {
        u32 now;
        PASS(copy_in_u32(user(arg0(f)), &now));
        if (now != (u32)arg5(f)) {
            return ERR_AGAIN;
        }
    }
    requeue_run(&r);
    return compare ? r.woken + r.moved : r.woken;
}

static bool wake_op_value(u32 code, u32 old, u32 *value) {
    u32 arg = code >> 12 & 0xfff;
    if (code & 0x80000000) { // FUTEX_OP_ARG_SHIFT
        arg = 1u << (arg & 31);
    }
    switch (code >> 28 & 7) {
    case 0:
        *value = arg;
        return true;
    case 1:
        *value = old + arg;
        return true;
    case 2:
        *value = old | arg;
        return true;
    case 3:
        *value = old & ~arg;
        return true;
    case 4:
        *value = old ^ arg;
        return true;
    default:
        return false;
    }
}
static bool wake_op_compare(u32 code, u32 old, bool *yes) {
    i32 a = (i32)old, b = (i32)(code << 20) >> 20;
    switch (code >> 24 & 15) {
    case 0:
        *yes = a == b;
        return true;
    case 1:
        *yes = a != b;
        return true;
    case 2:
        *yes = a < b;
        return true;
    case 3:
        *yes = a <= b;
        return true;
    case 4:
        *yes = a > b;
        return true;
    case 5:
        *yes = a >= b;
        return true;
    default:
        return false;
    }
}
static i64 futex_wake_op(struct trap_frame *f, bool private) {
    struct futex_key first, second;
    u32 code = (u32)arg5(f), old, seen, value;
    bool yes;
    PASS(key_make(arg0(f), private, &first));
    PASS(key_make(arg4(f), private, &second));
    PASS(copy_in_u32(user(arg4(f)), &old));
    for (;;) {
        if (!wake_op_value(code, old, &value) || !wake_op_compare(code, old, &yes)) {
            return ERR_NOSYS;
        }
        PASS(user_cmpxchg_u32(user(arg4(f)), old, value, &seen));
        if (seen == old) {
            break;
        }
        old = seen;
    }
    u32 woken = wake(&first, (u32)arg2(f), ~(u32)0);
    return woken + (yes ? wake(&second, (u32)arg3(f), ~(u32)0) : 0);
}

i64 linux_futex(struct trap_frame *f) {
    u32 op = (u32)arg1(f), command = op & 127;
    bool private = (op & FUTEX_PRIVATE) != 0;
    if (op & FUTEX_CLOCK_REALTIME && command != FUTEX_WAIT_BITSET && command != FUTEX_WAIT) {
        return ERR_NOSYS;
    }
    switch (command) {
    case FUTEX_WAIT:
        return futex_wait(f, op, ~(u32)0);
    case FUTEX_WAIT_BITSET:
        return futex_wait(f, op, (u32)arg5(f));
    case FUTEX_WAKE:
        return futex_wake(arg0(f), private, (u32)arg2(f), ~(u32)0);
    case FUTEX_WAKE_BITSET:
        return futex_wake(arg0(f), private, (u32)arg2(f), (u32)arg5(f));
    case FUTEX_REQUEUE:
        return futex_requeue(f, private, false);
    case FUTEX_CMP_REQUEUE:
        return futex_requeue(f, private, true);
    case FUTEX_WAKE_OP:
        return futex_wake_op(f, private);
    default:
        return ERR_NOSYS;
    }
}

// ---- the end of a thread

static void owner_died(u64 va, u32 tid) {
    u32 now, seen;
    if (copy_in_u32(user(va), &now) != ERR_OK) {
        return;
    }
    while ((now & LINUX_FUTEX_TID_MASK) == tid) {
        u32 dead = (now & LINUX_FUTEX_WAITERS) | LINUX_FUTEX_OWNER_DIED;
        if (user_cmpxchg_u32(user(va), now, dead, &seen) != ERR_OK) {
            return;
        }
        if (seen == now) {
            if (now & LINUX_FUTEX_WAITERS) {
                (void)futex_wake(va, false, 1, ~(u32)0);
                (void)futex_wake(va, true, 1, ~(u32)0);
            }
            return;
        }
        now = seen;
    }
}

static void robust_walk(struct user_thread *t) {
    constexpr u32 limit = 2048; // a list may be damaged, even circular
    struct linux_robust_head head;
    if (copy_in(&head, user(t->robust_list), sizeof(head)) != ERR_OK) {
        return;
    }
    u64 at = head.next;
    for (u32 i = 0; i < limit && at != t->robust_list && at != 0; i++) {
        u64 next;
        bool ok = copy_in(&next, user(at & ~(u64)1), sizeof(next)) == ERR_OK;
        if (at != head.pending) {
            owner_died((at & ~(u64)1) + (u64)head.futex_offset, t->tid);
        }
        if (!ok) {
            break;
        }
        at = next;
    }
    if (head.pending != 0) {
        owner_died((head.pending & ~(u64)1) + (u64)head.futex_offset, t->tid);
    }
}

void futex_thread_ending(struct user_thread *t) {
    if (t->robust_list != 0) {
        robust_walk(t);
        t->robust_list = 0;
    }
    if (t->clear_child_tid != 0) {
        u64 va = t->clear_child_tid;
        t->clear_child_tid = 0;
        if (copy_zero(user(va), sizeof(u32)) == ERR_OK) {
            (void)futex_wake(va, false, 1, ~(u32)0);
            (void)futex_wake(va, true, 1, ~(u32)0);
        }
    }
}
