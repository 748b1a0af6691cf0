// SPDX-License-Identifier: MIT
// What the files of procfs share: tables of entries, and nodes that name one of them.
#pragma once
#include <fs/procfs/procfs.h>
#include <kernel/base/lock.h>
#include <kernel/sched/timer.h>
#include <lib/mem.h>
#include <lib/text.h>
#include <mm/heap/heap.h>
#include <proc/process.h>

constexpr u32 PROC_DIR_MODE = (u32)VNODE_DIR << 12, PROC_FILE_MODE = (u32)VNODE_REG << 12,
              PROC_LINK_MODE = (u32)VNODE_LNK << 12;
constexpr u64 NS_PER_TICK = NS_PER_SEC / 100; // USER_HZ

struct proc_entry;
struct proc_node { // vnode->fs
    const struct proc_entry *entry;
    struct process *process; // reference; null outside of a process's directory
    u32 tid;                 // a thread of it; 0: the process as a whole
    u32 number;              // descriptor, index of a module
    u64 ino;
};

struct proc_child { // one entry of a directory that is not in a table
    struct proc_node node;
    char name[48];
};
struct proc_dir {
    u32 id; // part of inode numbers; 1..255, unique
    u32 count;
    const struct proc_entry *entries;
    // Both may be null. The directory's vnode lock is held; the process reference of *out is the
    // caller's to put. lookup gets any name that is not in the table: ERR_NOENT. next finds the
    // child with the lowest number >= *number.
    err_t (*lookup)(const struct proc_node *dir, const char *name, size_t len,
                    struct proc_node *out);
    bool (*next)(const struct proc_node *dir, u64 *number, struct proc_child *out);
};
struct proc_entry {
    const char *name;
    u32 mode;            // type and permissions
    bool guarded;        // only for who may look into the process (process_is_ptraceable)
    const char *content; // fixed contents
    err_t (*show)(const struct proc_node *n, struct text *t);
    // text is NUL-terminated and has no newline at its end.
    err_t (*write)(const struct proc_node *n, const char *text, size_t bytes);
    err_t (*readlink)(const struct proc_node *n, char *buf, size_t capacity, size_t *len);
    err_t (*follow)(const struct proc_node *n, struct path *out);
    const struct proc_dir *dir;
    const struct file_ops *ops; // own operations instead of text
    u64 (*size)(const struct proc_node *n);
};

// procfs.c
bool proc_node_gone(const struct proc_node *n); // its process or thread is no more
err_t proc_node_may_look(const struct proc_node *n, const struct cred *c); // ERR_ACCES
err_t proc_number(const char *name, size_t len, u32 *out); // a plain decimal name: ERR_NOENT
const struct cred *proc_reader(void);                      // who is asking
err_t proc_link_text(const char *s, char *buf, size_t capacity, size_t *len);

// content.c
err_t proc_text_open(struct vnode *v, struct file *f);
err_t proc_span_put(struct vm_span span, const char *src, size_t bytes); // span.bytes >= bytes
extern const struct file_ops proc_kmsg_ops;

// entries.c
extern const struct proc_entry proc_root_entry, proc_process_entry, proc_thread_entry;
extern const struct proc_entry proc_fd_entry, proc_fdinfo_entry, proc_module_entry;

// links.c
err_t proc_self_readlink(const struct proc_node *n, char *buf, size_t capacity, size_t *len);
err_t proc_thread_self_readlink(const struct proc_node *n, char *buf, size_t capacity, size_t *len);
err_t proc_mounts_readlink(const struct proc_node *n, char *buf, size_t capacity, size_t *len);
err_t proc_place_readlink(const struct proc_node *n, char *buf, size_t capacity, size_t *len);
err_t proc_exe_follow(const struct proc_node *n, struct path *out);
err_t proc_cwd_follow(const struct proc_node *n, struct path *out);
err_t proc_root_follow(const struct proc_node *n, struct path *out);
err_t proc_fd_follow(const struct proc_node *n, struct path *out);
err_t proc_fdinfo_show(const struct proc_node *n, struct text *t);
u32 proc_fd_mode(const struct proc_node *n);
err_t proc_path_text(const struct path *p, char **out); // heap, as the reader sees it

// process.c
struct process_view { // a consistent copy of what a process or thread shows
    char state;
    u32 pid, tid, ppid, pgid, sid;
    char comm[16];
    u64 tty_number;
    u32 tty_foreground;
    u64 user_ns, kernel_ns, children_user_ns, children_kernel_ns;
    int nice;
    u32 threads, cpu;
    u64 start_ns;
    sigset64 pending, shared_pending, blocked, ignored, caught;
    u32 queued;
    u64 cpu_allowed, rss_limit, pending_limit;
    u64 max_rss_pages;
    int exit_status, exit_signal;
    u32 no_new_privs, umask, fd_size;
};
err_t process_view(const struct proc_node *n, struct process_view *out); // ERR_SRCH
struct vm_space *process_space(struct process *p);                       // reference, or null
err_t proc_stat_show(const struct proc_node *n, struct text *t);
err_t proc_statm_show(const struct proc_node *n, struct text *t);
err_t proc_cmdline_show(const struct proc_node *n, struct text *t);
err_t proc_environ_show(const struct proc_node *n, struct text *t);
err_t proc_comm_show(const struct proc_node *n, struct text *t);
err_t proc_comm_write(const struct proc_node *n, const char *text, size_t bytes);
err_t proc_limits_show(const struct proc_node *n, struct text *t);
err_t proc_trace_show(const struct proc_node *n, struct text *t);
err_t proc_trace_write(const struct proc_node *n, const char *text, size_t bytes);

// status.c
err_t proc_status_show(const struct proc_node *n, struct text *t);

// maps.c
struct space_view { // sizes in pages
    u64 mapped, resident, data, stack, code, library;
    u64 code_start, code_end, data_start, data_end;
    u64 brk_start, arg_start, arg_end, env_start, env_end;
};
void space_view(struct vm_space *s, struct space_view *out);
err_t proc_maps_show(const struct proc_node *n, struct text *t);

// mounts.c
err_t proc_process_mounts_show(const struct proc_node *n, struct text *t);
err_t proc_mountinfo_show(const struct proc_node *n, struct text *t);
err_t proc_filesystems_show(const struct proc_node *n, struct text *t);

// system.c
err_t proc_meminfo_show(const struct proc_node *n, struct text *t);
err_t proc_system_stat_show(const struct proc_node *n, struct text *t);
err_t proc_uptime_show(const struct proc_node *n, struct text *t);
err_t proc_loadavg_show(const struct proc_node *n, struct text *t);
err_t proc_version_show(const struct proc_node *n, struct text *t);
err_t proc_command_line_show(const struct proc_node *n, struct text *t);
err_t proc_hostname_show(const struct proc_node *n, struct text *t);
err_t proc_hostname_write(const struct proc_node *n, const char *text, size_t bytes);
err_t proc_domainname_show(const struct proc_node *n, struct text *t);
err_t proc_domainname_write(const struct proc_node *n, const char *text, size_t bytes);
err_t proc_osrelease_show(const struct proc_node *n, struct text *t);
err_t proc_os_version_show(const struct proc_node *n, struct text *t);
err_t proc_pid_max_show(const struct proc_node *n, struct text *t);
err_t proc_ngroups_max_show(const struct proc_node *n, struct text *t);
err_t proc_boot_id_show(const struct proc_node *n, struct text *t);
err_t proc_uuid_show(const struct proc_node *n, struct text *t);
void proc_system_init(void);

// cpuinfo.c
err_t proc_cpuinfo_show(const struct proc_node *n, struct text *t);

// devices.c
err_t proc_partitions_show(const struct proc_node *n, struct text *t);
err_t proc_diskstats_show(const struct proc_node *n, struct text *t);
err_t proc_devices_show(const struct proc_node *n, struct text *t);
err_t proc_interrupts_show(const struct proc_node *n, struct text *t);

// hornet.c
extern const struct file_ops proc_module_ops;
u64 proc_module_size(const struct proc_node *n);
err_t proc_abi_show(const struct proc_node *n, struct text *t);
err_t proc_module_lookup(const struct proc_node *dir, const char *name, size_t len,
                         struct proc_node *out);
bool proc_module_next(const struct proc_node *dir, u64 *number, struct proc_child *out);
