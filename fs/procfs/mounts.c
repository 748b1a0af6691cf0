// SPDX-License-Identifier: MIT
// The mount table as one process sees it: what lies above its root directory is left out, and the
// paths begin there.
#include "procfs_impl.h"

struct mount_lines {
    struct text *t;
    const char *root; // path of the process's root directory, "" for the real one
    bool info;        // mountinfo
};

// Blanks and backslashes in names would break the fields.
static void add_escaped(struct text *t, const char *s) {
    for (; *s != 0; s++) {
        if (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\\') {
            text_printf(t, "\\%03o", (u32)(u8)*s);
        } else {
            text_put(t, *s);
        }
    }
}

static void add_flags(struct text *t, u32 flags) {
    text_add(t, (flags & MOUNT_RDONLY) != 0 ? "ro" : "rw");
    text_add(t, (flags & MOUNT_NOSUID) != 0 ? ",nosuid" : "");
    text_add(t, (flags & MOUNT_NODEV) != 0 ? ",nodev" : "");
    text_add(t, (flags & MOUNT_NOEXEC) != 0 ? ",noexec" : "");
}

static const char *point_below(const struct mount *m, const char *root) {
    size_t len = strlen(root);
    if (!text_equal_n(m->point, root, len)) {
        return nullptr;
    }
    const char *rest = m->point + len;
    if (*rest == 0) {
        return "/";
    }
    return *rest == '/' ? rest : nullptr;
}

static void add_options(struct text *t, const struct mount *m) {
    if (m->options[0] != 0) {
        text_put(t, ',');
        add_escaped(t, m->options);
    }
}

static bool add_mount(const struct mount *m, void *arg) {
    struct mount_lines *l = arg;
    const char *point = point_below(m, l->root);
    if (point == nullptr) {
        return true;
    }
    struct text *t = l->t;
    if (l->info) {
        text_printf(t, "%u %u %u:%u / ", m->id, m->parent == nullptr ? 0 : m->parent->id,
                    (u32)(m->dev >> 8 & 0xfff), (u32)((m->dev & 0xff) | (m->dev >> 12 & 0xfff00)));
        add_escaped(t, point);
        text_put(t, ' ');
        add_flags(t, m->flags);
        text_printf(t, " - %s ", m->fs_name);
        add_escaped(t, m->source);
        text_add(t, (m->flags & MOUNT_RDONLY) != 0 ? " ro" : " rw");
        add_options(t, m);
        text_put(t, '\n');
        return true;
    }
    add_escaped(t, m->source);
    text_put(t, ' ');
    add_escaped(t, point);
    text_printf(t, " %s ", m->fs_name);
    add_flags(t, m->flags);
    add_options(t, m);
    text_add(t, " 0 0\n");
    return true;
}

static err_t show_mounts(const struct proc_node *n, struct text *t, bool info) {
    struct path root;
    TRY(process_paths(n->process, &root, nullptr));
    char *text;
    size_t len = 0;
    err_t err = heap_alloc(VFS_PATH_MAX, (void **)&text);
    if (err == ERR_OK) {
        err = vfs_path_text(&root, nullptr, true, text, VFS_PATH_MAX, &len);
        if (len == 1) {
            text[0] = 0; // "/"
        }
        struct mount_lines l = {.t = t, .root = text, .info = info};
        if (err == ERR_OK) {
            vfs_each_mount(add_mount, &l);
        }
        heap_free(&text);
    }
    path_put(&root);
    return err;
}

err_t proc_process_mounts_show(const struct proc_node *n, struct text *t) {
    return show_mounts(n, t, false);
}
err_t proc_mountinfo_show(const struct proc_node *n, struct text *t) {
    return show_mounts(n, t, true);
}

static bool add_type(const struct fs_type *f, void *arg) {
    text_printf(arg, "%s\t%s\n", f->on_disk ? "" : "nodev", f->name);
    return true;
}

err_t proc_filesystems_show(const struct proc_node *n, struct text *t) {
    unused_arg(n);
    vfs_each_fs_type(add_type, t);
    return ERR_OK;
}
