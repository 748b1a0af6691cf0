// SPDX-License-Identifier: MIT
// What the files of proc share among themselves.
#pragma once
#include <abi/linux/signal.h>
#include <abi/linux/types.h>
#include <kernel/base/lock.h>
#include <kernel/base/log.h>
#include <kernel/base/panic.h>
#include <lib/mem.h>
#include <mm/heap/heap.h>
#include <mm/vm/copy.h>
#include <proc/process.h>

// table.c: numbers. A number is free when no process, thread, group or session uses it.
err_t pid_alloc_locked(u32 *out) REQUIRES(lc_proc_table);
void pid_set_process_locked(u32 pid, struct process *p) REQUIRES(lc_proc_table);
void pid_set_thread_locked(u32 tid, struct user_thread *t) REQUIRES(lc_proc_table);
void pid_hold_locked(u32 id) REQUIRES(lc_proc_table); // as group or session
void pid_drop_locked(u32 id) REQUIRES(lc_proc_table);
void process_table_add_locked(struct process *p) REQUIRES(lc_proc_table);
void process_table_remove_locked(struct process *p) REQUIRES(lc_proc_table);

// fork.c
err_t process_alloc(struct process **out); // lists and locks ready, one reference
err_t user_thread_alloc(struct process *p, struct user_thread **out);
void user_thread_free(struct user_thread *t); // not linked any more
void user_thread_link_locked(struct user_thread *t) REQUIRES(lc_proc_table);
void vfork_release(struct user_thread *t);

// signal.c
struct sig_queued {
    struct list node;
    struct siginfo info;
};
void sig_pending_init(struct sig_pending *p);
void sig_pending_free(struct sig_pending *p);
void signal_notify_parent_locked(struct process *p, int code, int status) REQUIRES(lc_proc_table);
void signal_kill_threads(struct process *p, struct user_thread *except) REQUIRES(lc_signals);
bool signal_dequeue(struct user_thread *t, sigset64 mask, struct siginfo *info)
    REQUIRES(lc_signals);
constexpr sigset64 SIGSET_STOP = (sigset64)1 << 18 | (sigset64)1 << 19 | (sigset64)1 << 20 |
                                 (sigset64)1 << 21;                          // STOP TSTP TTIN TTOU
constexpr sigset64 SIGSET_UNMASKABLE = (sigset64)1 << 8 | (sigset64)1 << 18; // KILL STOP
constexpr sigset64 SIGSET_IGNORED = (sigset64)1 << 16 | (sigset64)1 << 17 | (sigset64)1 << 22 |
                                    (sigset64)1 << 27; // CHLD CONT URG WINCH
constexpr sigset64 SIGSET_FAULTS = (sigset64)1 << 3 | (sigset64)1 << 4 | (sigset64)1 << 6 |
                                   (sigset64)1 << 7 | (sigset64)1 << 10 | (sigset64)1 << 30;

// jobs.c
void jobs_init(void);
void jobs_session_ends(
    struct process *leader); // its terminal is let go; foreground group gets SIGHUP
void jobs_orphan_check_locked(struct process *leaving) REQUIRES(lc_proc_table);

// exec_args.c: argv and envp gathered in kernel pages, then laid out on the new stack
struct exec_args {
    struct page **pages;
    u32 page_capacity;
    size_t start, end;  // of the strings, as offsets into the pages
    size_t limit_bytes; // E2BIG beyond
    u32 argc, envc;
};
err_t exec_args_gather(struct exec_args *a, const struct exec_strings *s, size_t limit_bytes);
err_t exec_args_add(struct exec_args *a, const char *s, size_t bytes); // one string without its NUL
void exec_args_free(struct exec_args *a);
// For `#!`: drops argv[0] and puts interpreter, optional argument and script name in its place.
err_t exec_args_script(struct exec_args *a, const char *interpreter, const char *argument,
                       const char *script);
struct exec_stack { // what the stack needs to know about the program
    u64 top;
    u64 phdr_va, phdr_count, entry, interpreter_base;
    const char *name; // AT_EXECFN
    bool secure;
};
err_t exec_args_push(struct exec_args *a, struct vm_space *space, const struct exec_stack *s,
                     u64 *stack_pointer);

// exec_map.c
void space_set_exe(struct vm_space *s, struct file *f); // a fresh space; takes a reference
struct elf_image;
struct exec_image { // one ELF file, read and checked
    struct file *file;
    struct elf_image *elf;
    u8 *head;
};
err_t exec_image_read(struct file *f, struct exec_image *out);
void exec_image_free(struct exec_image *i);
err_t exec_image_map(struct vm_space *s, const struct exec_image *i, u64 bias, u64 *brk_start);
