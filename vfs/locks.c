// SPDX-License-Identifier: MIT
// Record locks (fcntl) and whole-file locks (flock) of a vnode, in one list under the vnode's lock.
// The two kinds do not see each other, as on Linux. Locks of one owner never overlap: a new one
// cuts out what it covers of the old ones. Waiting: whoever takes locks away counts `changes` up
// and wakes the vnode's queue; a waiter looks again. A waiter for a record lock tells whom it waits
// for; a chain of such waits that leads back to the asker is a deadlock (chains longer than
// CHAIN_MAX are not followed).
#include "vfs_impl.h"

constexpr u32 CHAIN_MAX = 16;
static _Atomic u64 changes;

struct wait_note { // on the waiter's stack
    struct list node;
    const void *owner, *blocker;
};
struct wait_notes {
    struct spinlock lock;
    struct list all GUARDED_BY(lc_record_waits);
};
DECLARE_SPIN_CLASS(record_waits, struct wait_notes, lock)
static struct wait_notes notes = {.all = LIST_INIT(notes.all)};

static const void *blocker_of(const void *owner) REQUIRES(lc_record_waits) {
    struct wait_note *n;
    list_for_each(n, &notes.all, node) {
        if (n->owner == owner) {
            return n->blocker;
        }
    }
    return nullptr;
}

// Notes that owner waits for blocker; false: that would be a deadlock.
static bool note_wait(struct wait_note *n, const void *owner, const void *blocker) {
    GUARD(record_waits, &notes);
    const void *at = blocker;
    for (u32 i = 0; i < CHAIN_MAX && at != nullptr; i++) {
        if (at == owner) {
            return false;
        }
        at = blocker_of(at);
    }
    *n = (struct wait_note){.owner = owner, .blocker = blocker};
    list_push_back(&notes.all, &n->node);
    return true;
}

static void note_end(struct wait_note *n) {
    GUARD(record_waits, &notes);
    list_remove(&n->node);
}

static struct record_lock *find_conflict(struct vnode *v, const struct record_lock *w)
    REQUIRES(lc_vnode) {
    struct record_lock *l;
    list_for_each(l, &v->record_locks, node) {
        if (l->flock == w->flock && l->owner != w->owner && l->start <= w->end &&
            w->start <= l->end && (l->exclusive || w->exclusive)) {
            return l;
        }
    }
    return nullptr;
}

// Takes [start, end] away from the owner's locks; *spare is used when one has to be cut in two.
static void cut_out(struct vnode *v, const struct record_lock *w, struct record_lock **spare)
    REQUIRES(lc_vnode) {
    struct record_lock *l;
    struct record_lock *next;
    list_for_each_safe(l, next, &v->record_locks, node) {
        if (l->flock != w->flock || l->owner != w->owner || l->end < w->start ||
            w->end < l->start) {
            continue;
        }
        if (l->start < w->start && l->end > w->end) {
            struct record_lock *right = *spare;
            *spare = nullptr;
            *right = *l;
            right->start = w->end + 1;
            l->end = w->start - 1;
            list_push_back(&v->record_locks, &right->node);
        } else if (l->start < w->start) {
            l->end = w->start - 1;
        } else if (l->end > w->end) {
            l->start = w->end + 1;
        } else {
            list_remove(&l->node);
            heap_free(&l);
        }
    }
}

// Joins the owner's neighbours of the same kind to `made`.
static void join(struct vnode *v, struct record_lock *made) REQUIRES(lc_vnode) {
    struct record_lock *l;
    struct record_lock *next;
    list_for_each_safe(l, next, &v->record_locks, node) {
        if (l == made || l->flock != made->flock || l->owner != made->owner ||
            l->exclusive != made->exclusive) {
            continue;
        }
        bool before = made->start != 0 && l->end == made->start - 1;
        bool behind = made->end != ~(u64)0 && l->start == made->end + 1;
        if (before || behind) {
            made->start = MIN(made->start, l->start);
            made->end = MAX(made->end, l->end);
            list_remove(&l->node);
            heap_free(&l);
        }
    }
}

struct attempt {
    struct record_lock *fresh, *spare;
    const void *blocker;
    u64 seen;
};

static err_t try_set(struct vnode *v, const struct record_lock *wanted, bool unlock,
                     struct attempt *a) {
    GUARD(vnode, v);
    a->seen = changes;
    if (!unlock) {
        struct record_lock *blocker = find_conflict(v, wanted);
        if (blocker != nullptr) {
            a->blocker = blocker->owner;
            return ERR_AGAIN;
        }
    }
    cut_out(v, wanted, &a->spare);
    if (!unlock) {
        struct record_lock *made = a->fresh;
        a->fresh = nullptr;
        *made = *wanted;
        list_push_back(&v->record_locks, &made->node);
        join(v, made);
    }
    changes++; // also when a lock became weaker
    waitq_wake_all(&v->lock_queue);
    return ERR_OK;
}

static err_t wait_for(struct vnode *v, const struct record_lock *wanted, const struct attempt *a) {
    struct wait_note note;
    if (wanted->flock) {
        return WAIT_UNTIL(&v->lock_queue, changes != a->seen, WAIT_INTERRUPTIBLE, DEADLINE_NEVER);
    }
    if (!note_wait(&note, wanted->owner, a->blocker)) {
        return ERR_DEADLK;
    }
    err_t err = WAIT_UNTIL(&v->lock_queue, changes != a->seen, WAIT_INTERRUPTIBLE, DEADLINE_NEVER);
    note_end(&note);
    return err;
}

err_t record_lock_set(struct file *f, const struct record_lock *wanted, bool unlock, bool wait) {
    struct vnode *v = f->vnode;
    if (v == nullptr || (f->flags & O_PATH) != 0) {
        return ERR_BADF;
    }
    struct attempt a = {};
    TRY(heap_new(&a.fresh));
    err_t err = heap_new(&a.spare);
    if (err == ERR_OK && wanted->flock && !unlock) { // a conversion gives the old lock up first
        struct record_lock all = *wanted;
        err = try_set(v, &all, true, &a);
    }
    while (err == ERR_OK) {
        err = try_set(v, wanted, unlock, &a);
        if (err != ERR_AGAIN || !wait) {
            break;
        }
        err = wait_for(v, wanted, &a);
        if (err == ERR_INTR) {
            err = ERR_RESTARTSYS;
        }
    }
    heap_free(&a.fresh);
    heap_free(&a.spare);
    return err;
}

bool record_lock_test(struct file *f, const struct record_lock *wanted,
                      struct record_lock *blocker) {
    struct vnode *v = f->vnode;
    if (v == nullptr) {
        return false;
    }
    GUARD(vnode, v);
    struct record_lock *l = find_conflict(v, wanted);
    if (l == nullptr) {
        return false;
    }
    *blocker = *l;
    return true;
}

void record_locks_drop(struct vnode *v, void *owner) {
    if (list_empty(&v->record_locks)) {
        return; // the owner itself cannot be adding one now
    }
    GUARD(vnode, v);
    struct record_lock *l;
    struct record_lock *next;
    list_for_each_safe(l, next, &v->record_locks, node) {
        if (l->owner == owner) {
            list_remove(&l->node);
            heap_free(&l);
        }
    }
    changes++;
    waitq_wake_all(&v->lock_queue);
}

void locks_drop_all(struct vnode *v) {
    struct list *n;
    while ((n = list_pop_front(&v->record_locks)) != nullptr) {
        heap_free_raw(list_entry(n, struct record_lock, node));
    }
}
