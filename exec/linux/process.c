// SPDX-License-Identifier: MIT
// Starting, replacing, ending and waiting for processes; limits, usage, priorities, prctl.
#include "linux_impl.h"
#include <stdatomic.h>

// ---- start

static i64 clone(struct trap_frame *f, const struct clone_args *args) {
    u32 tid;
    err_t err = process_clone(f, args, &tid);
    return err == ERR_OK ? (i64)tid : (i64)err;
}
i64 linux_fork(struct trap_frame *f) {
    struct clone_args a = {.exit_signal = LINUX_SIGCHLD};
    return clone(f, &a);
}
i64 linux_vfork(struct trap_frame *f) {
    struct clone_args a = {.flags = LINUX_CLONE_VFORK | LINUX_CLONE_VM,
                           .exit_signal = LINUX_SIGCHLD};
    return clone(f, &a);
}
i64 linux_clone(struct trap_frame *f) {
    u64 flags = (u32)arg0(f);
    struct clone_args a = {.flags = flags & ~(u64)0xff,
                           .exit_signal = (int)(flags & 0xff),
                           .stack = arg1(f),
                           .parent_tid = user(arg2(f)),
                           .child_tid = user(arg3(f)),
                           .tls = arg4(f)};
    if (a.exit_signal > SIG_COUNT) {
        return ERR_INVAL;
    }
    return clone(f, &a);
}

i64 linux_execve(struct trap_frame *f) {
    struct at a;
    struct path p;
    struct file *file = nullptr;
    PASS(at_begin(&a, LINUX_AT_FDCWD, user(arg0(f)), 0));
    err_t err = at_walk(&a, WALK_FOLLOW, &p);
    const char *name = a.path;
    at_end(&a);
    if (err == ERR_OK) {
        // Execute permission is what counts, and proc checks it; the file is read with the kernel's
        // rights.
        err = p.vnode->type == VNODE_REG ? vfs_permission(p.vnode, cred_now(), 1) : ERR_ACCES;
        if (err == ERR_OK) {
            err = vfs_open_path(&p, O_RDONLY, &cred_root, &file);
        }
        path_put(&p);
    }
    if (err == ERR_OK) {
        struct exec_strings s = {.user_argv = user(arg1(f)), .user_envp = user(arg2(f))};
        err = process_exec(f, file, name, &s);
        file_put(file);
    }
    if (err == ERR_OK) {
        f->error = LINUX_NO_CALL;
    }
    return err;
}

i64 linux_exit(struct trap_frame *f) { process_exit_thread((int)(arg0(f) & 0xff) << 8); }
i64 linux_exit_group(struct trap_frame *f) { process_exit_group((int)(arg0(f) & 0xff) << 8); }

// ---- wait

static struct linux_rusage usage_of(u64 user_ns, u64 kernel_ns, u64 rss_pages, u64 faults) {
    return (struct linux_rusage){.user = timeval_of(user_ns),
                                 .system = timeval_of(kernel_ns),
                                 .maxrss_kib = (i64)rss_pages * 4,
                                 .minflt = (i64)faults};
}

static err_t usage_out(u64 va, const struct wait_result *r) {
    if (va == 0) {
        return ERR_OK;
    }
    struct linux_rusage u = usage_of(r->user_ns, r->kernel_ns, r->max_rss_pages, r->faults);
    return copy_out(user(va), &u, sizeof(u));
}

i64 linux_wait4(struct trap_frame *f) {
    i32 pid = (i32)arg0(f);
    u32 options = (u32)arg2(f);
    if (options & ~(u32)(WAIT_NOHANG | WAIT_STOPPED | WAIT_CONTINUED | WAIT_NOTHREAD | WAIT_ALL |
                         WAIT_CLONE)) {
        return ERR_INVAL;
    }
    if (pid == INT32_MIN) {
        return ERR_SRCH;
    }
    enum wait_which which = pid == -1 ? WAIT_ANY : pid > 0 ? WAIT_PID : WAIT_GROUP;
    u32 id = pid > 0 ? (u32)pid : pid == 0 ? process_current()->pgid : (u32)-pid;
    struct wait_result r;
    PASS(restartable(process_wait(which, id, options | WAIT_EXITED, &r)));
    if (r.pid == 0) {
        return 0;
    }
    if (arg1(f) != 0) {
        i32 status = r.status;
        PASS(copy_out(user(arg1(f)), &status, sizeof(status)));
    }
    PASS(usage_out(arg3(f), &r));
    return r.pid;
}

static err_t waitid_out(u64 va, const struct wait_result *r) {
    struct linux_siginfo info = {};
    if (r->pid != 0) {
        info.signo = LINUX_SIGCHLD;
        info.code = r->code;
        info.child.pid = (i32)r->pid;
        info.child.uid = r->uid;
        info.child.status = r->code == LINUX_CLD_EXITED      ? r->status >> 8 & 0xff
                            : r->code == LINUX_CLD_KILLED    ? r->status & 0x7f
                            : r->code == LINUX_CLD_CONTINUED ? LINUX_SIGCONT
                                                             : r->status >> 8 & 0xff;
    }
    // Linux writes the fields only, not the whole structure.
    TRY(copy_out(user(va), &info, 12));
    return copy_out(uptr_add(user(va), 16), &info.child, 12);
}

i64 linux_waitid(struct trap_frame *f) {
    u32 options = (u32)arg3(f), id = (u32)arg1(f);
    constexpr u32 kinds = WAIT_EXITED | WAIT_STOPPED | WAIT_CONTINUED;
    if (options &
            ~(u32)(kinds | WAIT_NOHANG | WAIT_NOWAIT | WAIT_NOTHREAD | WAIT_ALL | WAIT_CLONE) ||
        !(options & kinds) || (u32)arg0(f) > 2) {
        return ERR_INVAL;
    }
    if (arg0(f) != 0 && ((i32)id < 0 || (arg0(f) == 1 && id == 0))) {
        return ERR_INVAL;
    }
    enum wait_which which = arg0(f) == 0 ? WAIT_ANY : arg0(f) == 1 ? WAIT_PID : WAIT_GROUP;
    if (which == WAIT_GROUP && id == 0) {
        id = process_current()->pgid;
    }
    struct wait_result r;
    PASS(restartable(process_wait(which, id, options, &r)));
    if (r.pid != 0) {
        PASS(usage_out(arg4(f), &r));
    }
    return arg2(f) == 0 ? ERR_OK : waitid_out(arg2(f), &r);
}

// ---- usage and limits

i64 linux_getrusage(struct trap_frame *f) {
    struct process *p = process_current();
    u64 user_ns, kernel_ns, rss = 0, faults = p->faults + p->space->fault_count;
    switch ((i32)arg0(f)) {
    case 0:
        process_times(p, &user_ns, &kernel_ns);
        rss = MAX(p->max_rss_pages, p->space->resident_pages);
        break;
    case -1:
        user_ns = p->children_user_ns;
        kernel_ns = p->children_kernel_ns;
        rss = p->children_max_rss_pages;
        faults = p->children_faults;
        break;
    case 1:
        user_ns = thread_current()->user_ns;
        kernel_ns = thread_current()->kernel_ns;
        rss = p->space->resident_pages;
        break;
    default:
        return ERR_INVAL;
    }
    struct linux_rusage u = usage_of(user_ns, kernel_ns, rss, faults);
    return copy_out(user(arg1(f)), &u, sizeof(u));
}

i64 linux_times(struct trap_frame *f) {
    constexpr u64 tick_ns = 10 * NS_PER_MS;
    struct process *p = process_current();
    u64 user_ns, kernel_ns;
    process_times(p, &user_ns, &kernel_ns);
    struct linux_tms t = {(i64)(user_ns / tick_ns), (i64)(kernel_ns / tick_ns),
                          (i64)(p->children_user_ns / tick_ns),
                          (i64)(p->children_kernel_ns / tick_ns)};
    if (arg0(f) != 0) {
        PASS(copy_out(user(arg0(f)), &t, sizeof(t)));
    }
    return (i64)(time_now_ns() / tick_ns);
}

static i64 limit_call(struct process *p, u32 kind, const struct linux_rlimit *set,
                      struct linux_rlimit *old) {
    if (kind >= LINUX_RLIMIT_COUNT) {
        return ERR_INVAL;
    }
    bool root = cred_is_root(cred_now());
    GUARD(signals, p);
    *old = (struct linux_rlimit){p->rlimits[kind][0], p->rlimits[kind][1]};
    if (set == nullptr) {
        return 0;
    }
    if (set->soft > set->hard) {
        return ERR_INVAL;
    }
    if ((set->hard > old->hard && !root) ||
        (kind == LINUX_RLIMIT_NOFILE && set->hard > (1 << 20))) {
        return ERR_PERM;
    }
    p->rlimits[kind][0] = set->soft;
    p->rlimits[kind][1] = set->hard;
    if (kind == LINUX_RLIMIT_STACK && p->space != nullptr) {
        p->space->stack_limit_bytes = MIN(set->soft, GIB(16));
    }
    return 0;
}

i64 linux_prlimit64(struct trap_frame *f) {
    struct linux_rlimit set, old;
    u32 pid = (u32)arg0(f);
    if (arg2(f) != 0) {
        PASS(copy_in(&set, user(arg2(f)), sizeof(set)));
    }
    struct process *p = pid == 0 ? process_current() : process_find(pid);
    if (p == nullptr) {
        return ERR_SRCH;
    }
    i64 result = p == process_current() || process_is_ptraceable(p, cred_now())
                     ? limit_call(p, (u32)arg1(f), arg2(f) == 0 ? nullptr : &set, &old)
                     : (i64)ERR_PERM;
    if (pid != 0) {
        process_put(p);
    }
    if (result == 0 && arg3(f) != 0) {
        result = copy_out(user(arg3(f)), &old, sizeof(old));
    }
    return result;
}
i64 linux_getrlimit(struct trap_frame *f) {
    struct linux_rlimit old;
    i64 result = limit_call(process_current(), (u32)arg0(f), nullptr, &old);
    return result != 0 ? result : (i64)copy_out(user(arg1(f)), &old, sizeof(old));
}
i64 linux_setrlimit(struct trap_frame *f) {
    struct linux_rlimit set, old;
    PASS(copy_in(&set, user(arg1(f)), sizeof(set)));
    return limit_call(process_current(), (u32)arg0(f), &set, &old);
}

// ---- priorities

struct nice_call {
    u32 which, id;
    bool set, found;
    int value; // to set, or the lowest (best) found
    err_t err;
};

static void nice_apply(struct nice_call *n, struct process *p) REQUIRES(lc_proc_table) {
    const struct cred *c = cred_now();
    n->found = true;
    if (!n->set) {
        n->value = MIN(n->value, p->nice);
        return;
    }
    GUARD(signals, p);
    if (!cred_is_root(c) && c->euid != p->cred->uid && c->euid != p->cred->euid) {
        n->err = ERR_PERM;
        return;
    }
    if (n->value < p->nice && !cred_is_root(c)) {
        n->err = ERR_ACCES;
        return;
    }
    p->nice = n->value;
    struct user_thread *t;
    list_for_each(t, &p->threads, process_node) {
        thread_set_priority(t->thread, (u8)(n->value + 20));
    }
}

static bool nice_each(struct process *p, void *arg)
    NO_LOCK_ANALYSIS { // WHY: a callback of process_each, the table is locked
    struct nice_call *n = arg;
    if (!p->dead && (n->which == 1 ? p->pgid == n->id : p->cred->uid == n->id)) {
        nice_apply(n, p);
    }
    return true;
}

static err_t nice_run(struct nice_call *n) {
    struct process *self = process_current();
    GUARD(proc_table, &proc_table);
    if (n->which == 0) {
        struct user_thread *t = n->id == 0 ? user_thread_current() : thread_find_locked(n->id);
        if (t != nullptr) {
            nice_apply(n, t->process);
        }
    } else {
        n->id = n->id != 0 ? n->id : n->which == 1 ? self->pgid : cred_now()->uid;
        process_each(nice_each, n);
    }
    return !n->found ? ERR_SRCH : n->err;
}

i64 linux_getpriority(struct trap_frame *f) {
    struct nice_call n = {.which = (u32)arg0(f), .id = (u32)arg1(f), .value = 20};
    if (n.which > 2) {
        return ERR_INVAL;
    }
    PASS(nice_run(&n));
    return 20 - n.value;
}
i64 linux_setpriority(struct trap_frame *f) {
    int value = MAX(MIN((i32)arg2(f), 19), -20);
    struct nice_call n = {.which = (u32)arg0(f), .id = (u32)arg1(f), .set = true, .value = value};
    return n.which > 2 ? (i64)ERR_INVAL : (i64)nice_run(&n);
}

// ---- prctl and what belongs to a thread

enum prctl_option : u32 {
    PR_SET_PDEATHSIG = 1,
    PR_GET_PDEATHSIG = 2,
    PR_GET_DUMPABLE = 3,
    PR_SET_DUMPABLE = 4,
    PR_GET_KEEPCAPS = 7,
    PR_SET_KEEPCAPS = 8,
    PR_SET_NAME = 15,
    PR_GET_NAME = 16,
    PR_CAPBSET_READ = 23,
    PR_CAPBSET_DROP = 24,
    PR_GET_SECUREBITS = 27,
    PR_SET_SECUREBITS = 28,
    PR_SET_TIMERSLACK = 29,
    PR_GET_TIMERSLACK = 30,
    PR_SET_CHILD_SUBREAPER = 36,
    PR_GET_CHILD_SUBREAPER = 37,
    PR_SET_NO_NEW_PRIVS = 38,
    PR_GET_NO_NEW_PRIVS = 39,
    PR_CAP_AMBIENT = 47,
};
constexpr u64 CAP_LAST = 40;

static i64 prctl_name(u32 option, u64 va) {
    struct user_thread *t = user_thread_current();
    if (option == PR_GET_NAME) {
        return copy_out(user(va), t->comm, sizeof(t->comm));
    }
    char name[16] = {};
    size_t len;
    err_t err = copy_in_string(name, sizeof(name), user(va), &len);
    if (err == ERR_NAMETOOLONG) {
        err = copy_in(name, user(va), sizeof(name) - 1);
        name[sizeof(name) - 1] = 0;
    }
    PASS(err);
    memcpy(t->comm, name, sizeof(name));
    if (t->tid == t->process->pid) {
        memcpy(t->process->comm, name, sizeof(name));
    }
    return 0;
}

static i64 prctl_int_out(u64 va, int value) { return copy_out(user(va), &value, sizeof(value)); }

i64 linux_prctl(struct trap_frame *f) {
    struct process *p = process_current();
    u64 v = arg1(f);
    switch ((u32)arg0(f)) {
    case PR_SET_PDEATHSIG:
        if (v > SIG_COUNT) {
            return ERR_INVAL;
        }
        p->death_signal = (int)v;
        return 0;
    case PR_GET_PDEATHSIG:
        return prctl_int_out(v, p->death_signal);
    case PR_GET_DUMPABLE:
        return p->dumpable;
    case PR_SET_DUMPABLE:
        if (v > 1) {
            return ERR_INVAL;
        }
        p->dumpable = (u32)v;
        return 0;
    case PR_GET_KEEPCAPS:
        return p->keep_caps;
    case PR_SET_KEEPCAPS:
        if (v > 1) {
            return ERR_INVAL;
        }
        p->keep_caps = (u32)v;
        return 0;
    case PR_SET_NAME:
    case PR_GET_NAME:
        return prctl_name((u32)arg0(f), v);
    case PR_CAPBSET_READ:
        return v > CAP_LAST ? (i64)ERR_INVAL : 1;
    case PR_CAPBSET_DROP:
        return v > CAP_LAST ? ERR_INVAL : cred_is_root(cred_now()) ? ERR_OK : ERR_PERM;
    case PR_GET_SECUREBITS:
        return 0;
    case PR_SET_SECUREBITS:
        return cred_is_root(cred_now()) ? ERR_OK : ERR_PERM;
    case PR_SET_TIMERSLACK:
        return 0;
    case PR_GET_TIMERSLACK:
        return 50000;
    case PR_SET_CHILD_SUBREAPER:
        p->subreaper = v != 0;
        return 0;
    case PR_GET_CHILD_SUBREAPER:
        return prctl_int_out(v, p->subreaper);
    case PR_SET_NO_NEW_PRIVS:
        if (v != 1 || arg2(f) != 0 || arg3(f) != 0 || arg4(f) != 0) {
            return ERR_INVAL;
        }
        p->no_new_privs = 1;
        return 0;
    case PR_GET_NO_NEW_PRIVS:
        return p->no_new_privs;
    case PR_CAP_AMBIENT:
        return v == 3 || v == 4 ? 0
               : v == 1         ? 0
                                : (i64)ERR_INVAL; // IS_SET, LOWER, CLEAR_ALL: the set is empty
    default:
        return ERR_INVAL;
    }
}

i64 linux_arch_prctl(struct trap_frame *f) {
    u64 value = arg1(f);
    switch ((u32)arg0(f)) {
    case 0x1001:
    case 0x1002: // SET_GS, SET_FS
        if (value >= USER_VA_END) {
            return ERR_PERM;
        }
        if ((u32)arg0(f) == 0x1001) {
            cpu_set_user_gs(value);
        } else {
            cpu_set_user_fs(value);
        }
        return 0;
    case 0x1003:
        value = cpu_user_fs();
        return copy_out(user(arg1(f)), &value, sizeof(value));
    case 0x1004:
        value = cpu_user_gs();
        return copy_out(user(arg1(f)), &value, sizeof(value));
    default:
        return ERR_INVAL;
    }
}

i64 linux_set_tid_address(struct trap_frame *f) {
    struct user_thread *t = user_thread_current();
    t->clear_child_tid = arg0(f);
    return t->tid;
}
i64 linux_set_robust_list(struct trap_frame *f) {
    struct user_thread *t = user_thread_current();
    if (arg1(f) != sizeof(struct linux_robust_head)) {
        return ERR_INVAL;
    }
    t->robust_list = arg0(f);
    t->robust_list_bytes = arg1(f);
    return 0;
}
i64 linux_get_robust_list(struct trap_frame *f) {
    struct user_thread *t = user_thread_current();
    if (arg0(f) != 0 && (u32)arg0(f) != t->tid) {
        return ERR_PERM;
    }
    u64 bytes = sizeof(struct linux_robust_head);
    PASS(copy_out(user(arg2(f)), &bytes, sizeof(bytes)));
    return copy_out(user(arg1(f)), &t->robust_list, sizeof(u64));
}

i64 linux_unshare(struct trap_frame *f) {
    struct process *p = process_current();
    u64 flags = arg0(f);
    if (flags &
        ~(u64)(LINUX_CLONE_FS | LINUX_CLONE_FILES | LINUX_CLONE_SYSVSEM | LINUX_CLONE_NEW_ANY)) {
        return ERR_INVAL;
    }
    if (flags & LINUX_CLONE_NEW_ANY) {
        return cred_is_root(cred_now()) ? ERR_INVAL : ERR_PERM;
    }
    if (p->thread_count > 1) {
        return flags == 0 ? ERR_OK : ERR_INVAL; // tables belong to the process here
    }
    if (flags & LINUX_CLONE_FILES && atomic_load(&p->fds->refs.count) > 1) {
        struct fd_table *fresh, *old = p->fds;
        PASS(fd_table_clone(old, &fresh));
        signals_lock(p);
        p->fds = fresh;
        signals_unlock(p);
        fd_table_put(old);
    }
    if (flags & LINUX_CLONE_FS && atomic_load(&p->fs->refs.count) > 1) {
        struct fs_context *fresh, *old = p->fs;
        PASS(fs_context_clone(old, &fresh));
        signals_lock(p);
        p->fs = fresh;
        signals_unlock(p);
        fs_context_put(old);
    }
    return 0;
}
i64 linux_personality(struct trap_frame *f) {
    struct process *p = process_current();
    u32 wanted = (u32)arg0(f);
    i64 old = (i64)p->personality;
    if (wanted != ~(u32)0) {
        if ((wanted & 0xff) != 0) {
            return ERR_INVAL;
        }
        p->personality = wanted;
    }
    return old;
}
