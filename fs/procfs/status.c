// SPDX-License-Identifier: MIT
// /proc/N/status.
#include "procfs_impl.h"
#include <arch/x86_64/cpu.h>

static const char *state_text(char state) {
    switch (state) {
    case 'R':
        return "R (running)";
    case 'S':
        return "S (sleeping)";
    case 'D':
        return "D (disk sleep)";
    case 'T':
        return "T (stopped)";
    case 'Z':
        return "Z (zombie)";
    default:
        return "X (dead)";
    }
}

static void show_memory(struct process *p, const struct process_view *v, struct text *t) {
    struct vm_space *space = process_space(p);
    if (space == nullptr) {
        return;
    }
    struct space_view s;
    space_view(space, &s);
    vm_space_put(space);
    u64 peak = MAX(v->max_rss_pages, s.resident);
    const struct {
        const char *name;
        u64 pages;
    } lines[] = {{"VmPeak", s.mapped}, {"VmSize", s.mapped}, {"VmLck", 0},
                 {"VmPin", 0},         {"VmHWM", peak},      {"VmRSS", s.resident},
                 {"VmData", s.data},   {"VmStk", s.stack},   {"VmExe", s.code},
                 {"VmLib", s.library}, {"VmSwap", 0}};
    for (size_t i = 0; i < countof(lines); i++) {
        text_printf(t, "%s:\t%8lu kB\n", lines[i].name, lines[i].pages * (PAGE_SIZE / 1024));
    }
}

static void show_ids(const struct cred *c, struct text *t) {
    text_printf(t, "Uid:\t%u\t%u\t%u\t%u\n", c->uid, c->euid, c->suid, c->fsuid);
    text_printf(t, "Gid:\t%u\t%u\t%u\t%u\n", c->gid, c->egid, c->sgid, c->fsgid);
}

static void show_signals(const struct process_view *v, struct text *t) {
    text_printf(t, "SigQ:\t%u/%lu\n", v->queued, v->pending_limit);
    text_printf(t, "SigPnd:\t%016lx\nShdPnd:\t%016lx\n", v->pending, v->shared_pending);
    text_printf(t, "SigBlk:\t%016lx\nSigIgn:\t%016lx\nSigCgt:\t%016lx\n", v->blocked, v->ignored,
                v->caught);
}

// Root has every right there is (capabilities 0..40), others have none.
static void show_rights(const struct cred *c, u32 no_new_privs, struct text *t) {
    constexpr u64 ALL = ((u64)1 << 41) - 1;
    u64 now = cred_is_root(c) ? ALL : 0;
    text_printf(t, "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\n", (u64)0, now, now);
    text_printf(t, "CapBnd:\t%016lx\nCapAmb:\t%016lx\n", ALL, (u64)0);
    text_printf(t, "NoNewPrivs:\t%u\nSeccomp:\t0\nSeccomp_filters:\t0\n", no_new_privs);
}

static void show_cpus(u64 allowed, struct text *t) {
    u64 online = cpu_count >= 64 ? ~(u64)0 : ((u64)1 << cpu_count) - 1;
    allowed &= online;
    text_printf(t, "Cpus_allowed:\t%lx\nCpus_allowed_list:\t", allowed);
    const char *comma = "";
    for (u32 i = 0; i < 64; i++) {
        if (!(allowed >> i & 1)) {
            continue;
        }
        u32 last = i;
        while (last + 1 < 64 && (allowed >> (last + 1) & 1)) {
            last++;
        }
        text_printf(t, "%s%u", comma, i);
        if (last != i) {
            text_printf(t, "-%u", last);
        }
        comma = ",";
        i = last;
    }
    text_add(t, "\n");
}

err_t proc_status_show(const struct proc_node *n, struct text *t) {
    struct process_view v;
    TRY(process_view(n, &v));
    const struct cred *c = process_cred_get(n->process);
    text_printf(t, "Name:\t%s\nUmask:\t%04o\nState:\t%s\n", v.comm, v.umask, state_text(v.state));
    text_printf(t, "Tgid:\t%u\nNgid:\t0\nPid:\t%u\nPPid:\t%u\nTracerPid:\t0\n", v.pid, v.tid,
                v.ppid);
    show_ids(c, t);
    text_printf(t, "FDSize:\t%u\nGroups:\t", v.fd_size);
    for (u32 i = 0; i < c->group_count; i++) {
        text_printf(t, "%u ", c->groups[i]);
    }
    text_printf(t, "\nNStgid:\t%u\nNSpid:\t%u\nNSpgid:\t%u\nNSsid:\t%u\n", v.pid, v.tid, v.pgid,
                v.sid);
    show_memory(n->process, &v, t);
    text_printf(t, "Threads:\t%u\n", v.threads);
    show_signals(&v, t);
    show_rights(c, v.no_new_privs, t);
    show_cpus(v.cpu_allowed, t);
    cred_put(c);
    return ERR_OK;
}
