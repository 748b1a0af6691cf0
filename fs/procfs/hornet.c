// SPDX-License-Identifier: MIT
// /proc/hornet: what only this system has. Modules are the files that the loader put into memory;
// they are read where they lie.
#include "procfs_impl.h"
#include <arch/x86_64/mmu.h>

static const struct boot_info *boot_info;

void procfs_set_modules(const struct boot_info *boot) { boot_info = boot; }

static u32 module_count(void) {
    return boot_info == nullptr ? 0 : MIN(boot_info->module_count, BOOT_MAX_MODULES);
}

// Names may be paths of the loader's world: the last part is ours.
static const char *module_name(u32 i) {
    const char *name = boot_info->modules[i].name, *base = name;
    for (const char *s = name; *s != 0; s++) {
        if ((*s == '/' || *s == '\\') && s[1] != 0) {
            base = s + 1;
        }
    }
    return base;
}

err_t proc_module_lookup(const struct proc_node *dir, const char *name, size_t len,
                         struct proc_node *out) {
    unused_arg(dir);
    for (u32 i = 0; i < module_count(); i++) {
        const char *s = module_name(i);
        if (strlen(s) == len && memcmp(s, name, len) == 0) {
            *out = (struct proc_node){.entry = &proc_module_entry, .number = i};
            return ERR_OK;
        }
    }
    return ERR_NOENT;
}

bool proc_module_next(const struct proc_node *dir, u64 *number, struct proc_child *out) {
    unused_arg(dir);
    if (*number >= module_count()) {
        return false;
    }
    out->node = (struct proc_node){.entry = &proc_module_entry, .number = (u32)*number};
    (void)text_copy(out->name, sizeof out->name, module_name((u32)*number));
    return true;
}

u64 proc_module_size(const struct proc_node *n) { return boot_info->modules[n->number].bytes; }

static const struct proc_node *node_of(const struct file *f) { return f->vnode->fs; }

static err_t module_read(struct file *f, struct vm_span span, u64 *pos, size_t *done) {
    const struct boot_module *m = &boot_info->modules[node_of(f)->number];
    if (*pos >= m->bytes) {
        return ERR_OK;
    }
    size_t bytes = MIN(span.bytes, m->bytes - *pos);
    TRY(proc_span_put(span, (const char *)pa_to_ptr((struct pa){m->start}) + *pos, bytes));
    *pos += bytes;
    *done = bytes;
    return ERR_OK;
}

static err_t module_seek(struct file *f, i64 offset, int whence, u64 *pos) {
    if (whence != 2) {
        return file_seek_plain(f, offset, whence, pos);
    }
    i64 to;
    if (__builtin_add_overflow((i64)proc_module_size(node_of(f)), offset, &to) || to < 0) {
        return ERR_INVAL;
    }
    *pos = (u64)to;
    return ERR_OK;
}

const struct file_ops proc_module_ops = {.read = module_read, .seek = module_seek};

err_t proc_abi_show(const struct proc_node *n, struct text *t) {
    unused_arg(n);
    if (proc_linux_layer != nullptr && proc_linux_layer->print_calls != nullptr) {
        proc_linux_layer->print_calls(t);
    }
    return ERR_OK;
}
