// SPDX-License-Identifier: MIT
// Waiting for children: one scan of the children under the table lock finds the first that has
// something to report; a zombie is taken out of the table by the scan itself, so that two waiting
// threads never get the same one.
#include "proc_impl.h"

struct query {
    struct process *parent;
    enum wait_which which;
    u32 id, options;
    struct wait_result *out;
    struct process *buried; // taken out of the table
    bool found, any;
};

static bool matches(const struct query *q, const struct process *c) {
    if (!(q->options & WAIT_ALL) &&
        ((q->options & WAIT_CLONE) != 0) != (c->exit_signal != LINUX_SIGCHLD)) {
        return false;
    }
    switch (q->which) {
    case WAIT_PID:
        return c->pid == q->id;
    case WAIT_GROUP:
        return c->pgid == q->id;
    default:
        return true;
    }
}

static void fill(struct query *q, struct process *c, int code, int status) {
    struct wait_result *r = q->out;
    r->pid = c->pid;
    r->uid = c->cred->uid;
    r->code = code;
    r->status = status;
    process_times(c, &r->user_ns, &r->kernel_ns);
    r->user_ns += c->children_user_ns;
    r->kernel_ns += c->children_kernel_ns;
    r->max_rss_pages = MAX(c->max_rss_pages, c->children_max_rss_pages);
    r->faults = c->faults + c->children_faults;
    q->found = true;
}

static void reap(struct query *q, struct process *c) REQUIRES(lc_proc_table) {
    struct process *p = q->parent;
    p->children_user_ns += q->out->user_ns;
    p->children_kernel_ns += q->out->kernel_ns;
    p->children_max_rss_pages = MAX(p->children_max_rss_pages, q->out->max_rss_pages);
    p->children_faults += q->out->faults;
    process_table_remove_locked(c);
    q->buried = c;
}

static bool look_at(struct query *q, struct process *c) REQUIRES(lc_proc_table) {
    bool keep = (q->options & WAIT_NOWAIT) != 0;
    if (c->dead) {
        if (q->options & WAIT_EXITED) {
            fill(q, c, c->exit_status & 0x7f ? LINUX_CLD_KILLED : LINUX_CLD_EXITED, c->exit_status);
            if (!keep) {
                reap(q, c);
            }
        }
        return q->found;
    }
    signals_lock(c);
    bool stopped = q->options & WAIT_STOPPED && c->stopped && !c->stop_reported;
    bool continued = !stopped && q->options & WAIT_CONTINUED && c->continued;
    int stop_signal = c->stop_signal;
    if (!keep) {
        c->stop_reported |= stopped;
        c->continued = c->continued && !continued;
    }
    signals_unlock(c);
    if (stopped) {
        fill(q, c, LINUX_CLD_STOPPED, stop_signal << 8 | 0x7f);
    } else if (continued) {
        fill(q, c, LINUX_CLD_CONTINUED, 0xffff);
    }
    return q->found;
}

// True when waiting is over: something found, or nothing there to wait for.
static bool scan(struct query *q) {
    GUARD(proc_table, &proc_table);
    q->any = false;
    struct process *c, *tmp;
    list_for_each_safe(c, tmp, &q->parent->children, sibling_node) {
        if (!matches(q, c)) {
            continue;
        }
        q->any = true;
        if (look_at(q, c)) {
            return true;
        }
    }
    return !q->any;
}

err_t process_wait(enum wait_which which, u32 id, u32 options, struct wait_result *out) {
    struct query q = {
        .parent = process_current(), .which = which, .id = id, .options = options, .out = out};
    *out = (struct wait_result){};
    bool over = scan(&q);
    if (!over && !(options & WAIT_NOHANG)) {
        TRY(WAIT_UNTIL(&q.parent->child_wait, scan(&q), WAIT_INTERRUPTIBLE, DEADLINE_NEVER));
    }
    if (!q.found) {
        return q.any ? ERR_OK : ERR_CHILD;
    }
    if (q.buried != nullptr) {
        process_put(q.buried);
    }
    return ERR_OK;
}
