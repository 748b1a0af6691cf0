// SPDX-License-Identifier: MIT
// Processes: threads, descriptors, signals, families. Shared by the exec layers. Life of a process
// and which function makes each transition: nonexistent -process_clone-> alive -process_thread_exit
// of its last thread-> dead (zombie) -process_wait-> nonexistent.
//
// Locks: `proc_table` (spin, global) guards the table, families, groups, sessions and controlling
// terminals of all processes; `signals` (spin, per process, inside proc_table) guards signal state
// and the thread list. Both may be taken in interrupts. Legend: [I] immutable, [t] proc_table, [s]
// signals, [o] own thread (or nobody runs), [a] atomic.
#pragma once
#include <arch/x86_64/trap.h>
#include <kernel/sched/work.h>
#include <lib/text.h>
#include <mm/vm/space.h>
#include <vfs/path.h>

constexpr u32 PROC_FD_SOFT = 1024; // RLIMIT_NOFILE at start
constexpr u32 PROC_FD_HARD = 4096;
constexpr u32 PROC_PID_MAX = 32768;
constexpr u32 PROC_RLIMITS = 16;
constexpr int SIG_COUNT = 64; // signals 1..64, Linux's numbers (abi/linux/signal.h)
typedef u64 sigset64;         // bit n-1 = signal n
static inline sigset64 sig_bit(int sig) { return (u64)1 << (sig - 1); }

struct siginfo {
    int signo, errno_, code;
    u32 pid, uid;
    i32 status;
    u64 addr, value;
    i64 utime, stime; // clock ticks
    int timer_id, overrun;
};
struct sig_action {
    u64 handler, flags, restorer;
    sigset64 mask;
};
struct sig_pending { // [s]
    sigset64 set;
    struct list queue; // struct sig_queued
};

// ---- descriptors
struct fd_entry {
    struct file *file;
    bool cloexec;
};
struct fd_table {
    struct ref refs;
    struct process *last_owner; // whose record locks end when a looker-on puts the last reference
    struct work put_work;       // does that
    struct mutex lock;
    struct fd_entry *entries GUARDED_BY(lc_fd_table);
    u32 capacity GUARDED_BY(lc_fd_table);
    u32 lowest_free GUARDED_BY(lc_fd_table); // nothing below is free
};
DECLARE_MUTEX_CLASS(fd_table, struct fd_table, lock)

// ---- root, current directory, umask; shared by CLONE_FS
struct fs_context {
    struct ref refs;
    struct mutex lock;
    struct path root, cwd; // under lock
    _Atomic u32 umask;     // [a]
};
DECLARE_MUTEX_CLASS(fs_context, struct fs_context, lock)

struct sig_handlers { // shared by CLONE_SIGHAND
    struct ref refs;
    struct sig_action actions[SIG_COUNT + 1];
};

struct process;
struct user_thread {                 // one per thread of a process; thread->user
    struct thread *thread;           // [I] reference
    struct process *process;         // [I]
    u32 tid;                         // [t]; the leader's is the pid
    bool exiting;                    // [s]
    struct list process_node;        // [s] process.threads
    sigset64 blocked, saved_blocked; // [o] writes under signals
    bool restore_blocked;            // [o] sigsuspend and friends
    sigset64 waited;                 // [s] rt_sigtimedwait: blocked, but wake for these
    struct sig_pending pending;      // [s]
    u64 alt_stack, alt_stack_bytes;  // [o]
    u32 alt_stack_flags;
    u64 clear_child_tid, set_child_tid; // [o] CLONE_CHILD_CLEARTID, _SETTID
    u64 robust_list, robust_list_bytes; // [o]
    err_t (*restart)(struct user_thread *t,
                     i64 *result); // [o] ERR_RESTART_BLOCK: what restart_syscall calls
    u64 restart_args[5];           // [o]
    const struct cred *cred;       // [o] reference
    char *path_buf[2]; // [o] VFS_PATH_MAX each, for system calls with paths; made on first use
    struct process *vfork_parent; // [t] woken when this thread execs or ends
    _Atomic bool *vfork_done;     // [t] on the stack of the parent, which waits
    struct trap_frame start;      // [I] first registers
    char comm[16];                // [o]
    u64 trace_nr;                 // [o]
    u64 syscalls;                 // [o]
};

struct process {
    struct ref refs;
    struct spinlock signal_lock;
    u32 pid;                            // [I]
    u32 pgid, sid;                      // [t]
    struct process *parent;             // [t]
    struct list children, sibling_node; // [t]
    struct list all_node;               // [t]
    struct list threads;                // [s]
    u32 thread_count;                   // [s]
    struct user_thread *exec_thread;    // [s] the only thread that survives
    struct waitq thread_wait;           // a thread of the process ended
    struct vm_space *space;             // [o] changes under signals; null once dead
    struct fd_table *fds;               // the same
    struct fs_context *fs;              // the same
    struct sig_handlers *handlers;      // the same
    const struct cred *cred;            // [s] what others see; reference
    struct sig_pending pending;         // [s] for the whole process
    u64 rlimits[PROC_RLIMITS][2];       // [s] soft, hard
    struct tty *tty;                    // [t] controlling terminal
    bool dead;                          // [t] zombie
    bool stopped, stop_reported;        // [s]
    bool continued;                     // [s] not yet waited for
    bool exiting;                       // [s] every thread is to end with exit_status
    bool subreaper, execed;             // [t]
    int stop_signal;                    // [s]
    u32 continue_count;                 // [s] SIGCONTs seen: a stop decided before one is void
    int exit_status;                    // [s] wait4 encoding
    int exit_signal;                    // [I] to the parent
    int death_signal;                   // [o] PR_SET_PDEATHSIG
    struct waitq child_wait;            // parents wait here
    struct waitq stop_wait;             // stopped threads
    char comm[16];                      // [o]
    u64 start_ns;                       // [I]
    int nice;                           // [s]
    _Atomic u64 user_ns, kernel_ns;     // [a] of ended threads
    _Atomic u64 children_user_ns, children_kernel_ns; // [a] of children waited for
    _Atomic u64 max_rss_pages, children_max_rss_pages;
    _Atomic u64 faults, children_faults;   // [a] of address spaces it left; of children waited for
    struct proc_timers *timers;            // [o] itimer and POSIX timers, made on first use
    const struct exec_layer *layer;        // [I]
    struct trace_ring *trace;              // [s] strace-like trace, or null; reference
    _Atomic bool tracing;                  // [a]
    u32 no_new_privs, dumpable, keep_caps; // [o]
    u64 personality;                       // [o]
};
DECLARE_SPIN_CLASS(signals, struct process, signal_lock)

struct exec_layer { // an exec layer is a struct: name and what differs
    const char *name;
    void (*syscall)(struct trap_frame *frame);
    void (*deliver_signals)(struct trap_frame *frame); // on the way to user mode
    void (*trap)(struct trap_frame *frame, u64 va,
                 enum vm_fault why); // exceptions of user mode become signals
    void (*thread_ending)(
        struct user_thread *t);          // robust list, clear_child_tid; the space is still there
    void (*print_calls)(struct text *t); // /proc/hornet/abi
};
extern const struct exec_layer *proc_linux_layer; // set by exec/linux at start

// From kernel/init: an exception of the current user thread; va and why for page faults.
void process_trap(struct trap_frame *frame, u64 va, enum vm_fault why);

// ---- the table (table.c)
struct proc_table {
    struct spinlock lock;
    struct list all;
    u32 count; // processes, zombies included
    u32 thread_count;
    u32 last_pid;
    _Atomic u64 forks; // since boot
    struct process *init;
};
extern struct proc_table proc_table;
DECLARE_SPIN_CLASS(proc_table, struct proc_table, lock)

void proc_init(void);                  // before the first process; sets tty_jobs
struct process *process_current(void); // null in a kernel thread
struct user_thread *user_thread_current(void);
void process_get(struct process *p);
void process_put(struct process *p);
struct process *process_find(u32 pid); // a reference, or null; zombies too. Takes proc_table
struct process *process_find_locked(u32 pid) REQUIRES(lc_proc_table);    // borrowed while locked
struct user_thread *thread_find_locked(u32 tid) REQUIRES(lc_proc_table); // borrowed while locked
struct process *
process_next(u32 pid); // lowest pid >= pid with a reference, or null (/proc listing)
u32 thread_next(struct process *p, u32 tid); // lowest tid >= tid of p, 0: none
void process_each(bool (*fn)(struct process *p, void *arg), void *arg) REQUIRES(lc_proc_table);
bool process_group_exists_locked(u32 pgid, u32 sid_or_0) REQUIRES(lc_proc_table);
err_t process_set_group(u32 pid, u32 pgid); // setpgid(2)
err_t process_new_session(u32 *sid);        // setsid(2)
bool process_group_orphaned_locked(u32 pgid, const struct process *except) REQUIRES(lc_proc_table);
const struct cred *process_cred_get(struct process *p); // a reference
void process_times(struct process *p, u64 *user_ns,
                   u64 *kernel_ns); // ended and living threads. Takes signals
void process_set_cred(
    const struct cred *c); // of the current thread; takes over the caller's reference
u64 process_rlimit(struct process *p, u32 kind); // soft
// oom.c: a fault of the current process found no memory. Ends a process, maybe this one, and waits a
// moment; the fault may then be tried again. Sleeps.
void process_out_of_memory(void);
bool process_is_ptraceable(struct process *p,
                           const struct cred *c); // may c look into p (/proc/N/mem and the like)

// ---- start (fork.c)
struct clone_args {
    u64 flags; // linux_clone_flags
    int exit_signal;
    u64 stack; // 0: the parent's
    struct uptr parent_tid, child_tid;
    u64 tls;
};
// frame: the parent's registers; the child returns 0. vfork: waits. Errors: ERR_AGAIN, ERR_NOMEM,
// ERR_INVAL, ERR_INTR never.
err_t process_clone(struct trap_frame *frame, const struct clone_args *args, u32 *tid);
// PID 1 runs argv[0]=path with /dev/console (if it is there) as 0, 1, 2. The strings must stay
// valid.
err_t process_start_first(const char *path, const char *const *argv, const char *const *envp);

// ---- end (exit.c)
[[noreturn]] void
process_exit_group(int wait_status); // all threads; wait4 encoding: code << 8 or signal
[[noreturn]] void process_exit_thread(int wait_status); // this one; status counts if it is the last
enum wait_options : u32 {
    WAIT_NOHANG = 1,
    WAIT_STOPPED = 2,
    WAIT_EXITED = 4,
    WAIT_CONTINUED = 8,
    WAIT_NOWAIT = 0x1000000,
    WAIT_NOTHREAD = 0x20000000,
    WAIT_ALL = 0x40000000,
    WAIT_CLONE = 0x80000000
};
enum wait_which : u8 { WAIT_ANY, WAIT_PID, WAIT_GROUP };
struct wait_result {
    u32 pid, uid; // pid 0: nothing (NOHANG)
    int code;     // CLD_*
    int status;   // wait4 encoding
    u64 user_ns, kernel_ns, max_rss_pages, faults;
};
err_t process_wait(enum wait_which which, u32 id, u32 options,
                   struct wait_result *out); // ERR_CHILD, ERR_INTR

// ---- signals (signal.c)
// Queues info->signo for p (any context). Errors: ERR_AGAIN when the queue limit of a real-time
// signal is reached.
err_t signal_send_locked(struct process *p, const struct siginfo *info) REQUIRES(lc_proc_table);
err_t signal_send_thread_locked(struct user_thread *t, const struct siginfo *info)
    REQUIRES(lc_proc_table);
void signal_send(struct process *p, const struct siginfo *info);
void signal_send_group(u32 pgid, int sig, int code); // from the kernel; any context
// A fault of the current thread: cannot be blocked or ignored.
void signal_force(const struct siginfo *info);
bool signal_may_send(const struct cred *from, u32 from_sid, struct process *to, int sig)
    REQUIRES(lc_proc_table);
// The next signal for which a handler of the current thread must run; stops, ends and continues
// happen inside. False: none.
bool signal_next(struct siginfo *info, struct sig_action *action);
bool signal_take(sigset64 wanted,
                 struct siginfo *info); // rt_sigtimedwait: dequeue without delivering
bool signal_pending_current(void);      // something is there to be delivered
sigset64 signal_pending_set(void);      // sigpending
void signal_set_blocked(sigset64 set);  // current thread
void signal_set_action(int sig, const struct sig_action *new_or_null,
                       struct sig_action *old_or_null);
void signal_flush(struct sig_pending *p) REQUIRES(lc_signals);
void signals_reset_for_exec(struct process *p);
bool signal_is_ignored(const struct process *p, int sig) REQUIRES(lc_signals);
void signal_recalc(struct user_thread *t) REQUIRES(lc_signals);

// ---- descriptors (fds.c)
struct fd_ref { // a borrowed or owned file of the current process
    struct file *file;
    bool owned;
};
err_t fd_get(int fd, struct fd_ref *out);    // ERR_BADF; O_PATH files too
err_t fd_get_io(int fd, struct fd_ref *out); // like it, but ERR_BADF for O_PATH
static inline void fd_put(struct fd_ref *r) {
    if (r->owned) {
        file_put(r->file);
    }
}
struct fd_table *fd_table_create(void); // null: no memory
err_t fd_table_clone(struct fd_table *t, struct fd_table **out);
void fd_table_put(struct fd_table *t); // the last one closes all
void fd_table_close_on_exec(struct fd_table *t);
// Takes over the caller's reference of file on success. Errors: ERR_MFILE.
err_t fd_install(struct file *file, int lowest, bool cloexec, int *fd);
err_t fd_install_at(struct file *file, int fd, bool cloexec); // dup2: closes what was there
err_t fd_close(int fd);
err_t fd_close_range(u32 first, u32 last, bool only_cloexec);
err_t fd_flags(int fd, bool *cloexec, const bool *set);
struct file *fd_peek(struct process *p, int fd); // another process's file with a reference, or null
int fd_next(struct process *p, int from, u32 *count); // lowest open fd >= from, -1
struct fs_context *fs_context_create(void);
err_t fs_context_clone(struct fs_context *c, struct fs_context **out);
void fs_context_put(struct fs_context *c);
err_t process_paths(struct process *p, struct path *root,
                    struct path *cwd); // with references; ERR_SRCH. Either may be null

// ---- program start (exec.c)
struct exec_strings { // where argv and envp come from: user memory, or the kernel's own
    struct uptr user_argv, user_envp;
    const char *const *argv, *const *envp; // used when not null
};
// Replaces the program of the current process; frame gets the first registers. On error nothing has
// changed. After the point of no return failures kill the process with SIGKILL. Errors: NOENT ACCES
// NOEXEC 2BIG NOMEM TXTBSY ...
err_t process_exec(struct trap_frame *frame, struct file *program, const char *name,
                   const struct exec_strings *strings);
struct file *space_exe(struct vm_space *s); // with a reference, or null

// ---- timers (timers.c)
struct interval {
    u64 value_ns, interval_ns;
};
enum itimer_kind : u32 { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF };
err_t proc_itimer(enum itimer_kind kind, const struct interval *set,
                  struct interval *old); // current process; set null: only reads
struct posix_timer_spec {
    bool wall;
    int notify, signo;
    u32 tid;
    u64 value;
};
err_t proc_timer_create(const struct posix_timer_spec *spec, int *id);
err_t proc_timer_set(int id, bool absolute, const struct interval *set,
                     struct interval *old); // ERR_INVAL
err_t proc_timer_get(int id, struct interval *now, int *overrun);
err_t proc_timer_delete(int id);
void proc_timers_drop(struct process *p, bool posix_only); // exec keeps the itimer; exit drops both

// ---- strace-like trace (trace.c); one ring shared by a process and its children
void trace_set(struct process *p, bool on);
void trace_inherit(struct process *parent, struct process *child);
void trace_line(struct process *p, const char *line, size_t bytes);
size_t trace_read(struct process *p, u64 offset, char *buf, size_t capacity);
void trace_drop(struct process *p);

void proc_print(const struct process *p, struct text *t);

// ---- power (set by kernel/init): called by reboot(2) after vfs_shutdown
extern void (*proc_power_off)(void);
extern void (*proc_restart)(void);
extern void (*proc_halt)(void);
// Set by kernel/init: the first process could not be started or ended. Does not return.
extern void (*proc_first_failed)(const char *why);
