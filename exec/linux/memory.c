// SPDX-License-Identifier: MIT
// Memory calls: arguments checked here, mappings made by mm/vm.
#include "linux_impl.h"

enum map_flags : u32 {
    MAP_TYPE = 0x0f,
    MAP_SHARED = 1,
    MAP_PRIVATE = 2,
    MAP_SHARED_VALIDATE = 3,
    MAP_FIXED = 0x10,
    MAP_ANONYMOUS = 0x20,
    MAP_GROWSDOWN = 0x100,
    MAP_POPULATE = 0x8000,
    MAP_STACK = 0x20000,
    MAP_HUGETLB = 0x40000,
    MAP_FIXED_NOREPLACE = 0x100000,
};
constexpr u64 LOWEST_FIXED = 65536; // vm.mmap_min_addr

static err_t file_rights(const struct file *f, struct vm_map_args *m) {
    u32 access = f->flags & O_ACCMODE;
    if (access == O_WRONLY || (m->flags & VM_SHARED && m->prot & VM_WRITE && access != O_RDWR)) {
        return ERR_ACCES;
    }
    if (m->flags & VM_SHARED && access != O_RDWR) {
        m->max_prot &= ~(u32)VM_WRITE;
    }
    if (f->vnode != nullptr && f->vnode->mount != nullptr &&
        f->vnode->mount->flags & MOUNT_NOEXEC) {
        if (m->prot & VM_EXEC) {
            return ERR_PERM;
        }
        m->max_prot &= ~(u32)VM_EXEC;
    }
    return f->ops == nullptr || f->ops->map == nullptr ? ERR_NODEV : ERR_OK;
}

static i64 map_file(int fd, u64 offset, struct vm_map_args *m) {
    struct fd_ref r;
    u64 at = 0;
    PASS(fd_get_io(fd, &r));
    err_t err = file_rights(r.file, m);
    if (err == ERR_OK) {
        err = r.file->ops->map(r.file, offset, m->bytes, &m->object);
    }
    if (err == ERR_OK) {
        m->object_offset = offset;
        m->file = r.file;
        err = vm_map(process_current()->space, m, &at);
        if (m->object != nullptr) {
            vm_object_put(m->object);
        }
    }
    fd_put(&r);
    return err == ERR_OK ? (i64)at : (i64)err;
}

static err_t map_flags_check(u64 addr, u64 bytes, u32 flags) {
    u32 type = flags & MAP_TYPE;
    if (type != MAP_SHARED && type != MAP_PRIVATE && type != MAP_SHARED_VALIDATE) {
        return ERR_INVAL;
    }
    if (flags & MAP_HUGETLB) {
        return ERR_NOMEM;
    }
    if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
        if (addr & PAGE_MASK) {
            return ERR_INVAL;
        }
        if (addr >= USER_VA_END || bytes > USER_VA_END - addr) {
            return ERR_NOMEM;
        }
        if (addr < LOWEST_FIXED && !cred_is_root(cred_now())) {
            return ERR_PERM;
        }
    }
    return ERR_OK;
}

i64 linux_mmap(struct trap_frame *f) {
    u64 addr = arg0(f), bytes = arg1(f), offset = arg5(f), at;
    u32 prot = (u32)arg2(f), flags = (u32)arg3(f);
    if (offset & PAGE_MASK || bytes == 0) {
        return ERR_INVAL;
    }
    if (bytes > USER_VA_END) {
        return ERR_NOMEM;
    }
    bytes = ALIGN_UP(bytes, PAGE_SIZE);
    PASS(map_flags_check(addr, bytes, flags));
    bool fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
    struct vm_map_args m = {.hint = fixed ? addr : ALIGN_DOWN(addr, PAGE_SIZE),
                            .bytes = bytes,
                            .prot = prot & 7,
                            .max_prot = VM_READ | VM_WRITE | VM_EXEC,
                            .flags = (flags & MAP_TYPE) == MAP_PRIVATE ? VM_PRIVATE : VM_SHARED};
    m.flags |= fixed ? VM_FIXED : 0;
    m.flags |= flags & MAP_FIXED_NOREPLACE ? VM_NOREPLACE : 0;
    m.flags |= flags & MAP_POPULATE ? VM_POPULATE : 0;
    m.flags |= flags & MAP_STACK ? VM_STACK : 0;
    if (!(flags & MAP_ANONYMOUS)) {
        return map_file((int)arg4(f), offset, &m);
    }
    m.flags |= flags & MAP_GROWSDOWN ? VM_GROWSDOWN : 0;
    if (m.flags & VM_SHARED) {
        PASS(vm_object_create_anon(&m.object));
    }
    err_t err = vm_map(process_current()->space, &m, &at);
    if (m.object != nullptr) {
        vm_object_put(m.object);
    }
    return err == ERR_OK ? (i64)at : (i64)err;
}

i64 linux_munmap(struct trap_frame *f) {
    u64 addr = arg0(f), bytes = arg1(f);
    if (addr & PAGE_MASK || bytes == 0 || addr >= USER_VA_END || bytes > USER_VA_END - addr) {
        return ERR_INVAL;
    }
    return vm_unmap(process_current()->space, addr, ALIGN_UP(bytes, PAGE_SIZE));
}

i64 linux_mprotect(struct trap_frame *f) {
    u64 addr = arg0(f), bytes = ALIGN_UP(arg1(f), PAGE_SIZE);
    u32 prot = (u32)arg2(f) & ~0x03000000u; // GROWSUP, GROWSDOWN: nothing to do
    if (addr & PAGE_MASK || prot & ~7u) {
        return ERR_INVAL;
    }
    if (arg1(f) == 0) {
        return 0;
    }
    if (bytes == 0 || addr >= USER_VA_END || bytes > USER_VA_END - addr) {
        return ERR_NOMEM;
    }
    return vm_protect(process_current()->space, addr, bytes, prot);
}

i64 linux_mremap(struct trap_frame *f) {
    u64 at, old_bytes = ALIGN_UP(arg1(f), PAGE_SIZE), new_bytes = ALIGN_UP(arg2(f), PAGE_SIZE);
    u32 flags = (u32)arg3(f);
    if (arg0(f) & PAGE_MASK || new_bytes == 0 || flags & ~7u || (flags & 2 && !(flags & 1)) ||
        (flags & 4 && (!(flags & 1) || old_bytes != new_bytes)) || new_bytes > USER_VA_END) {
        return ERR_INVAL;
    }
    if (flags & 2 &&
        (arg4(f) & PAGE_MASK || arg4(f) >= USER_VA_END || new_bytes > USER_VA_END - arg4(f))) {
        return ERR_INVAL;
    }
    PASS(vm_remap(process_current()->space, arg0(f), old_bytes, new_bytes, flags, arg4(f), &at));
    return (i64)at;
}

i64 linux_brk(struct trap_frame *f) {
    u64 now;
    struct vm_space *s = process_current()->space;
    err_t err = vm_brk(s, arg0(f), &now); // brk(2) has no errors: the old end says it did not work
    return err == ERR_OK ? (i64)now : (i64)s->brk_end;
}

static err_t range_check(u64 addr, u64 bytes) {
    if (addr & PAGE_MASK || (bytes != 0 && ALIGN_UP(bytes, PAGE_SIZE) == 0)) {
        return ERR_INVAL;
    }
    return addr >= USER_VA_END || bytes > USER_VA_END - addr ? ERR_NOMEM : ERR_OK;
}

i64 linux_madvise(struct trap_frame *f) {
    PASS(range_check(arg0(f), arg1(f)));
    return arg1(f) == 0 ? ERR_OK
                        : vm_advise(process_current()->space, arg0(f), ALIGN_UP(arg1(f), PAGE_SIZE),
                                    (int)arg2(f));
}
i64 linux_msync(struct trap_frame *f) {
    u32 flags = (u32)arg2(f);
    if (flags & ~7u || (flags & 5) == 5) { // ASYNC and SYNC exclude each other
        return ERR_INVAL;
    }
    PASS(range_check(arg0(f), arg1(f)));
    return arg1(f) == 0 ? ERR_OK
                        : vm_sync(process_current()->space, arg0(f), ALIGN_UP(arg1(f), PAGE_SIZE),
                                  (int)flags);
}
i64 linux_mincore(struct trap_frame *f) {
    if (arg0(f) & PAGE_MASK) {
        return ERR_INVAL;
    }
    PASS(range_check(arg0(f), arg1(f)));
    u8 resident = 1;
    for (u64 i = 0; i < bytes_to_pages(arg1(f)); i++) {
        PASS(copy_out(user(arg2(f) + i), &resident, 1));
    }
    return 0;
}
// There is no swap: what is resident stays, what is not faults in as ever.
i64 linux_mlock(struct trap_frame *f) {
    return range_check(ALIGN_DOWN(arg0(f), PAGE_SIZE), arg1(f));
}
i64 linux_munlock(struct trap_frame *f) {
    return range_check(ALIGN_DOWN(arg0(f), PAGE_SIZE), arg1(f));
}
i64 linux_mlockall(struct trap_frame *f) {
    return arg0(f) & ~(u64)7 || arg0(f) == 0 ? ERR_INVAL : ERR_OK;
}
i64 linux_munlockall(struct trap_frame *f) {
    unused_arg(f);
    return 0;
}
i64 linux_membarrier(struct trap_frame *f) {
    if ((u32)arg0(f) == 0) {
        return 1; // MEMBARRIER_CMD_GLOBAL
    }
    if ((u32)arg0(f) != 1) {
        return ERR_INVAL;
    }
    __c11_atomic_thread_fence(__ATOMIC_SEQ_CST);
    thread_yield();
    return 0;
}
