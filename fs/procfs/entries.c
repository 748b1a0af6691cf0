// SPDX-License-Identifier: MIT
// What is where: the tables of all directories.
#include "procfs_impl.h"

#define SHOW(n, m, fn)    {.name = n, .mode = PROC_FILE_MODE | (m), .show = fn}
#define GUARDED(n, m, fn) {.name = n, .mode = PROC_FILE_MODE | (m), .show = fn, .guarded = true}
#define FIXED(n, text)    {.name = n, .mode = PROC_FILE_MODE | 0444, .content = text}
#define DIR(n, m, d)      {.name = n, .mode = PROC_DIR_MODE | (m), .dir = d}
#define PLACE(n, fn)                                                                               \
    {.name = n,                                                                                    \
     .mode = PROC_LINK_MODE | 0777,                                                                \
     .guarded = true,                                                                              \
     .readlink = proc_place_readlink,                                                              \
     .follow = fn}
#define LINK(n, fn) {.name = n, .mode = PROC_LINK_MODE | 0777, .readlink = fn}
#define TABLE(t)    .entries = t, .count = countof(t)

// ---- the network, which has no more than its table heads yet
static const struct proc_entry net_table[] = {
    FIXED("arp",
          "IP address       HW type     Flags       HW address            Mask     Device\n"),
    FIXED("dev",
          "Inter-|   Receive                                                |  Transmit\n"
          " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs "
          "drop fifo colls carrier compressed\n"),
    FIXED("if_inet6", ""),
    FIXED("route", "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\t"
                   "IRTT                                                       \n"),
    FIXED("tcp",
          "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid "
          " timeout inode                                                     \n"),
    FIXED("udp", "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   "
                 "uid  timeout inode ref pointer drops             \n"),
    FIXED("unix", "Num       RefCount Protocol Flags    Type St Inode Path\n"),
};
static const struct proc_dir net_dir = {.id = 2, TABLE(net_table)};

// ---- /proc/sys
static const struct proc_entry random_table[] = {
    SHOW("boot_id", 0444, proc_boot_id_show),
    FIXED("entropy_avail", "256\n"),
    FIXED("poolsize", "256\n"),
    SHOW("uuid", 0444, proc_uuid_show),
};
static const struct proc_dir random_dir = {.id = 3, TABLE(random_table)};
static const struct proc_entry kernel_table[] = {
    FIXED("cap_last_cap", "40\n"),
    {.name = "domainname",
     .mode = PROC_FILE_MODE | 0644,
     .show = proc_domainname_show,
     .write = proc_domainname_write},
    {.name = "hostname",
     .mode = PROC_FILE_MODE | 0644,
     .show = proc_hostname_show,
     .write = proc_hostname_write},
    SHOW("ngroups_max", 0444, proc_ngroups_max_show),
    SHOW("osrelease", 0444, proc_osrelease_show),
    FIXED("ostype", "Linux\n"),
    SHOW("pid_max", 0444, proc_pid_max_show),
    DIR("random", 0555, &random_dir),
    FIXED("tainted", "0\n"),
    SHOW("version", 0444, proc_os_version_show),
};
static const struct proc_dir kernel_dir = {.id = 4, TABLE(kernel_table)};
static const struct proc_entry vm_table[] = {FIXED("overcommit_memory", "1\n")};
static const struct proc_dir vm_dir = {.id = 5, TABLE(vm_table)};
static const struct proc_entry fs_table[] = {FIXED("file-max", "9223372036854775807\n")};
static const struct proc_dir fs_dir = {.id = 6, TABLE(fs_table)};
static const struct proc_entry sys_table[] = {
    DIR("fs", 0555, &fs_dir), DIR("kernel", 0555, &kernel_dir), DIR("vm", 0555, &vm_dir)};
static const struct proc_dir sys_dir = {.id = 7, TABLE(sys_table)};

// ---- /proc/hornet
const struct proc_entry proc_module_entry = {
    .name = "", .mode = PROC_FILE_MODE | 0400, .ops = &proc_module_ops, .size = proc_module_size};
static const struct proc_dir modules_dir = {
    .id = 8, .lookup = proc_module_lookup, .next = proc_module_next};
static const struct proc_entry hornet_table[] = {SHOW("abi", 0444, proc_abi_show),
                                                 DIR("modules", 0555, &modules_dir)};
static const struct proc_dir hornet_dir = {.id = 9, TABLE(hornet_table)};

// ---- /proc/N and /proc/N/task/N
static err_t name_child(struct proc_child *c, const struct proc_entry *e, u64 number) {
    c->node.entry = e;
    c->node.number = (u32)number;
    text_format(c->name, sizeof c->name, "%lu", number);
    return ERR_OK;
}

static err_t fd_lookup(const struct proc_node *dir, const struct proc_entry *e, const char *name,
                       size_t len, struct proc_node *out) {
    u32 fd;
    TRY(proc_number(name, len, &fd));
    if (fd_next(dir->process, (int)fd, nullptr) != (int)fd) {
        return ERR_NOENT;
    }
    process_get(dir->process);
    *out = (struct proc_node){.entry = e, .process = dir->process, .tid = dir->tid, .number = fd};
    return ERR_OK;
}

static bool fd_child(const struct proc_node *dir, const struct proc_entry *e, u64 *number,
                     struct proc_child *out) {
    int fd = *number > INT32_MAX ? -1 : fd_next(dir->process, (int)*number, nullptr);
    if (fd < 0) {
        return false;
    }
    *number = (u64)fd;
    process_get(dir->process);
    out->node = (struct proc_node){.process = dir->process, .tid = dir->tid};
    return name_child(out, e, *number) == ERR_OK;
}

static err_t links_lookup(const struct proc_node *dir, const char *name, size_t len,
                          struct proc_node *out) {
    return fd_lookup(dir, &proc_fd_entry, name, len, out);
}
static bool links_next(const struct proc_node *dir, u64 *number, struct proc_child *out) {
    return fd_child(dir, &proc_fd_entry, number, out);
}
static err_t infos_lookup(const struct proc_node *dir, const char *name, size_t len,
                          struct proc_node *out) {
    return fd_lookup(dir, &proc_fdinfo_entry, name, len, out);
}
static bool infos_next(const struct proc_node *dir, u64 *number, struct proc_child *out) {
    return fd_child(dir, &proc_fdinfo_entry, number, out);
}
const struct proc_entry proc_fd_entry = PLACE("", proc_fd_follow);
const struct proc_entry proc_fdinfo_entry = GUARDED("", 0400, proc_fdinfo_show);
static const struct proc_dir fd_dir = {.id = 10, .lookup = links_lookup, .next = links_next};
static const struct proc_dir fdinfo_dir = {.id = 11, .lookup = infos_lookup, .next = infos_next};

static err_t task_lookup(const struct proc_node *dir, const char *name, size_t len,
                         struct proc_node *out) {
    u32 tid;
    TRY(proc_number(name, len, &tid));
    if (tid == 0 || thread_next(dir->process, tid) != tid) {
        return ERR_NOENT;
    }
    process_get(dir->process);
    *out = (struct proc_node){
        .entry = &proc_thread_entry, .process = dir->process, .tid = tid, .number = tid};
    return ERR_OK;
}

static bool task_next(const struct proc_node *dir, u64 *number, struct proc_child *out) {
    u32 tid = thread_next(dir->process, (u32)*number);
    if (tid == 0) {
        return false;
    }
    *number = tid;
    process_get(dir->process);
    out->node = (struct proc_node){.process = dir->process, .tid = tid};
    return name_child(out, &proc_thread_entry, tid) == ERR_OK;
}
static const struct proc_dir task_dir = {.id = 12, .lookup = task_lookup, .next = task_next};

static const struct proc_entry process_table[] = {
    FIXED("cgroup", "0::/\n"),
    SHOW("cmdline", 0444, proc_cmdline_show),
    {.name = "comm",
     .mode = PROC_FILE_MODE | 0644,
     .show = proc_comm_show,
     .write = proc_comm_write},
    PLACE("cwd", proc_cwd_follow),
    GUARDED("environ", 0400, proc_environ_show),
    PLACE("exe", proc_exe_follow),
    DIR("fd", 0500, &fd_dir),
    DIR("fdinfo", 0555, &fdinfo_dir),
    FIXED("gid_map", "         0          0 4294967295\n"),
    SHOW("limits", 0444, proc_limits_show),
    GUARDED("maps", 0444, proc_maps_show),
    SHOW("mountinfo", 0444, proc_mountinfo_show),
    SHOW("mounts", 0444, proc_process_mounts_show),
    DIR("net", 0555, &net_dir),
    FIXED("oom_score_adj", "0\n"),
    PLACE("root", proc_root_follow),
    SHOW("stat", 0444, proc_stat_show),
    SHOW("statm", 0444, proc_statm_show),
    SHOW("status", 0444, proc_status_show),
    {.name = "trace",
     .mode = PROC_FILE_MODE | 0600,
     .guarded = true,
     .show = proc_trace_show,
     .write = proc_trace_write},
    FIXED("uid_map", "         0          0 4294967295\n"),
    DIR("task", 0555, &task_dir), // last: a thread's directory ends before it
};
static const struct proc_dir process_dir = {.id = 13, TABLE(process_table)};
static const struct proc_dir thread_dir = {
    .id = 14, .entries = process_table, .count = countof(process_table) - 1};
const struct proc_entry proc_process_entry = DIR("", 0555, &process_dir);
const struct proc_entry proc_thread_entry = DIR("", 0555, &thread_dir);

// ---- the root. Numbers of threads are found too, but only processes are listed.
static err_t root_lookup(const struct proc_node *dir, const char *name, size_t len,
                         struct proc_node *out) {
    unused_arg(dir);
    u32 pid;
    TRY(proc_number(name, len, &pid));
    *out = (struct proc_node){.entry = &proc_process_entry, .number = pid};
    GUARD(proc_table, &proc_table);
    out->process = process_find_locked(pid);
    if (out->process == nullptr) {
        struct user_thread *t = thread_find_locked(pid);
        if (t == nullptr) {
            return ERR_NOENT;
        }
        out->process = t->process;
        out->tid = pid;
    }
    process_get(out->process);
    return ERR_OK;
}

static bool root_next(const struct proc_node *dir, u64 *number, struct proc_child *out) {
    unused_arg(dir);
    struct process *p = process_next((u32)MIN(*number, (u64)PROC_PID_MAX));
    if (p == nullptr) {
        return false;
    }
    *number = p->pid;
    out->node = (struct proc_node){.process = p};
    return name_child(out, &proc_process_entry, p->pid) == ERR_OK;
}

static const struct proc_entry root_table[] = {
    SHOW("cmdline", 0444, proc_command_line_show),
    SHOW("cpuinfo", 0444, proc_cpuinfo_show),
    SHOW("devices", 0444, proc_devices_show),
    SHOW("diskstats", 0444, proc_diskstats_show),
    SHOW("filesystems", 0444, proc_filesystems_show),
    DIR("hornet", 0555, &hornet_dir),
    SHOW("interrupts", 0444, proc_interrupts_show),
    {.name = "kmsg", .mode = PROC_FILE_MODE | 0400, .ops = &proc_kmsg_ops},
    SHOW("loadavg", 0444, proc_loadavg_show),
    SHOW("meminfo", 0444, proc_meminfo_show),
    FIXED("modules", ""),
    LINK("mounts", proc_mounts_readlink),
    DIR("net", 0555, &net_dir),
    SHOW("partitions", 0444, proc_partitions_show),
    LINK("self", proc_self_readlink),
    SHOW("stat", 0444, proc_system_stat_show),
    FIXED("swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"),
    DIR("sys", 0555, &sys_dir),
    LINK("thread-self", proc_thread_self_readlink),
    SHOW("uptime", 0444, proc_uptime_show),
    SHOW("version", 0444, proc_version_show),
};
static const struct proc_dir root_dir = {
    .id = 1, TABLE(root_table), .lookup = root_lookup, .next = root_next};
const struct proc_entry proc_root_entry = DIR("", 0555, &root_dir);
