// SPDX-License-Identifier: MIT
// The system as a whole: memory, time, load, names.
#include "procfs_impl.h"
#include <arch/x86_64/cpu.h>
#include <io/dev/irq.h>
#include <kernel/base/cmdline.h>
#include <kernel/base/entropy.h>
#include <kernel/object/object.h>
#include <mm/phys/page.h>
#include <proc/uts.h>

static void add_kib(struct text *t, const char *name, u64 bytes) {
    size_t len = strlen(name);
    text_printf(t, "%s:%*lu kB\n", name, (int)(len < 15 ? 23 - len : 8), bytes / 1024);
}

err_t proc_meminfo_show(const struct proc_node *n, struct text *t) {
    unused_arg(n);
    struct phys_stats p;
    struct heap_stats h;
    phys_stats(&p);
    heap_stats(&h);
    u64 cached = vm_cached_pages();
    const struct {
        const char *name;
        u64 bytes;
    } lines[] = {{"MemTotal", p.total_pages * PAGE_SIZE},
                 {"MemFree", p.free_pages * PAGE_SIZE},
                 {"MemAvailable", MIN(p.free_pages + cached, p.total_pages) * PAGE_SIZE},
                 {"Buffers", 0},
                 {"Cached", cached * PAGE_SIZE},
                 {"SwapCached", 0},
                 {"SwapTotal", 0},
                 {"SwapFree", 0},
                 {"Shmem", 0},
                 {"Slab", h.slab_pages * PAGE_SIZE},
                 {"SReclaimable", 0},
                 {"SUnreclaim", h.slab_pages * PAGE_SIZE}};
    for (size_t i = 0; i < countof(lines); i++) {
        add_kib(t, lines[i].name, lines[i].bytes);
    }
    return ERR_OK;
}

// ---- CPU time

static void add_cpu(struct text *t, u32 cpu) {
    struct sched_stats s;
    sched_stats(cpu, &s);
    text_printf(t, " %lu 0 %lu %lu 0 0 0 0 0 0\n", s.user_ns / NS_PER_TICK,
                s.kernel_ns / NS_PER_TICK, s.idle_ns / NS_PER_TICK);
}

err_t proc_system_stat_show(const struct proc_node *n, struct text *t) {
    unused_arg(n);
    text_add(t, "cpu ");
    add_cpu(t, CPU_MAX);
    for (u32 i = 0; i < cpu_count; i++) {
        text_printf(t, "cpu%u", i);
        add_cpu(t, i);
    }
    text_printf(t, "intr %lu", irq_total());
    for (u32 v = IRQ_VECTOR_FIRST; v <= IRQ_VECTOR_LAST; v++) {
        text_printf(t, " %lu", irq_count(v));
    }
    struct sched_stats s;
    sched_stats(CPU_MAX, &s);
    u64 booted_s = (time_wall_ns() - time_now_ns()) / NS_PER_SEC;
    text_printf(t, "\nctxt %lu\nbtime %lu\nprocesses %lu\n", s.switches, booted_s,
                (u64)proc_table.forks);
    text_printf(t, "procs_running %u\nprocs_blocked 0\n", s.running);
    return ERR_OK;
}

static void add_hundredths(struct text *t, u64 ns) {
    text_printf(t, "%lu.%02lu", ns / NS_PER_SEC, ns % NS_PER_SEC / (NS_PER_SEC / 100));
}

err_t proc_uptime_show(const struct proc_node *n, struct text *t) {
    unused_arg(n);
    struct sched_stats s;
    sched_stats(CPU_MAX, &s);
    add_hundredths(t, time_now_ns());
    text_put(t, ' ');
    add_hundredths(t, s.idle_ns);
    text_put(t, '\n');
    return ERR_OK;
}

err_t proc_loadavg_show(const struct proc_node *n, struct text *t) {
    unused_arg(n);
    struct sched_stats s;
    sched_stats(CPU_MAX, &s);
    const u32 loads[] = {s.load_1, s.load_5, s.load_15};
    for (size_t i = 0; i < countof(loads); i++) {
        u32 l = loads[i] + (1 << SCHED_LOAD_SHIFT) / 200; // rounds
        text_printf(t, "%u.%02u ", l >> SCHED_LOAD_SHIFT,
                    (l & ((1 << SCHED_LOAD_SHIFT) - 1)) * 100 >> SCHED_LOAD_SHIFT);
    }
    u32 threads, last;
    proc_table_lock(&proc_table);
    threads = proc_table.thread_count;
    last = proc_table.last_pid;
    proc_table_unlock(&proc_table);
    text_printf(t, "%u/%u %u\n", MIN(s.running, threads), threads, last);
    return ERR_OK;
}

// ---- names

err_t proc_version_show(const struct proc_node *n, struct text *t) {
    unused_arg(n);
    text_printf(t, "%s version %s (hornet) (%s) %s\n", uts_sysname, uts_release, __VERSION__,
                uts_version);
    return ERR_OK;
}

err_t proc_command_line_show(const struct proc_node *n, struct text *t) {
    unused_arg(n);
    text_printf(t, "%s\n", cmdline());
    return ERR_OK;
}

static err_t show_name(struct text *t, enum uts_name which) {
    char name[UTS_BYTES];
    uts_get(which, name);
    text_printf(t, "%s\n", name);
    return ERR_OK;
}

err_t proc_hostname_show(const struct proc_node *n, struct text *t) {
    unused_arg(n);
    return show_name(t, UTS_HOST);
}
err_t proc_hostname_write(const struct proc_node *n, const char *text, size_t bytes) {
    unused_arg(n);
    return uts_set(UTS_HOST, text, bytes);
}
err_t proc_domainname_show(const struct proc_node *n, struct text *t) {
    unused_arg(n);
    return show_name(t, UTS_DOMAIN);
}
err_t proc_domainname_write(const struct proc_node *n, const char *text, size_t bytes) {
    unused_arg(n);
    return uts_set(UTS_DOMAIN, text, bytes);
}
err_t proc_osrelease_show(const struct proc_node *n, struct text *t) {
    unused_arg(n);
    text_printf(t, "%s\n", uts_release);
    return ERR_OK;
}
err_t proc_os_version_show(const struct proc_node *n, struct text *t) {
    unused_arg(n);
    text_printf(t, "%s\n", uts_version);
    return ERR_OK;
}
err_t proc_pid_max_show(const struct proc_node *n, struct text *t) {
    unused_arg(n);
    text_printf(t, "%u\n", PROC_PID_MAX);
    return ERR_OK;
}
err_t proc_ngroups_max_show(const struct proc_node *n, struct text *t) {
    unused_arg(n);
    text_printf(t, "%u\n", CRED_GROUPS_MAX);
    return ERR_OK;
}

// ---- random identifiers (RFC 4122 version 4)

static u8 boot_id[16];

static void uuid_make(u8 id[16]) {
    entropy_get(id, 16);
    id[6] = (u8)((id[6] & 0x0f) | 0x40);
    id[8] = (u8)((id[8] & 0x3f) | 0x80);
}

static void uuid_add(struct text *t, const u8 id[16]) {
    for (u32 i = 0; i < 16; i++) {
        text_printf(t, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", (u32)id[i]);
    }
    text_put(t, '\n');
}

err_t proc_boot_id_show(const struct proc_node *n, struct text *t) {
    unused_arg(n);
    uuid_add(t, boot_id);
    return ERR_OK;
}

err_t proc_uuid_show(const struct proc_node *n, struct text *t) {
    unused_arg(n);
    u8 id[16];
    uuid_make(id);
    uuid_add(t, id);
    return ERR_OK;
}

void proc_system_init(void) { uuid_make(boot_id); }
