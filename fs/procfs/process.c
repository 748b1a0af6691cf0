// SPDX-License-Identifier: MIT
// What one process or thread shows of itself. Everything that other threads change is copied under
// proc_table and signals at once (process_view); texts are made of the copy.
#include "procfs_impl.h"
#include <abi/linux/signal.h>
#include <abi/linux/types.h>
#include <drivers/tty/tty.h>
#include <mm/vm/copy.h>

constexpr u64 STRINGS_MAX = 2 << 20; // of cmdline and environ
constexpr u64 RLIMIT_NONE = ~(u64)0;

struct vm_space *process_space(struct process *p) {
    GUARD(signals, p);
    if (p->space != nullptr) {
        vm_space_get(p->space);
    }
    return p->space;
}

static struct user_thread *thread_of(const struct proc_node *n) REQUIRES(lc_signals) {
    u32 tid = n->tid == 0 ? n->process->pid : n->tid;
    struct user_thread *t;
    list_for_each(t, &n->process->threads, process_node) {
        if (t->tid == tid) {
            return t;
        }
    }
    return nullptr;
}

static char thread_state(const struct process *p, const struct user_thread *t) {
    if (p->dead) {
        return 'Z';
    }
    if (t == nullptr) { // the leader went before the others
        return p->thread_count == 0 ? 'X' : 'Z';
    }
    if (p->stopped) {
        return 'T';
    }
    if (t->thread->state != THREAD_BLOCKED) {
        return 'R';
    }
    return t->thread->wait_kind == WAIT_INTERRUPTIBLE ? 'S' : 'D';
}

static void view_signals(const struct process *p, const struct user_thread *t,
                         struct process_view *v) REQUIRES(lc_signals) {
    v->shared_pending = p->pending.set;
    v->pending = t == nullptr ? 0 : t->pending.set;
    v->blocked = t == nullptr ? 0 : t->blocked;
    const struct sig_handlers *h = p->dead ? nullptr : p->handlers;
    for (int i = 1; i <= SIG_COUNT && h != nullptr; i++) {
        u64 handler = h->actions[i].handler;
        v->ignored |= handler == LINUX_SIG_IGN ? sig_bit(i) : 0;
        v->caught |= handler != LINUX_SIG_IGN && handler != LINUX_SIG_DFL ? sig_bit(i) : 0;
    }
    struct list *at;
    for (at = p->pending.queue.next; at != &p->pending.queue; at = at->next) {
        v->queued++;
    }
}

static void view_times(const struct proc_node *n, const struct user_thread *t,
                       struct process_view *v) REQUIRES(lc_signals) {
    struct process *p = n->process;
    v->children_user_ns = p->children_user_ns;
    v->children_kernel_ns = p->children_kernel_ns;
    if (n->tid != 0) {
        v->user_ns = t == nullptr ? 0 : t->thread->user_ns;
        v->kernel_ns = t == nullptr ? 0 : t->thread->kernel_ns;
        return;
    }
    v->user_ns = p->user_ns;
    v->kernel_ns = p->kernel_ns;
    list_for_each(t, &p->threads, process_node) {
        v->user_ns += t->thread->user_ns;
        v->kernel_ns += t->thread->kernel_ns;
    }
}

static void view_thread(const struct proc_node *n, struct process_view *v)
    REQUIRES(lc_proc_table, lc_signals) {
    struct process *p = n->process;
    struct user_thread *t = thread_of(n);
    v->state = thread_state(p, t);
    memcpy(v->comm, t == nullptr ? p->comm : t->comm, sizeof(v->comm));
    v->comm[sizeof(v->comm) - 1] = 0;
    v->cpu = t == nullptr ? 0 : t->thread->cpu;
    v->cpu_allowed = t == nullptr ? ~(u64)0 : t->thread->cpu_allowed;
    v->nice = p->nice;
    v->threads = p->thread_count;
    v->max_rss_pages = p->max_rss_pages;
    v->exit_status = p->dead ? p->exit_status : 0;
    v->exit_signal = p->exit_signal;
    v->no_new_privs = p->no_new_privs;
    v->rss_limit = p->rlimits[LINUX_RLIMIT_RSS][0];
    v->pending_limit = p->rlimits[LINUX_RLIMIT_SIGPENDING][0];
    v->umask = p->fs == nullptr ? 022 : p->fs->umask;
    view_signals(p, t, v);
    view_times(n, t, v);
}

static void view_locked(const struct proc_node *n, struct process_view *v) REQUIRES(lc_proc_table) {
    struct process *p = n->process;
    *v = (struct process_view){.pid = p->pid,
                               .tid = n->tid == 0 ? p->pid : n->tid,
                               .ppid = p->parent == nullptr ? 0 : p->parent->pid,
                               .pgid = p->pgid,
                               .sid = p->sid,
                               .start_ns = p->start_ns,
                               .tty_foreground = ~(u32)0};
    if (p->tty != nullptr) {
        v->tty_number = p->tty->dev.number;
        u32 foreground = __atomic_load_n(&p->tty->foreground, __ATOMIC_RELAXED);
        v->tty_foreground = foreground == 0 ? ~(u32)0 : foreground;
    }
    GUARD(signals, p);
    view_thread(n, v);
}

err_t process_view(const struct proc_node *n, struct process_view *out) {
    proc_table_lock(&proc_table);
    bool there = process_find_locked(n->process->pid) == n->process;
    if (there) {
        view_locked(n, out);
    }
    proc_table_unlock(&proc_table);
    if (!there) {
        return ERR_SRCH;
    }
    out->fd_size = 0;
    (void)fd_next(n->process, 0, &out->fd_size);
    return ERR_OK;
}

static u64 ticks(u64 ns) { return ns / NS_PER_TICK; }

err_t proc_stat_show(const struct proc_node *n, struct text *t) {
    struct process_view v;
    TRY(process_view(n, &v));
    struct space_view s = {};
    struct vm_space *space = process_space(n->process);
    if (space != nullptr) {
        space_view(space, &s);
        vm_space_put(space);
    }
    if (!process_is_ptraceable(n->process, proc_reader())) { // addresses are not for everyone
        s = (struct space_view){.mapped = s.mapped, .resident = s.resident};
        v.exit_status = 0;
    }
    text_printf(t, "%u (%s) %c %u %u %u %lu %d ", v.tid, v.comm, v.state, v.ppid, v.pgid, v.sid,
                v.tty_number, (i32)v.tty_foreground);
    text_printf(t, "4194304 0 0 0 0 %lu %lu %lu %lu ", ticks(v.user_ns), ticks(v.kernel_ns),
                ticks(v.children_user_ns), ticks(v.children_kernel_ns));
    text_printf(t, "%d %d %u 0 %lu %lu %lu %lu ", 20 + v.nice, v.nice, v.threads, ticks(v.start_ns),
                s.mapped * PAGE_SIZE, s.resident, v.rss_limit);
    // startcode endcode startstack kstkesp kstkeip, signals, wchan nswap cnswap
    text_printf(t, "%lu %lu %lu 0 0 %lu %lu %lu %lu 0 0 0 ", s.code_start, s.code_end, s.arg_start,
                v.pending & INT32_MAX, v.blocked & INT32_MAX, v.ignored & INT32_MAX,
                v.caught & INT32_MAX);
    text_printf(t, "%d %u 0 0 0 0 0 ", v.exit_signal, v.cpu);
    text_printf(t, "%lu %lu %lu %lu %lu %lu %lu %d\n", s.data_start, s.data_end, s.brk_start,
                s.arg_start, s.arg_end, s.env_start, s.env_end, v.exit_status);
    return ERR_OK;
}

err_t proc_statm_show(const struct proc_node *n, struct text *t) {
    struct space_view s = {};
    struct vm_space *space = process_space(n->process);
    if (space != nullptr) {
        space_view(space, &s);
        vm_space_put(space);
    }
    text_printf(t, "%lu %lu 0 %lu 0 %lu 0\n", s.mapped, s.resident, s.code, s.data + s.stack);
    return ERR_OK;
}

// ---- the strings on the stack

static err_t add_foreign(struct vm_space *s, u64 from, u64 to, struct text *t) {
    char *piece;
    TRY(heap_alloc(PAGE_SIZE, (void **)&piece));
    to = MIN(to, from + STRINGS_MAX);
    err_t err = ERR_OK;
    while (from < to && err == ERR_OK) {
        size_t bytes = MIN(to - from, PAGE_SIZE);
        err = copy_in_foreign(s, piece, from, bytes);
        if (err == ERR_OK) {
            text_add_bytes(t, piece, bytes);
        }
        from += bytes;
    }
    heap_free(&piece);
    return err == ERR_FAULT ? ERR_OK : err; // the program may have unmapped its stack
}

static err_t strings_show(const struct proc_node *n, struct text *t, bool environment) {
    struct vm_space *space = process_space(n->process);
    if (space == nullptr) {
        return ERR_OK; // a zombie has none
    }
    struct space_view s;
    space_view(space, &s);
    size_t start = t->len;
    err_t err = environment ? add_foreign(space, s.env_start, s.env_end, t)
                            : add_foreign(space, s.arg_start, s.arg_end, t);
    // Programs that set their own title write one string over the arguments and, if it is long,
    // over the environment behind them.
    if (err == ERR_OK && !environment && t->len > start && t->buf[t->len - 1] != 0) {
        size_t first = strlen(t->buf + start);
        if (first < t->len - start) {
            t->len = start + first;
        } else {
            err = add_foreign(space, s.env_start, s.env_end, t);
            t->len = start + strlen(t->buf + start);
        }
    }
    vm_space_put(space);
    return err;
}

err_t proc_cmdline_show(const struct proc_node *n, struct text *t) {
    return strings_show(n, t, false);
}
err_t proc_environ_show(const struct proc_node *n, struct text *t) {
    return strings_show(n, t, true);
}

err_t proc_comm_show(const struct proc_node *n, struct text *t) {
    struct process_view v;
    TRY(process_view(n, &v));
    text_printf(t, "%s\n", v.comm);
    return ERR_OK;
}

// Only a thread of the process itself may rename it, as on Linux.
err_t proc_comm_write(const struct proc_node *n, const char *text, size_t bytes) {
    unused_arg(bytes);
    struct process *p = n->process;
    if (p != process_current()) {
        return ERR_INVAL;
    }
    GUARD(signals, p);
    struct user_thread *t = thread_of(n);
    if (t == nullptr) {
        return ERR_SRCH;
    }
    (void)text_copy(t->comm, sizeof(t->comm), text);
    if (t->tid == p->pid) {
        memcpy(p->comm, t->comm, sizeof(p->comm));
    }
    return ERR_OK;
}

// ---- limits

static void show_limit(struct text *t, u64 limit) {
    if (limit == RLIMIT_NONE) {
        text_printf(t, "%-20s ", "unlimited");
    } else {
        text_printf(t, "%-20lu ", limit);
    }
}

err_t proc_limits_show(const struct proc_node *n, struct text *t) {
    static const struct {
        const char *name, *unit;
    } names[PROC_RLIMITS] = {{"Max cpu time", "seconds"},     {"Max file size", "bytes"},
                             {"Max data size", "bytes"},      {"Max stack size", "bytes"},
                             {"Max core file size", "bytes"}, {"Max resident set", "bytes"},
                             {"Max processes", "processes"},  {"Max open files", "files"},
                             {"Max locked memory", "bytes"},  {"Max address space", "bytes"},
                             {"Max file locks", "locks"},     {"Max pending signals", "signals"},
                             {"Max msgqueue size", "bytes"},  {"Max nice priority", ""},
                             {"Max realtime priority", ""},   {"Max realtime timeout", "us"}};
    u64 limits[PROC_RLIMITS][2];
    signals_lock(n->process);
    memcpy(limits, n->process->rlimits, sizeof(limits));
    signals_unlock(n->process);
    text_printf(t, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (u32 i = 0; i < PROC_RLIMITS; i++) {
        text_printf(t, "%-25s ", names[i].name);
        show_limit(t, limits[i][0]);
        show_limit(t, limits[i][1]);
        text_printf(t, "%-10s\n", names[i].unit);
    }
    return ERR_OK;
}

// ---- the trace of system calls

err_t proc_trace_show(const struct proc_node *n, struct text *t) {
    char *piece;
    TRY(heap_alloc(PAGE_SIZE, (void **)&piece));
    u64 at = 0;
    size_t bytes;
    while (!t->cut && (bytes = trace_read(n->process, at, piece, PAGE_SIZE)) != 0) {
        text_add_bytes(t, piece, bytes);
        at += bytes;
    }
    heap_free(&piece);
    return ERR_OK;
}

err_t proc_trace_write(const struct proc_node *n, const char *text, size_t bytes) {
    if (bytes != 1 || (text[0] != '0' && text[0] != '1')) {
        return ERR_INVAL;
    }
    trace_set(n->process, text[0] == '1');
    return ERR_OK;
}
