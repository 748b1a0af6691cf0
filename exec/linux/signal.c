// SPDX-License-Identifier: MIT
// Signal calls: actions, masks, sending, waiting for.
#include "linux_impl.h"

err_t sigset_in(struct uptr src, u64 bytes, sigset64 *out) {
    if (bytes != sizeof(sigset64)) {
        return ERR_INVAL;
    }
    return copy_in(out, src, sizeof(*out));
}

void sigmask_swap_for_call(sigset64 mask) {
    struct user_thread *t = user_thread_current();
    t->saved_blocked = t->blocked;
    t->restore_blocked = true;
    signal_set_blocked(mask);
}

void sigmask_end_call(bool interrupted) {
    struct user_thread *t = user_thread_current();
    if (t->restore_blocked && !interrupted) {
        t->restore_blocked = false;
        signal_set_blocked(t->saved_blocked);
    }
}

i64 linux_rt_sigaction(struct trap_frame *f) {
    int sig = (int)arg0(f);
    struct linux_sigaction in, out;
    struct sig_action set, old;
    if (arg3(f) != sizeof(sigset64) || sig < 1 || sig > SIG_COUNT) {
        return ERR_INVAL;
    }
    if (arg1(f) != 0) {
        PASS(copy_in(&in, user(arg1(f)), sizeof(in)));
        if (sig == LINUX_SIGKILL || sig == LINUX_SIGSTOP) {
            return ERR_INVAL;
        }
        set = (struct sig_action){in.handler, in.flags & LINUX_SA_KNOWN, in.restorer, in.mask};
    }
    signal_set_action(sig, arg1(f) == 0 ? nullptr : &set, &old);
    if (arg2(f) == 0) {
        return 0;
    }
    out = (struct linux_sigaction){old.handler, old.flags, old.restorer, old.mask};
    return copy_out(user(arg2(f)), &out, sizeof(out));
}

i64 linux_rt_sigprocmask(struct trap_frame *f) {
    struct user_thread *t = user_thread_current();
    sigset64 old = t->blocked, set;
    if (arg3(f) != sizeof(sigset64)) {
        return ERR_INVAL;
    }
    if (arg1(f) != 0) {
        PASS(copy_in(&set, user(arg1(f)), sizeof(set)));
        switch ((u32)arg0(f)) {
        case 0:
            set |= old;
            break;
        case 1:
            set = old & ~set;
            break;
        case 2:
            break;
        default:
            return ERR_INVAL;
        }
        signal_set_blocked(set);
    }
    return arg2(f) == 0 ? ERR_OK : copy_out(user(arg2(f)), &old, sizeof(old));
}

i64 linux_rt_sigpending(struct trap_frame *f) {
    sigset64 set = signal_pending_set();
    return arg1(f) > sizeof(set) ? ERR_INVAL : copy_out(user(arg0(f)), &set, arg1(f));
}

i64 linux_rt_sigsuspend(struct trap_frame *f) {
    sigset64 mask;
    PASS(sigset_in(user(arg0(f)), arg1(f), &mask));
    sigmask_swap_for_call(mask);
    (void)sleep_until(DEADLINE_NEVER, WAIT_INTERRUPTIBLE);
    return ERR_RESTARTNOHAND;
}
i64 linux_pause(struct trap_frame *f) {
    unused_arg(f);
    (void)sleep_until(DEADLINE_NEVER, WAIT_INTERRUPTIBLE);
    return ERR_RESTARTNOHAND;
}

i64 linux_rt_sigtimedwait(struct trap_frame *f) {
    struct user_thread *t = user_thread_current();
    sigset64 wanted;
    u64 deadline = DEADLINE_NEVER, ns = 1;
    PASS(sigset_in(user(arg0(f)), arg3(f), &wanted));
    if (arg2(f) != 0) {
        PASS(timespec_in(user(arg2(f)), &ns));
        deadline = deadline_in(time_now_ns(), ns);
    }
    struct siginfo info;
    bool got = signal_take(wanted, &info);
    if (!got && ns != 0) {
        err_t err = sleep_until(deadline, WAIT_INTERRUPTIBLE);
        got = signal_take(wanted, &info);
        signals_lock(t->process);
        t->waited = 0;
        signal_recalc(t);
        signals_unlock(t->process);
        if (!got && err == ERR_INTR) {
            return ERR_INTR;
        }
    } else if (!got) {
        signals_lock(t->process);
        t->waited = 0;
        signals_unlock(t->process);
    }
    if (!got) {
        return ERR_AGAIN;
    }
    if (arg1(f) != 0) {
        struct linux_siginfo out;
        siginfo_to_linux(&info, &out);
        PASS(copy_out(user(arg1(f)), &out, sizeof(out)));
    }
    return info.signo;
}

// ---- sending

struct kill_many {
    const struct siginfo *info;
    u32 pgid, self_pid;
    u32 sent, refused;
};

static err_t kill_locked(struct process *p, const struct siginfo *info) REQUIRES(lc_proc_table) {
    if (!signal_may_send(cred_now(), process_current()->sid, p, info->signo)) {
        return ERR_PERM;
    }
    return info->signo == 0 ? ERR_OK : signal_send_locked(p, info);
}

static bool kill_each(struct process *p, void *arg)
    NO_LOCK_ANALYSIS { // WHY: a callback of process_each, the table is locked
    struct kill_many *k = arg;
    bool wanted = k->pgid != 0 ? p->pgid == k->pgid : p->pid > 1 && p->pid != k->self_pid;
    if (wanted) {
        if (kill_locked(p, k->info) == ERR_PERM) {
            k->refused++;
        } else {
            k->sent++;
        }
    }
    return true;
}

static i64 send_to(i32 pid, const struct siginfo *info) {
    struct process *self = process_current();
    GUARD(proc_table, &proc_table);
    if (pid > 0) {
        struct process *p = process_find_locked((u32)pid);
        if (p == nullptr) { // a thread id names its process
            struct user_thread *t = thread_find_locked((u32)pid);
            p = t == nullptr ? nullptr : t->process;
        }
        return p == nullptr ? ERR_SRCH : kill_locked(p, info);
    }
    struct kill_many k = {.info = info,
                          .self_pid = self->pid,
                          .pgid = pid == 0    ? self->pgid
                                  : pid == -1 ? 0
                                              : (u32)-pid};
    process_each(kill_each, &k);
    if (k.sent > 0) {
        return 0;
    }
    return k.refused > 0 ? ERR_PERM : ERR_SRCH;
}

static struct siginfo from_me(int sig, int code) {
    return (struct siginfo){
        .signo = sig, .code = code, .pid = process_current()->pid, .uid = cred_now()->uid};
}

i64 linux_kill(struct trap_frame *f) {
    u32 sig = (u32)arg1(f);
    if (sig > SIG_COUNT) {
        return ERR_INVAL;
    }
    if ((i32)arg0(f) == INT32_MIN) {
        return ERR_SRCH;
    }
    struct siginfo info = from_me((int)sig, LINUX_SI_USER);
    return send_to((i32)arg0(f), &info);
}

static i64 send_to_thread(u32 tgid, u32 tid, const struct siginfo *info) {
    if ((i32)tid <= 0 || (tgid != 0 && (i32)tgid <= 0) || (u32)info->signo > SIG_COUNT) {
        return ERR_INVAL;
    }
    GUARD(proc_table, &proc_table);
    struct user_thread *t = thread_find_locked(tid);
    if (t == nullptr || (tgid != 0 && t->process->pid != tgid)) {
        struct process *zombie = process_find_locked(tid); // a leader that ended can still be named
        return zombie != nullptr && (tgid == 0 || tgid == tid) ? ERR_OK : ERR_SRCH;
    }
    if (!signal_may_send(cred_now(), process_current()->sid, t->process, info->signo)) {
        return ERR_PERM;
    }
    return info->signo == 0 ? ERR_OK : signal_send_thread_locked(t, info);
}
i64 linux_tgkill(struct trap_frame *f) {
    struct siginfo info = from_me((int)arg2(f), LINUX_SI_TKILL);
    return (i32)arg0(f) <= 0 ? (i64)ERR_INVAL : send_to_thread((u32)arg0(f), (u32)arg1(f), &info);
}
i64 linux_tkill(struct trap_frame *f) {
    struct siginfo info = from_me((int)arg1(f), LINUX_SI_TKILL);
    return send_to_thread(0, (u32)arg0(f), &info);
}

static err_t queued_in(u64 va, int sig, u32 pid, struct siginfo *out) {
    struct linux_siginfo in;
    TRY(copy_in(&in, user(va), sizeof(in)));
    // Nobody may pretend that the kernel or kill(2) sent it, but to itself.
    if ((in.code >= 0 || in.code == LINUX_SI_TKILL) && pid != process_current()->pid) {
        return ERR_PERM;
    }
    *out = (struct siginfo){.signo = sig,
                            .errno_ = in.errno_,
                            .code = in.code,
                            .pid = (u32)in.queued.pid,
                            .uid = in.queued.uid,
                            .value = in.queued.value};
    return ERR_OK;
}
i64 linux_rt_sigqueueinfo(struct trap_frame *f) {
    struct siginfo info;
    if ((u32)arg1(f) > SIG_COUNT) {
        return ERR_INVAL;
    }
    PASS(queued_in(arg2(f), (int)arg1(f), (u32)arg0(f), &info));
    return (i32)arg0(f) <= 0 ? (i64)ERR_SRCH : send_to((i32)arg0(f), &info);
}
i64 linux_rt_tgsigqueueinfo(struct trap_frame *f) {
    struct siginfo info;
    if ((i32)arg0(f) <= 0) {
        return ERR_INVAL;
    }
    PASS(queued_in(arg3(f), (int)arg2(f), (u32)arg0(f), &info));
    return send_to_thread((u32)arg0(f), (u32)arg1(f), &info);
}
