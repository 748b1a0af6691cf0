// SPDX-License-Identifier: MIT
// New processes and threads. Everything that can fail happens before the new thread is put into the
// table; from then on it is visible, may get signals, and is started.
#include "proc_impl.h"
#include <arch/x86_64/cpu.h>
#include <drivers/tty/tty.h>
#include <kernel/base/cmdline.h>
#include <kernel/base/entropy.h>
#include <kernel/sched/timer.h>
#include <lib/error.h>
#include <stdatomic.h>

err_t process_alloc(struct process **out) {
    struct process *p;
    TRY(heap_new(&p));
    ref_init(&p->refs);
    list_init(&p->children);
    list_init(&p->sibling_node);
    list_init(&p->all_node);
    list_init(&p->threads);
    waitq_init(&p->thread_wait);
    waitq_init(&p->child_wait);
    waitq_init(&p->stop_wait);
    sig_pending_init(&p->pending);
    p->start_ns = time_now_ns();
    p->dumpable = 1;
    p->exit_signal = LINUX_SIGCHLD;
    *out = p;
    return ERR_OK;
}

err_t user_thread_alloc(struct process *p, struct user_thread **out) {
    struct user_thread *t;
    TRY(heap_new(&t));
    t->process = p;
    list_init(&t->process_node);
    sig_pending_init(&t->pending);
    t->alt_stack_flags = LINUX_SS_DISABLE;
    *out = t;
    return ERR_OK;
}

void user_thread_free(struct user_thread *t) {
    sig_pending_free(&t->pending);
    cred_put(t->cred);
    heap_free(&t->path_buf[0]);
    heap_free(&t->path_buf[1]);
    heap_free(&t);
}

void user_thread_link_locked(struct user_thread *t) {
    struct process *p = t->process;
    pid_set_thread_locked(t->tid, t);
    proc_table.thread_count++;
    signals_lock(p);
    list_push_back(&p->threads, &t->process_node);
    p->thread_count++;
    signals_unlock(p);
}

static void user_main(void *arg) {
    struct user_thread *t = arg;
    if (t->set_child_tid != 0) {
        u32 tid = t->tid;
        (void)copy_out((struct uptr){t->set_child_tid}, &tid, sizeof(tid));
    }
    trap_enter_user(&t->start);
}

// ---- parts of a process: shared or copied

static err_t handlers_clone(struct process *from, bool share, struct sig_handlers **out) {
    struct sig_handlers *h;
    TRY(heap_new(&h));
    GUARD(signals, from);
    if (share) {
        heap_free(&h);
        ref_get(&from->handlers->refs);
        *out = from->handlers;
        return ERR_OK;
    }
    *h = *from->handlers;
    ref_init(&h->refs);
    *out = h;
    return ERR_OK;
}

static err_t space_clone(struct process *from, bool share, struct vm_space **out) {
    if (share) {
        vm_space_get(from->space);
        *out = from->space;
        return ERR_OK;
    }
    TRY(vm_space_fork(from->space, out));
    if (from->space->exe != nullptr) {
        space_set_exe(*out, from->space->exe);
    }
    return ERR_OK;
}

static void parts_drop(struct process *p) {
    if (p->space != nullptr) {
        vm_space_put(p->space);
    }
    fd_table_put(p->fds);
    fs_context_put(p->fs);
    p->space = nullptr;
    p->fds = nullptr;
    p->fs = nullptr;
}

static err_t parts_clone(struct process *from, struct process *p, u64 flags) {
    TRY(handlers_clone(from, (flags & LINUX_CLONE_SIGHAND) != 0, &p->handlers));
    if (flags & LINUX_CLONE_FILES) {
        ref_get(&from->fds->refs);
        p->fds = from->fds;
    } else {
        TRY(fd_table_clone(from->fds, &p->fds));
    }
    if (flags & LINUX_CLONE_FS) {
        ref_get(&from->fs->refs);
        p->fs = from->fs;
    } else {
        TRY(fs_context_clone(from->fs, &p->fs));
    }
    return space_clone(from, (flags & LINUX_CLONE_VM) != 0, &p->space);
}

static err_t process_copy(struct process *from, const struct clone_args *args,
                          struct process **out) {
    struct process *p;
    TRY(process_alloc(&p));
    p->exit_signal = args->exit_signal;
    err_t err = parts_clone(from, p, args->flags);
    if (err != ERR_OK) {
        parts_drop(p);
        p->cred = &cred_root;
        cred_get(p->cred);
        process_put(p);
        return err;
    }
    p->cred = user_thread_current()->cred;
    cred_get(p->cred);
    p->layer = from->layer;
    p->nice = from->nice;
    p->no_new_privs = from->no_new_privs;
    p->dumpable = from->dumpable;
    p->keep_caps = from->keep_caps;
    p->personality = from->personality;
    memcpy(p->rlimits, from->rlimits, sizeof(p->rlimits));
    memcpy(p->comm, user_thread_current()->comm, sizeof(p->comm));
    trace_inherit(from, p);
    *out = p;
    return ERR_OK;
}

// ---- the thread

// The new thread starts with the registers of the old one, vector registers included.
static err_t thread_copy(struct user_thread *t, const struct trap_frame *frame,
                         const struct clone_args *args) {
    struct thread *self = thread_current();
    TRY(thread_create(t->comm, user_main, t, &t->thread));
    err_t err = thread_attach_fpu(t->thread);
    if (err != ERR_OK) {
        thread_put(t->thread);
        return err;
    }
    preempt_off();
    fpu_save(self->fpu);
    memcpy(t->thread->fpu, self->fpu, fpu_area_bytes());
    preempt_on();
    t->start = *frame;
    t->start.rax = 0;
    if (args->stack != 0) {
        t->start.rsp = args->stack;
    }
    struct thread *k = t->thread;
    k->user_fs = args->flags & LINUX_CLONE_SETTLS ? args->tls : cpu_user_fs();
    k->user_gs = cpu_user_gs();
    k->process = t->process;
    k->user = t;
    k->mmu = &t->process->space->mmu;
    k->priority = self->priority;
    return ERR_OK;
}

static void thread_inherit(struct user_thread *t, const struct clone_args *args) {
    struct user_thread *self = user_thread_current();
    t->blocked = self->blocked;
    t->cred = self->cred;
    cred_get(t->cred);
    memcpy(t->comm, self->comm, sizeof(t->comm));
    // A child that shares the memory but is not vfork must not run its handlers on the same
    // alternate stack.
    if ((args->flags & (LINUX_CLONE_VM | LINUX_CLONE_VFORK)) != LINUX_CLONE_VM) {
        t->alt_stack = self->alt_stack;
        t->alt_stack_bytes = self->alt_stack_bytes;
        t->alt_stack_flags = self->alt_stack_flags;
    }
    if (args->flags & LINUX_CLONE_CHILD_CLEARTID) {
        t->clear_child_tid = args->child_tid.va;
    }
    if (args->flags & LINUX_CLONE_CHILD_SETTID) {
        t->set_child_tid = args->child_tid.va;
    }
}

// RLIMIT_NPROC counts the threads of the real user; root is free of it.
static bool user_has_too_many(const struct process *parent, u32 uid) REQUIRES(lc_proc_table) {
    u64 limit = parent->rlimits[LINUX_RLIMIT_NPROC][0];
    if (uid == 0 || limit == LINUX_RLIM_INFINITY) {
        return false;
    }
    u64 count = 0;
    struct process *p;
    list_for_each(p, &proc_table.all, all_node) {
        GUARD(signals, p);
        count += p->cred->uid == uid ? MAX(p->thread_count, 1u) : 0; // a zombie counts too
    }
    return count >= limit;
}

// Puts the new thread (and process, if p is new) into the table. Errors: ERR_AGAIN;
// ERR_RESTARTNOINTR if the parent is ending.
static err_t publish(struct user_thread *t, const struct clone_args *args) {
    struct process *parent = process_current(), *p = t->process;
    GUARD(proc_table, &proc_table);
    if (parent->exiting || parent->exec_thread != nullptr) {
        return ERR_RESTARTNOINTR;
    }
    if (user_has_too_many(parent, t->cred->uid)) {
        return ERR_AGAIN;
    }
    TRY(pid_alloc_locked(&t->tid));
    proc_table.forks++;
    if (p != parent) {
        p->pid = t->tid;
        p->pgid = parent->pgid;
        p->sid = parent->sid;
        p->tty = parent->tty;
        p->parent = args->flags & LINUX_CLONE_PARENT ? parent->parent : parent;
        list_push_back(&p->parent->children, &p->sibling_node);
        process_table_add_locked(p);
    }
    process_get(p); // the thread's
    user_thread_link_locked(t);
    return ERR_OK;
}

static void vfork_wait(struct process *parent, u32 tid, _Atomic bool *done) {
    err_t err = WAIT_UNTIL(&parent->thread_wait, *done, WAIT_KILLABLE, DEADLINE_NEVER);
    if (err != ERR_OK) { // killed: the child must not touch our stack any more
        GUARD(proc_table, &proc_table);
        struct user_thread *t = thread_find_locked(tid);
        if (t != nullptr && t->vfork_done == done) {
            t->vfork_done = nullptr;
        }
    }
}

void vfork_release(struct user_thread *t) {
    GUARD(proc_table, &proc_table);
    if (t->vfork_done != nullptr) {
        *t->vfork_done = true;
        t->vfork_done = nullptr;
        waitq_wake_all(&t->vfork_parent->thread_wait);
    }
}

static err_t flags_check(u64 flags) {
    if ((flags & LINUX_CLONE_THREAD && !(flags & LINUX_CLONE_SIGHAND)) ||
        (flags & LINUX_CLONE_SIGHAND && !(flags & LINUX_CLONE_VM)) ||
        (flags & (LINUX_CLONE_NEW_ANY | LINUX_CLONE_PIDFD)) != 0) {
        return ERR_INVAL;
    }
    if (flags & LINUX_CLONE_PARENT && process_current()->pid == 1) {
        return ERR_INVAL;
    }
    return ERR_OK;
}

static err_t clone_build(struct trap_frame *frame, const struct clone_args *args,
                         struct user_thread **out) {
    struct process *parent = process_current(), *p = parent;
    if (!(args->flags & LINUX_CLONE_THREAD)) {
        TRY(process_copy(parent, args, &p));
    }
    struct user_thread *t = nullptr;
    err_t err = user_thread_alloc(p, &t);
    if (err == ERR_OK) {
        thread_inherit(t, args);
        err = thread_copy(t, frame, args);
    }
    if (err == ERR_OK) {
        err = publish(t, args);
        if (err != ERR_OK) {
            t->thread->user = nullptr;
            t->thread->process = nullptr;
            thread_put(t->thread);
        }
    }
    if (err != ERR_OK) {
        if (t != nullptr) {
            user_thread_free(t);
        }
        if (p != parent) {
            parts_drop(p);
            process_put(p);
        }
        return err;
    }
    *out = t;
    return ERR_OK;
}

err_t process_clone(struct trap_frame *frame, const struct clone_args *args, u32 *tid) {
    TRY(flags_check(args->flags));
    struct user_thread *t;
    TRY(clone_build(frame, args, &t));
    u32 id = t->tid;
    if (args->flags & LINUX_CLONE_PARENT_SETTID) {
        (void)copy_out(args->parent_tid, &id, sizeof(id));
    }
    struct process *parent = process_current();
    _Atomic bool done = false;
    if (args->flags & LINUX_CLONE_VFORK) {
        GUARD(proc_table, &proc_table);
        t->vfork_parent = parent;
        t->vfork_done = &done;
    }
    // A signal that came between publish and here is seen on the way to user mode.
    signals_lock(t->process);
    signal_recalc(t);
    signals_unlock(t->process);
    thread_start(t->thread);
    if (args->flags & LINUX_CLONE_VFORK) {
        vfork_wait(parent, id, &done);
    }
    *tid = id;
    return ERR_OK;
}

// ---- the first process

static struct {
    const char *path;
    const char *const *argv, *const *envp;
} first;

static void first_open_console(const struct walk_base *base) {
    for (int fd = 0; fd < 3; fd++) {
        struct file *f;
        if (vfs_open(base, "/dev/console", O_RDWR | O_NOCTTY, 0, &f) != ERR_OK ||
            fd_install_at(f, fd, false) != ERR_OK) {
            log(PROC, WARN, "no /dev/console for the first process");
            return;
        }
    }
}

static void first_main(void *arg) {
    struct user_thread *t = arg;
    struct process *p = t->process;
    struct walk_base base = {.cred = t->cred, .root = p->fs->root, .cwd = p->fs->cwd};
    first_open_console(&base);
    struct file *program;
    struct exec_strings strings = {.argv = first.argv, .envp = first.envp};
    err_t err = vfs_open(&base, first.path, O_RDONLY, 0, &program);
    if (err == ERR_OK) {
        err = process_exec(&t->start, program, first.path, &strings);
        file_put(program);
    }
    if (err != ERR_OK) {
        proc_first_failed(err_text(err));
    }
    if (cmdline_has("hornet.bench")) { // tools/bench.py: how far the start has come
        log(PROC, INFO, "bench: first user instruction tsc=%lu", cpu_tsc());
        cpu_debug_exit(0x10);
    }
    trap_enter_user(&t->start);
}

static void first_rlimits(struct process *p) {
    for (u32 i = 0; i < PROC_RLIMITS; i++) {
        p->rlimits[i][0] = p->rlimits[i][1] = LINUX_RLIM_INFINITY;
    }
    p->rlimits[LINUX_RLIMIT_STACK][0] = MIB(8);
    p->rlimits[LINUX_RLIMIT_CORE][0] = 0;
    p->rlimits[LINUX_RLIMIT_NOFILE][0] = PROC_FD_SOFT;
    p->rlimits[LINUX_RLIMIT_NOFILE][1] = PROC_FD_HARD;
    p->rlimits[LINUX_RLIMIT_SIGPENDING][0] = p->rlimits[LINUX_RLIMIT_SIGPENDING][1] = 4096;
    p->rlimits[LINUX_RLIMIT_MEMLOCK][0] = p->rlimits[LINUX_RLIMIT_MEMLOCK][1] = MIB(8);
    p->rlimits[LINUX_RLIMIT_MSGQUEUE][0] = p->rlimits[LINUX_RLIMIT_MSGQUEUE][1] = 819200;
    p->rlimits[LINUX_RLIMIT_NICE][0] = p->rlimits[LINUX_RLIMIT_NICE][1] = 0;
    p->rlimits[LINUX_RLIMIT_RTPRIO][0] = p->rlimits[LINUX_RLIMIT_RTPRIO][1] = 0;
}

err_t process_start_first(const char *path, const char *const *argv, const char *const *envp) {
    struct process *p;
    struct user_thread *t;
    TRY(process_alloc(&p));
    TRY(user_thread_alloc(p, &t));
    TRY(heap_new(&p->handlers));
    ref_init(&p->handlers->refs);
    p->fds = fd_table_create();
    p->fs = fs_context_create();
    if (p->fds == nullptr || p->fs == nullptr) {
        return ERR_NOMEM;
    }
    first_rlimits(p);
    cred_get(&cred_root);
    cred_get(&cred_root);
    p->cred = t->cred = &cred_root;
    p->layer = proc_linux_layer;
    TRY(thread_create("init", first_main, t, &t->thread));
    TRY(thread_attach_fpu(t->thread));
    t->thread->process = p;
    t->thread->user = t;
    p->pid = p->pgid = p->sid = t->tid = 1;
    first.path = path;
    first.argv = argv;
    first.envp = envp;
    proc_table_lock(&proc_table);
    proc_table.last_pid = 0;
    u32 pid;
    err_t err = pid_alloc_locked(&pid);
    if (err == ERR_OK) {
        assert(pid == 1);
        proc_table.init = p;
        process_table_add_locked(p);
        process_get(p);
        user_thread_link_locked(t);
    }
    proc_table_unlock(&proc_table);
    if (err == ERR_OK) {
        thread_start(t->thread);
    }
    return err;
}
