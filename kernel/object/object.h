// SPDX-License-Identifier: MIT
// What kernel objects have in common: reference counts, credentials, readiness (poll).
#pragma once
#include <kernel/sched/wait.h>

// ---- reference counts
struct ref {
    _Atomic u32 count;
};
void ref_init(struct ref *r);        // 1
void ref_get(struct ref *r);         // panics on 0 and on overflow
bool ref_put(struct ref *r);         // true: that was the last one
bool ref_get_if_live(struct ref *r); // false when the count is already 0

// ---- credentials: immutable once shared; copy, change, swap
constexpr u32 CRED_GROUPS_MAX = 32;
struct cred {
    struct ref refs;
    u32 uid, euid, suid, fsuid;
    u32 gid, egid, sgid, fsgid;
    u32 group_count;
    u32 groups[CRED_GROUPS_MAX];
};
extern struct cred cred_root; // never freed
void cred_get(const struct cred *c);
void cred_put(const struct cred *c);
err_t cred_clone(const struct cred *c, struct cred **out);
static inline bool cred_is_root(const struct cred *c) { return c->euid == 0; }
bool cred_in_group(const struct cred *c, u32 gid); // fsgid or supplementary

// ---- readiness
enum poll_events : u32 {
    POLL_IN = 1,
    POLL_PRI = 2,
    POLL_OUT = 4,
    POLL_ERR = 8,
    POLL_HUP = 16,
    POLL_NVAL = 32,
    POLL_RDHUP = 0x2000
};
// An object's poll operation calls poll_watch for each queue that may change its answer, then returns the events that hold now.
struct poll_table {
    void (*watch)(struct poll_table *t, struct waitq *q);
};
static inline void poll_watch(struct poll_table *t, struct waitq *q) {
    if (t != nullptr) {
        t->watch(t, q);
    }
}
