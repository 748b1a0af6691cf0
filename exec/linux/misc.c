// SPDX-License-Identifier: MIT
// The machine as a whole: uname, sysinfo, log, random numbers, scheduling hints, power.
#include "linux_impl.h"
#include <arch/x86_64/cpu.h>
#include <kernel/base/entropy.h>
#include <mm/phys/page.h>
#include <proc/uts.h>

// ---- names

i64 linux_uname(struct trap_frame *f) {
    struct linux_utsname u = {};
    (void)text_copy(u.sysname, sizeof(u.sysname), uts_sysname);
    (void)text_copy(u.release, sizeof(u.release), uts_release);
    (void)text_copy(u.version, sizeof(u.version), uts_version);
    (void)text_copy(u.machine, sizeof(u.machine), uts_machine);
    uts_get(UTS_HOST, u.nodename);
    uts_get(UTS_DOMAIN, u.domainname);
    return copy_out(user(arg0(f)), &u, sizeof(u));
}

static i64 set_name(struct trap_frame *f, enum uts_name which) {
    char name[UTS_BYTES] = {};
    if (!cred_is_root(cred_now())) {
        return ERR_PERM;
    }
    if (arg1(f) >= UTS_BYTES) {
        return ERR_INVAL;
    }
    PASS(copy_in(name, user(arg0(f)), arg1(f)));
    return uts_set(which, name, arg1(f));
}
i64 linux_sethostname(struct trap_frame *f) { return set_name(f, UTS_HOST); }
i64 linux_setdomainname(struct trap_frame *f) { return set_name(f, UTS_DOMAIN); }

i64 linux_sysinfo(struct trap_frame *f) {
    struct phys_stats m;
    struct sched_stats s;
    phys_stats(&m);
    sched_stats(CPU_MAX, &s);
    struct linux_sysinfo i = {
        .uptime = (i64)(time_now_ns() / NS_PER_SEC),
        .loads = {(u64)s.load_1 << 5, (u64)s.load_5 << 5,
                  (u64)s.load_15 << 5}, // 11 to 16 fraction bits
        .totalram = m.total_pages * PAGE_SIZE,
        .freeram = m.free_pages * PAGE_SIZE,
        .procs = (u16)proc_table.thread_count,
        .mem_unit = 1,
    };
    return copy_out(user(arg0(f)), &i, sizeof(i));
}

// ---- the kernel log

enum syslog_action : u32 {
    SYSLOG_READ = 2,
    SYSLOG_READ_ALL = 3,
    SYSLOG_READ_CLEAR = 4,
    SYSLOG_CLEAR = 5,
    SYSLOG_SIZE_UNREAD = 9,
    SYSLOG_SIZE = 10
};
constexpr size_t LOG_BYTES = 64 * 1024;

static i64 read_log(u64 va, size_t bytes) {
    char *buf;
    bytes = MIN(bytes, LOG_BYTES);
    PASS(heap_alloc(MAX(bytes, (size_t)1), (void **)&buf));
    size_t n = log_tail(buf, bytes);
    err_t err = copy_out(user(va), buf, n);
    heap_free(&buf);
    return err == ERR_OK ? (i64)n : (i64)err;
}

i64 linux_syslog(struct trap_frame *f) {
    u32 action = (u32)arg0(f);
    if (action > SYSLOG_SIZE) {
        return ERR_INVAL;
    }
    if (action == SYSLOG_SIZE) {
        return LOG_BYTES;
    }
    bool open = action == SYSLOG_READ_ALL || action == SYSLOG_SIZE_UNREAD;
    if (!open && !cred_is_root(cred_now())) {
        return ERR_PERM;
    }
    if (action == SYSLOG_READ || action == SYSLOG_READ_ALL || action == SYSLOG_READ_CLEAR) {
        if (arg1(f) == 0 || (i32)arg2(f) < 0) {
            return ERR_INVAL;
        }
        return read_log(arg1(f), (u32)arg2(f));
    }
    return 0;
}

// ---- random numbers

i64 linux_getrandom(struct trap_frame *f) {
    u8 buf[256];
    u64 bytes = MIN(arg1(f), (u64)0x1ffffff), done = 0;
    u32 flags = (u32)arg2(f);
    if (flags & ~7u || (flags & 6) == 6) {
        return ERR_INVAL;
    }
    while (done < bytes) {
        size_t n = MIN(bytes - done, sizeof(buf));
        entropy_get(buf, n);
        err_t err = copy_out(user(arg0(f) + done), buf, n);
        if (err != ERR_OK) {
            return done > 0 ? (i64)done : (i64)err;
        }
        done += n;
    }
    return (i64)done;
}

// ---- scheduling

i64 linux_sched_yield(struct trap_frame *f) {
    unused_arg(f);
    thread_yield();
    return 0;
}

static u64 online_mask(void) { return ((u64)1 << cpu_count) - 1; }

// A reference, or null.
static struct thread *task_get(u32 tid) {
    GUARD(proc_table, &proc_table);
    struct user_thread *t = tid == 0 ? user_thread_current() : thread_find_locked(tid);
    if (t == nullptr) {
        return nullptr;
    }
    thread_get(t->thread);
    return t->thread;
}

static err_t affinity(u32 tid, const u64 *set, u64 *out) {
    struct thread *t = task_get(tid);
    if (t == nullptr) {
        return ERR_SRCH;
    }
    if (set != nullptr) {
        thread_set_affinity(t, *set);
    }
    *out = t->cpu_allowed & online_mask();
    thread_put(t);
    return ERR_OK;
}

i64 linux_sched_getaffinity(struct trap_frame *f) {
    u64 mask, bytes = (u32)arg1(f);
    if (bytes < sizeof(mask) || bytes % sizeof(mask) != 0) {
        return ERR_INVAL;
    }
    PASS(affinity((u32)arg0(f), nullptr, &mask));
    PASS(copy_out(user(arg2(f)), &mask, sizeof(mask)));
    return sizeof(mask);
}
i64 linux_sched_setaffinity(struct trap_frame *f) {
    u64 mask = 0, now;
    PASS(copy_in(&mask, user(arg2(f)), MIN((u64)(u32)arg1(f), sizeof(mask))));
    mask &= online_mask();
    return mask == 0 ? ERR_INVAL : affinity((u32)arg0(f), &mask, &now);
}

static err_t task_exists(u64 tid) {
    u64 ignored;
    return (i32)tid < 0 ? ERR_INVAL : affinity((u32)tid, nullptr, &ignored);
}
i64 linux_sched_getscheduler(struct trap_frame *f) { return task_exists(arg0(f)); }
i64 linux_sched_getparam(struct trap_frame *f) {
    i32 zero = 0;
    PASS(task_exists(arg0(f)));
    return copy_out(user(arg1(f)), &zero, sizeof(zero));
}
static i64 only_other(u64 tid, u32 policy, u64 param_va) {
    i32 priority;
    PASS(task_exists(tid));
    PASS(copy_in(&priority, user(param_va), sizeof(priority)));
    if (policy == 0 || policy == 3 || policy == 5) { // OTHER, BATCH, IDLE
        return priority == 0 ? ERR_OK : ERR_INVAL;
    }
    return policy == 1 || policy == 2 ? ERR_PERM : ERR_INVAL; // real-time classes are not offered
}
i64 linux_sched_setscheduler(struct trap_frame *f) {
    return only_other(arg0(f), (u32)arg1(f) & ~0x40000000u, arg2(f));
}
i64 linux_sched_setparam(struct trap_frame *f) { return only_other(arg0(f), 0, arg1(f)); }
static i64 priority_bound(u32 policy, i64 real_time) {
    return policy == 1 || policy == 2                  ? real_time
           : policy == 0 || policy == 3 || policy == 5 ? 0
                                                       : (i64)ERR_INVAL;
}
i64 linux_sched_get_priority_max(struct trap_frame *f) { return priority_bound((u32)arg0(f), 99); }
i64 linux_sched_get_priority_min(struct trap_frame *f) { return priority_bound((u32)arg0(f), 1); }
i64 linux_sched_rr_get_interval(struct trap_frame *f) {
    PASS(task_exists(arg0(f)));
    return timespec_out(user(arg1(f)), 4 * NS_PER_MS);
}
i64 linux_sched_getattr(struct trap_frame *f) {
    struct {
        u32 size, policy;
        u64 flags;
        i32 nice;
        u32 priority;
        u64 runtime, deadline, period;
    } a = {.size = sizeof(a), .nice = process_current()->nice};
    if ((u32)arg2(f) < sizeof(a) || arg3(f) != 0) {
        return ERR_INVAL;
    }
    PASS(task_exists(arg0(f)));
    return copy_out(user(arg1(f)), &a, sizeof(a));
}
i64 linux_getcpu(struct trap_frame *f) {
    u32 cpu = thread_current()->cpu, node = 0;
    if (arg0(f) != 0) {
        PASS(copy_out(user(arg0(f)), &cpu, sizeof(cpu)));
    }
    return arg1(f) == 0 ? ERR_OK : copy_out(user(arg1(f)), &node, sizeof(node));
}
i64 linux_ioprio_get(struct trap_frame *f) {
    unused_arg(f);
    return 0x4004; // best effort, level 4
}
i64 linux_ioprio_set(struct trap_frame *f) {
    unused_arg(f);
    return 0;
}

// ---- sockets: no family is there yet, and programs ask

i64 linux_socket(struct trap_frame *f) {
    unused_arg(f);
    return ERR_AFNOSUPPORT;
}
i64 linux_socketpair(struct trap_frame *f) {
    unused_arg(f);
    return ERR_AFNOSUPPORT;
}

// ---- power

i64 linux_reboot(struct trap_frame *f) {
    constexpr u32 magic1 = 0xfee1dead;
    u32 magic2 = (u32)arg1(f), command = (u32)arg2(f);
    if (!cred_is_root(cred_now())) {
        return ERR_PERM;
    }
    if ((u32)arg0(f) != magic1 ||
        (magic2 != 672274793 && magic2 != 85072278 && magic2 != 369367448 && magic2 != 537993216)) {
        return ERR_INVAL;
    }
    void (*end)(void) = command == 0x4321fedc   ? proc_power_off
                        : command == 0x01234567 ? proc_restart
                        : command == 0xcdef0123 ? proc_halt
                                                : nullptr;
    if (command == 0 || command == 0x89abcdef) { // Ctrl-Alt-Del off and on: there is none
        return 0;
    }
    if (end == nullptr) {
        return ERR_INVAL;
    }
    err_t err = vfs_shutdown();
    log(LINUX, INFO, "shutdown command=0x%x file_systems=%d", command, err);
    end();
    return ERR_IO;
}

i64 linux_swapon(struct trap_frame *f) {
    unused_arg(f);
    return cred_is_root(cred_now()) ? ERR_INVAL : ERR_PERM;
}
i64 linux_swapoff(struct trap_frame *f) { return linux_swapon(f); }
