// SPDX-License-Identifier: MIT
// /dev: character and block devices by name. Built in: null zero full random urandom kmsg, block
// devices, stdin/stdout/stderr/fd links.
#pragma once
#include <vfs/file.h>

struct char_device {
    char name[24]; // may hold one '/': "pts/0"
    u32 number;    // dev_t: makedev(major, minor) in Linux's encoding
    u32 mode;      // permissions
    err_t (*open)(struct char_device *d,
                  struct file *f); // sets f->ops, f->data; may be null when ops is set
    const struct file_ops *ops;
    void *driver;
    struct char_device *next;
};
void devfs_init(void); // registers the file system and the built-in devices
void char_device_register(struct char_device *d);
err_t char_device_open(u64 rdev, struct vnode *v,
                       struct file *f); // device nodes on any file system; ERR_NXIO
err_t block_device_open(u64 rdev, struct vnode *v, struct file *f);
static inline u64 dev_make(u32 major, u32 minor) {
    return ((u64)(major & 0xfffff000) << 32) | ((u64)(minor & 0xffffff00) << 12) |
           ((major & 0xfff) << 8) | (minor & 0xff);
}
