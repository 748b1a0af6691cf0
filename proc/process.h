// SPDX-License-Identifier: MIT
// Processes: threads, descriptors, signals, families. Shared by both exec layers. Life of a process and which function makes each
// transition: nonexistent -process_fork-> ready/blocked (by its threads) -process_exit-> dead (zombie) -process_reap-> nonexistent.
#pragma once
#include <mm/vm/space.h>
#include <vfs/path.h>

constexpr u32 PROC_FD_MAX = 1024; // soft RLIMIT_NOFILE at start; hard limit 4096
constexpr int SIG_COUNT = 64;     // signals 1..64
typedef u64 sigset64;             // bit n-1 = signal n
static inline sigset64 sig_bit(int sig) { return (u64)1 << (sig - 1); }

struct siginfo { int signo, errno_, code; u32 pid, uid; i32 status; u64 addr; u64 value; i64 utime, stime; int timer_id, overrun; };
struct sig_action { u64 handler, flags, restorer; sigset64 mask; };

struct fd_entry { struct file *file; bool cloexec; };
struct fd_table { struct ref refs; struct mutex lock; struct fd_entry *entries; u32 capacity; u32 lowest_free; };
DECLARE_MUTEX_CLASS(fd_table, struct fd_table, lock)
struct fs_context { struct ref refs; struct path root, cwd; u32 umask; struct mutex lock; }; // shared by CLONE_FS
struct sig_handlers { struct ref refs; struct sig_action actions[SIG_COUNT + 1]; };          // shared by CLONE_SIGHAND; signals lock

enum process_state : u8 { PROCESS_NONEXISTENT, PROCESS_READY, PROCESS_BLOCKED, PROCESS_DEAD }; // the seed's section 5.1; READY/BLOCKED follow from threads

struct user_thread { // one per thread of a process; thread->user
    struct thread *thread;
    struct process *process;
    u32 tid;
    struct list process_node;
    sigset64 blocked, saved_blocked, pending; // signals lock
    bool restore_blocked;                     // sigsuspend and friends
    struct list queue;                        // queued siginfo
    u64 alt_stack, alt_stack_bytes; u32 alt_stack_flags;
    u64 clear_child_tid;                      // set_tid_address / CLONE_CHILD_CLEARTID
    u64 robust_list, robust_list_bytes;
    i64 restart_kind; u64 restart_args[4];    // ERESTART_RESTARTBLOCK
    bool in_syscall; u64 syscall_nr;
    struct process *vfork_parent_done; bool vfork_child;
    char comm[16];
};
struct process {
    struct ref refs;
    struct spinlock signal_lock;  // signals class: pending, handlers, stop state
    u32 pid, pgid, sid;           // proc_tree
    struct process *parent;       // proc_tree
    struct list children, sibling_node, group_node, all_node, threads;
    u32 thread_count;
    struct vm_space *space;
    struct fd_table *fds;
    struct fs_context *fs;
    struct sig_handlers *handlers;
    const struct cred *cred;
    sigset64 pending; struct list queue;   // process-wide
    u64 rlimits[16][2];
    struct tty *tty;              // controlling terminal
    bool dead, stopped, stop_reported, continued, continue_reported, exiting, subreaper, execed;
    int stop_signal, exit_status; // wait4 encoding
    int exit_signal;              // to the parent, SIGCHLD
    int death_signal;             // PR_SET_PDEATHSIG
    struct waitq child_wait;      // parents wait here
    struct waitq stop_wait;       // stopped threads
    struct waitq vfork_wait;      // parent of a vfork child
    char comm[16];
    u64 start_ns; int nice;
    _Atomic u64 user_ns, kernel_ns, children_user_ns, children_kernel_ns; // of ended threads/children
    u64 alarm_ns, alarm_interval_ns; void *timers;
    const struct exec_layer *layer;
    bool trace; void *trace_ring;          // strace-like trace
    u32 no_new_privs, dumpable; u64 personality;
};
struct exec_layer { // an exec layer is a struct: name and what differs (OpenBSD's emul idea)
    const char *name;
    void (*syscall)(struct trap_frame *frame);
    void (*deliver_signals)(struct trap_frame *frame); // on the way to user mode
};

struct process *process_current(void);
struct user_thread *user_thread_current(void);
