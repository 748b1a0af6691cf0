// SPDX-License-Identifier: MIT
// Who a process is: numbers, groups, sessions, user and group ids. Source of the id rules:
// POSIX.1-2017 setuid() and Linux credentials(7).
#include "linux_impl.h"

i64 linux_getpid(struct trap_frame *f) {
    unused_arg(f);
    return process_current()->pid;
}
i64 linux_gettid(struct trap_frame *f) {
    unused_arg(f);
    return user_thread_current()->tid;
}
i64 linux_getppid(struct trap_frame *f) {
    unused_arg(f);
    GUARD(proc_table, &proc_table);
    struct process *parent = process_current()->parent;
    return parent == nullptr ? 0 : parent->pid;
}
i64 linux_getuid(struct trap_frame *f) {
    unused_arg(f);
    return cred_now()->uid;
}
i64 linux_geteuid(struct trap_frame *f) {
    unused_arg(f);
    return cred_now()->euid;
}
i64 linux_getgid(struct trap_frame *f) {
    unused_arg(f);
    return cred_now()->gid;
}
i64 linux_getegid(struct trap_frame *f) {
    unused_arg(f);
    return cred_now()->egid;
}

// ---- groups and sessions

i64 linux_setpgid(struct trap_frame *f) { return process_set_group((u32)arg0(f), (u32)arg1(f)); }
static i64 group_or_session(u32 pid, bool session) {
    GUARD(proc_table, &proc_table);
    struct process *p = pid == 0 ? process_current() : process_find_locked(pid);
    if (p == nullptr) {
        return ERR_SRCH;
    }
    return session ? p->sid : p->pgid;
}
i64 linux_getpgid(struct trap_frame *f) { return group_or_session((u32)arg0(f), false); }
i64 linux_getsid(struct trap_frame *f) { return group_or_session((u32)arg0(f), true); }
i64 linux_getpgrp(struct trap_frame *f) {
    unused_arg(f);
    return group_or_session(0, false);
}
i64 linux_setsid(struct trap_frame *f) {
    unused_arg(f);
    u32 sid;
    PASS(process_new_session(&sid));
    return sid;
}

// ---- user and group ids

static err_t begin(struct cred **out) { return cred_clone(cred_now(), out); }
static i64 commit(struct cred *c) {
    const struct cred *old = cred_now();
    if (c->euid != old->euid || c->egid != old->egid || c->fsuid != old->fsuid ||
        c->fsgid != old->fsgid) {
        process_current()->dumpable = 0;
    }
    process_set_cred(c);
    return 0;
}
static i64 refuse(struct cred *c) {
    cred_put(c);
    return ERR_PERM;
}
constexpr u32 KEEP = ~(u32)0;

i64 linux_setuid(struct trap_frame *f) {
    u32 uid = (u32)arg0(f);
    struct cred *c;
    if (uid == KEEP) {
        return ERR_INVAL;
    }
    PASS(begin(&c));
    if (c->euid == 0) {
        c->uid = c->suid = uid;
    } else if (uid != c->uid && uid != c->suid) {
        return refuse(c);
    }
    c->euid = c->fsuid = uid;
    return commit(c);
}
i64 linux_setgid(struct trap_frame *f) {
    u32 gid = (u32)arg0(f);
    struct cred *c;
    if (gid == KEEP) {
        return ERR_INVAL;
    }
    PASS(begin(&c));
    if (c->euid == 0) {
        c->gid = c->sgid = gid;
    } else if (gid != c->gid && gid != c->sgid) {
        return refuse(c);
    }
    c->egid = c->fsgid = gid;
    return commit(c);
}

// One of the three current ids may be taken by anyone, any id by root.
static bool allowed(u32 wanted, bool root, u32 a, u32 b, u32 c) {
    return wanted == KEEP || root || wanted == a || wanted == b || wanted == c;
}

i64 linux_setresuid(struct trap_frame *f) {
    u32 r = (u32)arg0(f), e = (u32)arg1(f), s = (u32)arg2(f);
    struct cred *c;
    PASS(begin(&c));
    bool root = c->euid == 0;
    if (!allowed(r, root, c->uid, c->euid, c->suid) ||
        !allowed(e, root, c->uid, c->euid, c->suid) ||
        !allowed(s, root, c->uid, c->euid, c->suid)) {
        return refuse(c);
    }
    c->uid = r == KEEP ? c->uid : r;
    c->euid = e == KEEP ? c->euid : e;
    c->suid = s == KEEP ? c->suid : s;
    c->fsuid = c->euid;
    return commit(c);
}
i64 linux_setresgid(struct trap_frame *f) {
    u32 r = (u32)arg0(f), e = (u32)arg1(f), s = (u32)arg2(f);
    struct cred *c;
    PASS(begin(&c));
    bool root = c->euid == 0;
    if (!allowed(r, root, c->gid, c->egid, c->sgid) ||
        !allowed(e, root, c->gid, c->egid, c->sgid) ||
        !allowed(s, root, c->gid, c->egid, c->sgid)) {
        return refuse(c);
    }
    c->gid = r == KEEP ? c->gid : r;
    c->egid = e == KEEP ? c->egid : e;
    c->sgid = s == KEEP ? c->sgid : s;
    c->fsgid = c->egid;
    return commit(c);
}
i64 linux_setreuid(struct trap_frame *f) {
    u32 r = (u32)arg0(f), e = (u32)arg1(f);
    struct cred *c;
    PASS(begin(&c));
    bool root = c->euid == 0;
    u32 old = c->uid;
    if (!allowed(r, root, c->uid, c->euid, c->uid) || !allowed(e, root, c->uid, c->euid, c->suid)) {
        return refuse(c);
    }
    c->uid = r == KEEP ? c->uid : r;
    c->euid = e == KEEP ? c->euid : e;
    if (r != KEEP || (e != KEEP && e != old)) {
        c->suid = c->euid;
    }
    c->fsuid = c->euid;
    return commit(c);
}
i64 linux_setregid(struct trap_frame *f) {
    u32 r = (u32)arg0(f), e = (u32)arg1(f);
    struct cred *c;
    PASS(begin(&c));
    bool root = c->euid == 0;
    u32 old = c->gid;
    if (!allowed(r, root, c->gid, c->egid, c->gid) || !allowed(e, root, c->gid, c->egid, c->sgid)) {
        return refuse(c);
    }
    c->gid = r == KEEP ? c->gid : r;
    c->egid = e == KEEP ? c->egid : e;
    if (r != KEEP || (e != KEEP && e != old)) {
        c->sgid = c->egid;
    }
    c->fsgid = c->egid;
    return commit(c);
}

static i64 three_out(struct trap_frame *f, u32 a, u32 b, u32 c) {
    PASS(copy_out(user(arg0(f)), &a, sizeof(a)));
    PASS(copy_out(user(arg1(f)), &b, sizeof(b)));
    return copy_out(user(arg2(f)), &c, sizeof(c));
}
i64 linux_getresuid(struct trap_frame *f) {
    const struct cred *c = cred_now();
    return three_out(f, c->uid, c->euid, c->suid);
}
i64 linux_getresgid(struct trap_frame *f) {
    const struct cred *c = cred_now();
    return three_out(f, c->gid, c->egid, c->sgid);
}

i64 linux_setfsuid(struct trap_frame *f) {
    u32 uid = (u32)arg0(f), old = cred_now()->fsuid;
    struct cred *c;
    if (uid == KEEP || begin(&c) != ERR_OK) {
        return old;
    }
    if (!allowed(uid, c->euid == 0, c->uid, c->euid, c->suid) && uid != c->fsuid) {
        cred_put(c);
        return old;
    }
    c->fsuid = uid;
    (void)commit(c);
    return old;
}
i64 linux_setfsgid(struct trap_frame *f) {
    u32 gid = (u32)arg0(f), old = cred_now()->fsgid;
    struct cred *c;
    if (gid == KEEP || begin(&c) != ERR_OK) {
        return old;
    }
    if (!allowed(gid, c->euid == 0, c->gid, c->egid, c->sgid) && gid != c->fsgid) {
        cred_put(c);
        return old;
    }
    c->fsgid = gid;
    (void)commit(c);
    return old;
}

i64 linux_getgroups(struct trap_frame *f) {
    const struct cred *c = cred_now();
    i32 capacity = (i32)arg0(f);
    if (capacity < 0 || (capacity != 0 && (u32)capacity < c->group_count)) {
        return ERR_INVAL;
    }
    if (capacity != 0) {
        PASS(copy_out(user(arg1(f)), c->groups, c->group_count * sizeof(u32)));
    }
    return c->group_count;
}
i64 linux_setgroups(struct trap_frame *f) {
    struct cred *c;
    u32 count = (u32)arg0(f);
    if (!cred_is_root(cred_now())) {
        return ERR_PERM;
    }
    if (count > CRED_GROUPS_MAX) {
        return ERR_INVAL;
    }
    PASS(begin(&c));
    c->group_count = count;
    err_t err = copy_in(c->groups, user(arg1(f)), count * sizeof(u32));
    if (err != ERR_OK) {
        cred_put(c);
        return err;
    }
    process_set_cred(c);
    return 0;
}

// ---- capabilities: root has them all, nobody else any

struct cap_header {
    u32 version;
    i32 pid;
};
struct cap_set {
    u32 effective, permitted, inheritable;
};
constexpr u32 CAP_VERSION_1 = 0x19980330, CAP_VERSION_2 = 0x20071026, CAP_VERSION_3 = 0x20080522;

static err_t cap_begin(u64 va, struct cap_header *h, u32 *sets) {
    TRY(copy_in(h, user(va), sizeof(*h)));
    *sets = h->version == CAP_VERSION_1 ? 1 : 2;
    if (h->version != CAP_VERSION_1 && h->version != CAP_VERSION_2 && h->version != CAP_VERSION_3) {
        u32 version = CAP_VERSION_3;
        TRY(copy_out(user(va), &version, sizeof(version)));
        return ERR_INVAL;
    }
    return h->pid < 0 ? ERR_INVAL : ERR_OK;
}
i64 linux_capget(struct trap_frame *f) {
    struct cap_header h;
    u32 sets;
    err_t err = cap_begin(arg0(f), &h, &sets);
    if (err != ERR_OK) {
        return err == ERR_INVAL && arg1(f) == 0 ? ERR_OK : err;
    }
    u32 all = cred_is_root(cred_now()) ? ~(u32)0 : 0;
    struct cap_set s[2] = {{all, all, 0}, {all & 0x1ff, all & 0x1ff, 0}};
    return arg1(f) == 0 ? ERR_OK : copy_out(user(arg1(f)), s, sets * sizeof(*s));
}
i64 linux_capset(struct trap_frame *f) {
    struct cap_header h;
    u32 sets;
    PASS(cap_begin(arg0(f), &h, &sets));
    return cred_is_root(cred_now()) ? ERR_OK : ERR_PERM;
}
