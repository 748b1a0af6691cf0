// SPDX-License-Identifier: MIT
// Address spaces. Mappings are copied under the space's lock; names of files are looked up after,
// since that takes locks which come before it.
#include "procfs_impl.h"

constexpr u32 MAPS_FIRST = 64;
constexpr u32 NAME_COLUMN = 73;

struct map_line {
    u64 start, end, offset;
    u32 prot, flags;
    struct file *file; // reference, or null
    bool shared_memory;
    const char *label;
};
struct map_list {
    struct map_line *lines;
    u32 count, capacity;
    err_t err;
    struct vm_space *space;
};

static bool grow(struct map_list *l) {
    u32 capacity = l->capacity == 0 ? MAPS_FIRST : l->capacity * 2;
    struct map_line *lines;
    l->err = heap_new_array(&lines, capacity);
    if (l->err != ERR_OK) {
        return false;
    }
    if (l->count != 0) {
        memcpy(lines, l->lines, l->count * sizeof(*lines));
    }
    heap_free(&l->lines);
    l->lines = lines;
    l->capacity = capacity;
    return true;
}

static const char *label_of(const struct vm_space *s, const struct vm_mapping *m) {
    if (m->file != nullptr) {
        return nullptr;
    }
    if (m->start <= s->brk_end && m->end >= s->brk_start && s->brk_end > s->brk_start) {
        return "[heap]";
    }
    return s->arg_start >= m->start && s->arg_start < m->end ? "[stack]" : nullptr;
}

static bool copy_mapping(const struct vm_mapping *m, void *arg) {
    struct map_list *l = arg;
    if (l->count == l->capacity && !grow(l)) {
        return false;
    }
    struct map_line *line = &l->lines[l->count++];
    *line = (struct map_line){.start = m->start,
                              .end = m->end,
                              .prot = m->prot,
                              .flags = m->flags,
                              .file = m->file,
                              .label = label_of(l->space, m)};
    if (line->file != nullptr) {
        file_get(line->file);
        line->offset = m->object_page * PAGE_SIZE;
    } else if ((m->flags & VM_SHARED) != 0) {
        line->shared_memory = true;
        line->offset = m->object_page * PAGE_SIZE;
    }
    return true;
}

static void show_name(struct text *t, size_t line_start, const char *name) {
    while (t->len - line_start < NAME_COLUMN && !t->cut) {
        text_put(t, ' ');
    }
    text_add(t, name);
}

static void show_file_name(struct text *t, size_t line_start, struct file *f) {
    char *name;
    if (proc_path_text(&f->path, &name) == ERR_OK) {
        show_name(t, line_start, name);
        heap_free(&name);
    }
}

static void show_line(const struct map_line *l, struct text *t) {
    size_t line_start = t->len;
    struct vattr a = {};
    if (l->file != nullptr && l->file->vnode != nullptr) {
        (void)vfs_getattr(&l->file->path, &a);
    }
    u32 major = (u32)(a.dev >> 8 & 0xfff), minor = (u32)((a.dev & 0xff) | (a.dev >> 12 & 0xfff00));
    text_printf(t, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu ", l->start, l->end,
                (l->prot & VM_READ) != 0 ? 'r' : '-', (l->prot & VM_WRITE) != 0 ? 'w' : '-',
                (l->prot & VM_EXEC) != 0 ? 'x' : '-', (l->flags & VM_SHARED) != 0 ? 's' : 'p',
                l->offset, major, minor, a.ino);
    if (l->file != nullptr) {
        show_file_name(t, line_start, l->file);
    } else if (l->shared_memory) {
        show_name(t, line_start, "/dev/zero (deleted)");
    } else if (l->label != nullptr) {
        show_name(t, line_start, l->label);
    }
    text_put(t, '\n');
}

err_t proc_maps_show(const struct proc_node *n, struct text *t) {
    struct vm_space *s = process_space(n->process);
    if (s == nullptr) {
        return ERR_OK;
    }
    struct map_list l = {.space = s};
    vm_each(s, copy_mapping, &l);
    for (u32 i = 0; i < l.count; i++) {
        if (l.err == ERR_OK && !t->cut) {
            show_line(&l.lines[i], t);
        }
        if (l.lines[i].file != nullptr) {
            file_put(l.lines[i].file);
        }
    }
    heap_free(&l.lines);
    vm_space_put(s);
    return l.err;
}

// ---- sums for stat, statm, status

struct summing {
    struct vm_space *space;
    struct space_view *view;
};

static bool sum_mapping(const struct vm_mapping *m, void *arg) {
    struct summing *sum = arg;
    struct space_view *v = sum->view;
    const struct vm_space *s = sum->space;
    u64 pages = (m->end - m->start) / PAGE_SIZE;
    v->mapped += pages;
    bool program = m->file != nullptr && m->file == s->exe;
    struct file *exe = s->exe, *f = m->file;
    if (!program && f != nullptr && exe != nullptr) {
        program = f->vnode == exe->vnode;
    }
    if (s->arg_start >= m->start && s->arg_start < m->end) {
        v->stack += pages;
    } else if ((m->flags & VM_SHARED) == 0 && (m->prot & VM_WRITE) != 0) {
        v->data += pages;
        if (program) {
            v->data_start = v->data_start == 0 ? m->start : v->data_start;
            v->data_end = m->end;
        }
    } else if ((m->prot & VM_EXEC) != 0 && f != nullptr) {
        *(program ? &v->code : &v->library) += pages;
        if (program) {
            v->code_start = v->code_start == 0 ? m->start : v->code_start;
            v->code_end = m->end;
        }
    }
    return true;
}

void space_view(struct vm_space *s, struct space_view *out) {
    *out = (struct space_view){.resident = s->resident_pages,
                               .brk_start = s->brk_start,
                               .arg_start = s->arg_start,
                               .arg_end = s->arg_end,
                               .env_start = s->env_start,
                               .env_end = s->env_end};
    struct summing sum = {s, out};
    vm_each(s, sum_mapping, &sum);
}
