// SPDX-License-Identifier: MIT
// Descriptor tables, and the root/current-directory context.
//
// Only threads that share a table change it, each under its lock; others (procfs) read under the
// lock. A table with one user needs no reference for the time of a call: nobody else can close the
// descriptor. fd_get uses that.
#include "proc_impl.h"
#include <stdatomic.h>

struct fd_table *fd_table_create(void) NO_LOCK_ANALYSIS { // WHY: nobody else knows the table yet
    struct fd_table *t;
    if (heap_new(&t) != ERR_OK) {
        return nullptr;
    }
    ref_init(&t->refs);
    mutex_init(&t->lock);
    t->capacity = 32;
    if (heap_new_array(&t->entries, t->capacity) != ERR_OK) {
        heap_free(&t);
    }
    return t;
}

err_t fd_table_clone(struct fd_table *from,
                     struct fd_table **out) NO_LOCK_ANALYSIS { // WHY: the copy is private
    struct fd_table *t;
    TRY(heap_new(&t));
    ref_init(&t->refs);
    mutex_init(&t->lock);
    fd_table_lock(from);
    err_t err = heap_new_array(&t->entries, from->capacity);
    if (err == ERR_OK) {
        t->capacity = from->capacity;
        t->lowest_free = from->lowest_free;
        for (u32 i = 0; i < from->capacity; i++) {
            t->entries[i] = from->entries[i];
            if (t->entries[i].file != nullptr) {
                file_get(t->entries[i].file);
            }
        }
    }
    fd_table_unlock(from);
    if (err != ERR_OK) {
        heap_free(&t);
        return err;
    }
    *out = t;
    return ERR_OK;
}

static void close_file(struct file *f, struct process *p) {
    // POSIX: closing any descriptor of a file drops the process's record locks on it.
    if (p != nullptr && f->vnode != nullptr && !list_empty(&f->vnode->record_locks)) {
        record_locks_drop(f->vnode, p);
    }
    file_put(f);
}

static void close_all(struct fd_table *t,
                      struct process *p) NO_LOCK_ANALYSIS { // WHY: the last user is alone
    for (u32 i = 0; i < t->capacity; i++) {
        if (t->entries[i].file != nullptr) {
            close_file(t->entries[i].file, p);
        }
    }
    heap_free(&t->entries);
    heap_free(&t);
}

void fd_table_put(struct fd_table *t) {
    if (t != nullptr && ref_put(&t->refs)) {
        close_all(t, thread_current()->process);
    }
}

static void put_by_worker(struct work *w) {
    struct fd_table *t = container_of(w, struct fd_table, put_work);
    struct process *p = t->last_owner;
    close_all(t, p);
    process_put(p);
}

// For those who look at p's table from outside, maybe with locks held that closing would take: if p
// has gone in the meantime, a worker closes its files.
static void put_after_look(struct fd_table *t, struct process *p) {
    if (!ref_put(&t->refs)) {
        return;
    }
    process_get(p);
    t->last_owner = p;
    t->put_work = (struct work){.node = LIST_INIT(t->put_work.node), .fn = put_by_worker};
    work_queue(&t->put_work);
}

err_t fd_get(int fd, struct fd_ref *out)
    NO_LOCK_ANALYSIS { // WHY: a table with one user is read without its lock
    struct fd_table *t = process_current()->fds;
    if (atomic_load_explicit(&t->refs.count, memory_order_relaxed) == 1) {
        if ((u32)fd >= t->capacity || t->entries[fd].file == nullptr) {
            return ERR_BADF;
        }
        *out = (struct fd_ref){t->entries[fd].file, false};
        return ERR_OK;
    }
    GUARD(fd_table, t);
    if ((u32)fd >= t->capacity || t->entries[fd].file == nullptr) {
        return ERR_BADF;
    }
    file_get(t->entries[fd].file);
    *out = (struct fd_ref){t->entries[fd].file, true};
    return ERR_OK;
}

err_t fd_get_io(int fd, struct fd_ref *out) {
    TRY(fd_get(fd, out));
    if (unlikely(out->file->flags & O_PATH)) {
        fd_put(out);
        return ERR_BADF;
    }
    return ERR_OK;
}

static err_t grow(struct fd_table *t, u32 wanted) REQUIRES(lc_fd_table) {
    if (wanted <= t->capacity) {
        return ERR_OK;
    }
    u32 capacity = t->capacity;
    while (capacity < wanted) {
        capacity *= 2;
    }
    struct fd_entry *entries;
    TRY(heap_new_array(&entries, capacity));
    memcpy(entries, t->entries, t->capacity * sizeof(*entries));
    heap_free(&t->entries);
    t->entries = entries;
    t->capacity = capacity;
    return ERR_OK;
}

err_t fd_install(struct file *file, int lowest, bool cloexec, int *fd) {
    struct process *p = process_current();
    struct fd_table *t = p->fds;
    u64 limit = process_rlimit(p, LINUX_RLIMIT_NOFILE);
    GUARD(fd_table, t);
    u32 n = MAX((u32)lowest, t->lowest_free);
    while (n < t->capacity && t->entries[n].file != nullptr) {
        n++;
    }
    if (n >= limit) {
        return ERR_MFILE;
    }
    TRY(grow(t, n + 1));
    t->entries[n] = (struct fd_entry){file, cloexec};
    if ((u32)lowest <= t->lowest_free) {
        t->lowest_free = n + 1;
    }
    *fd = (int)n;
    return ERR_OK;
}

err_t fd_install_at(struct file *file, int fd, bool cloexec) {
    struct process *p = process_current();
    struct fd_table *t = p->fds;
    if (fd < 0 || (u64)fd >= process_rlimit(p, LINUX_RLIMIT_NOFILE)) {
        return ERR_BADF;
    }
    fd_table_lock(t);
    err_t err = grow(t, (u32)fd + 1);
    struct file *old = nullptr;
    if (err == ERR_OK) {
        old = t->entries[fd].file;
        t->entries[fd] = (struct fd_entry){file, cloexec};
        if (t->lowest_free == (u32)fd) {
            t->lowest_free++;
        }
    }
    fd_table_unlock(t);
    if (old != nullptr) {
        close_file(old, p);
    }
    return err;
}

static struct file *take(struct fd_table *t, u32 fd) REQUIRES(lc_fd_table) {
    struct file *f = t->entries[fd].file;
    t->entries[fd] = (struct fd_entry){};
    t->lowest_free = MIN(t->lowest_free, fd);
    return f;
}

err_t fd_close(int fd) {
    struct process *p = process_current();
    struct fd_table *t = p->fds;
    fd_table_lock(t);
    struct file *f =
        (u32)fd < t->capacity && t->entries[fd].file != nullptr ? take(t, (u32)fd) : nullptr;
    fd_table_unlock(t);
    if (f == nullptr) {
        return ERR_BADF;
    }
    close_file(f, p);
    return ERR_OK;
}

static void close_some(struct fd_table *t, u32 first, u32 last, bool only_marked) {
    struct process *p = thread_current()->process;
    for (u64 fd = first; fd <= last; fd++) {
        fd_table_lock(t);
        bool end = fd >= t->capacity;
        struct file *f = nullptr;
        if (!end && t->entries[fd].file != nullptr && (!only_marked || t->entries[fd].cloexec)) {
            f = take(t, (u32)fd);
        }
        fd_table_unlock(t);
        if (end) {
            return;
        }
        if (f != nullptr) {
            close_file(f, p);
        }
    }
}

void fd_table_close_on_exec(struct fd_table *t) { close_some(t, 0, ~(u32)0, true); }

err_t fd_close_range(u32 first, u32 last, bool only_cloexec) {
    if (first > last) {
        return ERR_INVAL;
    }
    struct fd_table *t = process_current()->fds;
    if (!only_cloexec) {
        close_some(t, first, last, false);
        return ERR_OK;
    }
    GUARD(fd_table, t);
    for (u64 fd = first; fd <= last && fd < t->capacity; fd++) {
        t->entries[fd].cloexec = t->entries[fd].file != nullptr;
    }
    return ERR_OK;
}

err_t fd_flags(int fd, bool *cloexec, const bool *set) {
    struct fd_table *t = process_current()->fds;
    GUARD(fd_table, t);
    if ((u32)fd >= t->capacity || t->entries[fd].file == nullptr) {
        return ERR_BADF;
    }
    *cloexec = t->entries[fd].cloexec;
    if (set != nullptr) {
        t->entries[fd].cloexec = *set;
    }
    return ERR_OK;
}

static struct fd_table *table_of(struct process *p) {
    GUARD(signals, p);
    if (p->fds != nullptr) {
        ref_get(&p->fds->refs);
    }
    return p->fds;
}

struct file *fd_peek(struct process *p, int fd) {
    struct fd_table *t = table_of(p);
    if (t == nullptr) {
        return nullptr;
    }
    fd_table_lock(t);
    struct file *f = (u32)fd < t->capacity ? t->entries[fd].file : nullptr;
    if (f != nullptr) {
        file_get(f);
    }
    fd_table_unlock(t);
    put_after_look(t, p);
    return f;
}

int fd_next(struct process *p, int from, u32 *count) {
    struct fd_table *t = table_of(p);
    if (t == nullptr) {
        return -1;
    }
    int found = -1;
    fd_table_lock(t);
    if (count != nullptr) {
        *count = t->capacity;
    }
    for (u32 fd = (u32)MAX(from, 0); fd < t->capacity && found < 0; fd++) {
        if (t->entries[fd].file != nullptr) {
            found = (int)fd;
        }
    }
    fd_table_unlock(t);
    put_after_look(t, p);
    return found;
}

struct fs_context *fs_context_create(void) {
    struct fs_context *c;
    if (heap_new(&c) != ERR_OK) {
        return nullptr;
    }
    ref_init(&c->refs);
    mutex_init(&c->lock);
    c->root = vfs_root();
    c->cwd = vfs_root();
    c->umask = 022;
    return c;
}

err_t fs_context_clone(struct fs_context *from, struct fs_context **out) {
    struct fs_context *c;
    TRY(heap_new(&c));
    ref_init(&c->refs);
    mutex_init(&c->lock);
    GUARD(fs_context, from);
    c->root = from->root;
    c->cwd = from->cwd;
    c->umask = from->umask;
    path_get(&c->root);
    path_get(&c->cwd);
    *out = c;
    return ERR_OK;
}

void fs_context_put(struct fs_context *c) {
    if (c == nullptr || !ref_put(&c->refs)) {
        return;
    }
    path_put(&c->root);
    path_put(&c->cwd);
    heap_free(&c);
}

err_t process_paths(struct process *p, struct path *root, struct path *cwd) {
    signals_lock(p);
    struct fs_context *c = p->fs;
    if (c != nullptr) {
        ref_get(&c->refs);
    }
    signals_unlock(p);
    if (c == nullptr) {
        return ERR_SRCH;
    }
    fs_context_lock(c);
    if (root != nullptr) {
        *root = c->root;
        path_get(root);
    }
    if (cwd != nullptr) {
        *cwd = c->cwd;
        path_get(cwd);
    }
    fs_context_unlock(c);
    fs_context_put(c);
    return ERR_OK;
}
