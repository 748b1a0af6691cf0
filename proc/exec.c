// SPDX-License-Identifier: MIT
// execve: finding the real program through `#!`, then replacing the old one.
//
// Up to `commit` nothing of the process has changed and every error goes back to the caller: the
// files are read and checked, the arguments copied, the new address space made, unshared tables
// made. Then the other threads end, and from that point on a failure can only kill (SIGKILL),
// because there is nothing to go back to.
#include "proc_impl.h"
#include <kernel/base/entropy.h>
#include <kernel/sched/timer.h>
#include <lib/elf/elf.h>
#include <stdatomic.h>

constexpr u32 SCRIPT_DEPTH_MAX = 5;
constexpr size_t SCRIPT_LINE_BYTES = 256; // Linux's BINPRM_BUF_SIZE
constexpr u64 PIE_BASE = 0x555555554000;

struct exec {
    struct file *file; // of the program (the interpreter for scripts); owned
    struct exec_args args;
    struct exec_image program, interpreter;
    struct file *interpreter_file; // PT_INTERP; owned
    struct vm_space *space;
    struct fd_table *fds;          // unshared, or null
    struct sig_handlers *handlers; // the same
    const struct cred *cred;       // new, or null
    char *name, *script_name, *line;
    bool is_script;
    u64 bias, interpreter_bias;
    u32 depth;
};

static err_t may_execute(struct file *f) {
    const struct cred *c = user_thread_current()->cred;
    struct vnode *v = f->vnode;
    if (v == nullptr || v->type != VNODE_REG ||
        (v->mount != nullptr && v->mount->flags & MOUNT_NOEXEC)) {
        return ERR_ACCES;
    }
    TRY(vfs_permission(v, c, 1));
    return v->writers > 0 ? ERR_TXTBSY : ERR_OK;
}

static err_t open_program(const char *path, struct file **out) {
    struct process *p = process_current();
    struct walk_base base = {.cred = user_thread_current()->cred};
    TRY(process_paths(p, &base.root, &base.cwd));
    struct path found;
    err_t err = vfs_walk(&base, path, WALK_FOLLOW, &found);
    if (err == ERR_OK) {
        err = vfs_open_path(&found, O_RDONLY | O_PATH, base.cred, out);
        if (err == ERR_OK) { // execute permission is enough, read permission is not asked for
            struct file *readable;
            err = may_execute(*out);
            file_put(*out);
            if (err == ERR_OK) {
                err = vfs_open_path(&found, O_RDONLY, &cred_root, &readable);
                *out = readable;
            }
        }
        path_put(&found);
    }
    path_put(&base.root);
    path_put(&base.cwd);
    return err;
}

// "#! interpreter [one argument]": cuts the line into the two, in place. ERR_NOEXEC if it names
// nothing.
static err_t script_parse(char *line, size_t bytes, char **interpreter, char **argument) {
    char *end = line + 2, *limit = line + bytes;
    while (end < limit && *end != '\n' && *end != 0) {
        end++;
    }
    bool whole = end < limit;
    char *s = line + 2;
    while (s < end && (*s == ' ' || *s == '\t')) {
        s++;
    }
    char *e = s;
    while (e < end && *e != ' ' && *e != '\t') {
        e++;
    }
    if (e == s || (e == end && !whole && bytes >= SCRIPT_LINE_BYTES)) {
        return ERR_NOEXEC; // empty, or a name that does not fit
    }
    char *arg = e;
    while (arg < end && (*arg == ' ' || *arg == '\t')) {
        arg++;
    }
    while (end > arg && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    *e = 0;
    *end = 0;
    *interpreter = s;
    *argument = arg < end ? arg : nullptr;
    return ERR_OK;
}

// Follows `#!` until a file is no script. x->file is then the real program.
static err_t resolve_scripts(struct exec *x) {
    for (;;) {
        u64 pos = 0;
        size_t done = 0;
        memset(x->line, 0, SCRIPT_LINE_BYTES + 1);
        struct vm_span span = {.kernel = x->line, .bytes = SCRIPT_LINE_BYTES};
        TRY(file_read(x->file, span, &pos, &done));
        if (done < 2 || x->line[0] != '#' || x->line[1] != '!') {
            return ERR_OK;
        }
        if (++x->depth > SCRIPT_DEPTH_MAX) {
            return ERR_LOOP;
        }
        x->is_script = true;
        char *interpreter, *argument;
        TRY(script_parse(x->line, done, &interpreter, &argument));
        TRY(exec_args_script(&x->args, interpreter, argument, x->script_name));
        struct file *next;
        TRY(open_program(interpreter, &next));
        file_put(x->file);
        x->file = next;
        (void)text_copy(x->script_name, VFS_PATH_MAX, interpreter);
    }
}

static err_t read_interpreter(struct exec *x) {
    const struct elf_segment *s = elf_find(x->program.elf, ELF_INTERP);
    if (s == nullptr) {
        return ERR_OK;
    }
    if (s->file_bytes < 2 || s->file_bytes >= SCRIPT_LINE_BYTES) {
        return ERR_NOEXEC;
    }
    u64 pos = s->offset;
    size_t done = 0;
    memset(x->line, 0, SCRIPT_LINE_BYTES + 1);
    struct vm_span span = {.kernel = x->line, .bytes = s->file_bytes};
    TRY(file_read(x->file, span, &pos, &done));
    if (done != s->file_bytes || x->line[done - 1] != 0) {
        return ERR_NOEXEC;
    }
    TRY(open_program(x->line, &x->interpreter_file));
    err_t err = exec_image_read(x->interpreter_file, &x->interpreter);
    return err == ERR_NOEXEC ? ERR_INVAL : err; // Linux: ELIBBAD; the nearest we speak
}

static err_t new_cred(struct exec *x) {
    const struct cred *old = user_thread_current()->cred;
    struct process *p = process_current();
    struct vattr a;
    TRY(vfs_getattr(&x->file->path, &a));
    bool honoured = !p->no_new_privs && !(x->file->vnode->mount->flags & MOUNT_NOSUID);
    bool set_uid = honoured && a.mode & 04000, set_gid = honoured && (a.mode & 02010) == 02010;
    struct cred *c;
    TRY(cred_clone(old, &c));
    if (set_uid) {
        c->euid = a.uid;
    }
    if (set_gid) {
        c->egid = a.gid;
    }
    c->suid = c->fsuid = c->euid;
    c->sgid = c->fsgid = c->egid;
    x->cred = c;
    return ERR_OK;
}

static err_t unshare_tables(struct exec *x, struct process *p) {
    if (atomic_load(&p->fds->refs.count) > 1) {
        TRY(fd_table_clone(p->fds, &x->fds));
    }
    if (atomic_load(&p->handlers->refs.count) > 1) {
        TRY(heap_new(&x->handlers));
        ref_init(&x->handlers->refs);
    }
    return ERR_OK;
}

static void layout(struct exec *x, u64 *stack_top) {
    u64 limit = process_rlimit(process_current(), LINUX_RLIMIT_STACK);
    u64 reserve = MAX(MIN(limit, GIB(16)), MIB(128)) + MIB(1);
    u64 random = entropy_u64();
    *stack_top = ALIGN_DOWN(USER_VA_END - PAGE_SIZE - (random & (GIB(16) - 1)), PAGE_SIZE);
    x->space->stack_limit_bytes = MIN(limit, GIB(16));
    random = entropy_u64();
    x->space->mmap_top = ALIGN_DOWN(*stack_top - reserve - (random & (GIB(256) - 1)), PAGE_SIZE);
    random = entropy_u64();
    x->bias = x->program.elf->type == ELF_DYN
                  ? PIE_BASE + ((random & 0xfffffff) << PAGE_SHIFT) - x->program.elf->va_low
                  : 0;
}

// ---- after the point of no return

static err_t end_other_threads(struct process *p, struct user_thread *t) {
    signals_lock(p);
    bool lost = p->exiting || p->exec_thread != nullptr;
    if (!lost) {
        p->exec_thread = t;
        signal_kill_threads(p, t);
    }
    signals_unlock(p);
    if (lost) {
        return ERR_INTR;
    }
    (void)WAIT_UNTIL(&p->thread_wait, p->thread_count == 1, WAIT_SOLID, DEADLINE_NEVER);
    GUARD(proc_table, &proc_table);
    GUARD(signals, p);
    if (t->tid != p->pid) {
        pid_set_thread_locked(t->tid, nullptr);
        t->tid = p->pid;
        pid_set_thread_locked(t->tid, t);
    }
    p->exec_thread = nullptr;
    p->execed = true;
    return ERR_OK;
}

static void exe_put(void *exe) {
    struct file *f = exe;
    f->vnode->execs--;
    file_put(f);
}

void space_set_exe(struct vm_space *s, struct file *f) {
    file_get(f);
    f->vnode->execs++;
    s->exe = f;
    s->exe_put = exe_put;
}

struct file *space_exe(struct vm_space *s) {
    struct file *f = s == nullptr ? nullptr : s->exe;
    if (f != nullptr) {
        file_get(f);
    }
    return f;
}

static void switch_space(struct exec *x, struct process *p, struct user_thread *t) {
    struct vm_space *old = p->space;
    if (old != nullptr && p->layer->thread_ending != nullptr) {
        p->layer->thread_ending(t); // robust list and clear_child_tid belong to the old memory
    }
    t->clear_child_tid = t->robust_list = 0;
    space_set_exe(x->space, x->file);
    signals_lock(p);
    p->space = x->space;
    signals_unlock(p);
    thread_set_mmu(&x->space->mmu);
    x->space = nullptr;
    if (old != nullptr) {
        p->max_rss_pages = MAX(p->max_rss_pages, old->resident_pages);
        p->faults += old->fault_count;
        vm_space_put(old);
    }
    vfork_release(t);
}

static void switch_tables(struct exec *x, struct process *p) {
    struct fd_table *old_fds = nullptr;
    struct sig_handlers *old_handlers = nullptr;
    signals_lock(p);
    if (x->fds != nullptr) {
        old_fds = p->fds;
        p->fds = x->fds;
        x->fds = nullptr;
    }
    if (x->handlers != nullptr) {
        for (int i = 1; i <= SIG_COUNT; i++) {
            x->handlers->actions[i] = p->handlers->actions[i];
        }
        old_handlers = p->handlers;
        p->handlers = x->handlers;
        x->handlers = nullptr;
    }
    signals_unlock(p);
    fd_table_put(old_fds);
    if (old_handlers != nullptr && ref_put(&old_handlers->refs)) {
        heap_free(&old_handlers);
    }
    fd_table_close_on_exec(p->fds);
    signals_reset_for_exec(p);
    proc_timers_drop(p, true);
}

static void set_comm(struct process *p, struct user_thread *t, const char *path) {
    const char *base = path;
    for (const char *s = path; *s != 0; s++) {
        base = *s == '/' ? s + 1 : base;
    }
    (void)text_copy(t->comm, sizeof(t->comm), base);
    memcpy(p->comm, t->comm, sizeof(p->comm));
    (void)text_copy(t->thread->name, sizeof(t->thread->name), t->comm);
}

static void fresh_registers(struct trap_frame *frame, u64 entry, u64 stack_pointer) {
    *frame = (struct trap_frame){.rip = entry,
                                 .cs = SEL_USER_CODE,
                                 .rflags = RFLAGS_IF,
                                 .rsp = stack_pointer,
                                 .ss = SEL_USER_DATA};
    preempt_off();
    void *area = thread_current()->fpu;
    fpu_area_init(area);
    fpu_restore(area);
    preempt_on();
    cpu_set_user_fs(0);
    cpu_set_user_gs(0);
}

static err_t map_stack(struct vm_space *s, u64 top, size_t needed) {
    u64 bytes = ALIGN_UP(needed + KIB(128), PAGE_SIZE), at;
    struct vm_map_args args = {.hint = top - bytes,
                               .bytes = bytes,
                               .prot = VM_READ | VM_WRITE,
                               .max_prot = VM_READ | VM_WRITE | VM_EXEC,
                               .flags = VM_PRIVATE | VM_FIXED | VM_GROWSDOWN | VM_STACK};
    return vm_map(s, &args, &at);
}

static err_t map_interpreter(struct exec *x, struct vm_space *s, u64 *entry, u64 *base) {
    const struct elf_image *e = x->interpreter.elf;
    u64 at, ignored;
    struct vm_map_args args = {.bytes = e->va_high - e->va_low,
                               .prot = 0,
                               .max_prot = VM_READ | VM_WRITE | VM_EXEC,
                               .flags = VM_PRIVATE};
    TRY(vm_map(s, &args, &at)); // finds the room
    TRY(vm_unmap(s, at, e->va_high - e->va_low));
    u64 bias = at - e->va_low;
    TRY(exec_image_map(s, &x->interpreter, bias, &ignored));
    *entry = e->entry + bias;
    *base = bias;
    return ERR_OK;
}

// Where the program headers lie in memory: inside the LOAD segment that covers them in the file.
static u64 phdr_address(const struct elf_image *e, u64 bias) {
    for (u32 i = 0; i < e->segment_count; i++) {
        const struct elf_segment *s = &e->segments[i];
        if (s->type == ELF_LOAD && e->phdr_offset >= s->offset &&
            e->phdr_offset < s->offset + s->file_bytes) {
            return s->va + (e->phdr_offset - s->offset) + bias;
        }
    }
    return 0;
}

static err_t build_image(struct exec *x, struct vm_space *s, u64 stack_top,
                         struct trap_frame *frame) {
    const struct elf_image *e = x->program.elf;
    struct exec_stack stack = {.top = stack_top, .name = x->name, .entry = e->entry + x->bias};
    u64 brk, entry = stack.entry, pointer;
    TRY(exec_image_map(s, &x->program, x->bias, &brk));
    s->brk_start = s->brk_end = ALIGN_UP(brk, PAGE_SIZE) + ((entropy_u64() & 0x1fff) << PAGE_SHIFT);
    if (x->interpreter_file != nullptr) {
        TRY(map_interpreter(x, s, &entry, &stack.interpreter_base));
    }
    TRY(map_stack(s, stack_top,
                  x->args.end - x->args.start + (x->args.argc + x->args.envc) * sizeof(u64) +
                      VFS_PATH_MAX));
    stack.phdr_va = phdr_address(e, x->bias);
    stack.phdr_count = e->segment_count;
    const struct cred *c = user_thread_current()->cred;
    stack.secure = c->uid != c->euid || c->gid != c->egid;
    TRY(exec_args_push(&x->args, s, &stack, &pointer));
    fresh_registers(frame, entry, pointer);
    return ERR_OK;
}

static err_t commit(struct exec *x, struct trap_frame *frame, u64 stack_top, bool *gone) {
    struct user_thread *t = user_thread_current();
    struct process *p = t->process;
    TRY(end_other_threads(p, t));
    *gone = true;
    switch_space(x, p, t);
    switch_tables(x, p);
    p->dumpable = x->cred->euid == x->cred->uid && x->cred->egid == x->cred->gid;
    p->keep_caps = 0;
    process_set_cred(x->cred);
    x->cred = nullptr;
    set_comm(p, t, x->name);
    return build_image(x, p->space, stack_top, frame);
}

static err_t prepare(struct exec *x, const struct exec_strings *strings, const char *name) {
    struct process *p = process_current();
    TRY(heap_alloc(VFS_PATH_MAX, (void **)&x->name));
    TRY(heap_alloc(VFS_PATH_MAX, (void **)&x->script_name));
    TRY(heap_alloc(SCRIPT_LINE_BYTES + 1, (void **)&x->line));
    (void)text_copy(x->name, VFS_PATH_MAX, name);
    (void)text_copy(x->script_name, VFS_PATH_MAX, name);
    TRY(may_execute(x->file));
    u64 limit = MAX(MIN(process_rlimit(p, LINUX_RLIMIT_STACK) / 4, MIB(6)), KIB(128));
    TRY(exec_args_gather(&x->args, strings, limit));
    TRY(resolve_scripts(x));
    TRY(exec_image_read(x->file, &x->program));
    TRY(read_interpreter(x));
    TRY(new_cred(x));
    TRY(unshare_tables(x, p));
    return vm_space_create(&x->space);
}

static void clean(struct exec *x) {
    exec_args_free(&x->args);
    exec_image_free(&x->program);
    exec_image_free(&x->interpreter);
    file_put(x->file);
    if (x->interpreter_file != nullptr) {
        file_put(x->interpreter_file);
    }
    if (x->space != nullptr) {
        vm_space_put(x->space);
    }
    fd_table_put(x->fds);
    heap_free(&x->handlers);
    if (x->cred != nullptr) {
        cred_put(x->cred);
    }
    heap_free(&x->name);
    heap_free(&x->script_name);
    heap_free(&x->line);
}

err_t process_exec(struct trap_frame *frame, struct file *program, const char *name,
                   const struct exec_strings *strings) {
    struct exec *x;
    TRY(heap_new(&x));
    file_get(program);
    x->file = program;
    err_t err = prepare(x, strings, name);
    bool gone = false; // the old program
    if (err == ERR_OK) {
        u64 stack_top;
        layout(x, &stack_top);
        err = commit(x, frame, stack_top, &gone);
    }
    clean(x);
    heap_free(&x);
    if (err != ERR_OK && gone) {
        log(PROC, INFO, "exec failed after the old program was gone: pid=%u error=%d",
            process_current()->pid, err);
        process_exit_group(LINUX_SIGKILL);
    }
    return err;
}
