// SPDX-License-Identifier: MIT
// Address spaces: mappings of VM objects, demand paging, copy-on-write.
#pragma once
#include <lib/tree.h>
#include <mm/vm/object.h>

enum vm_prot : u32 { VM_READ = 1, VM_WRITE = 2, VM_EXEC = 4 }; // Linux's PROT_ values
enum vm_map_flags : u32 {
    VM_SHARED = 1,
    VM_PRIVATE = 2,
    VM_FIXED = 0x10,
    VM_NOREPLACE = 0x100000,
    VM_GROWSDOWN = 0x100,
    VM_STACK = 0x20000,
    VM_NORESERVE = 0x4000,
    VM_POPULATE = 0x8000,
    VM_BRK = 0x1000000,
    VM_DONTFORK = 0x2000000,
    VM_WIPEONFORK = 0x4000000
};

struct vm_mapping {
    struct tree_node node;
    u64 start, end; // page-aligned
    u32 prot, max_prot, flags;
    struct vm_object *object; // shares a reference; null: private anonymous memory only
    u64 object_page;          // index of `start` in the object
    struct list object_node;
    struct vm_space *space;
    void *file; // reference held through ops below, for /proc/N/maps; or null
};
struct vm_space {
    struct ref refs;
    struct mutex lock;
    struct mmu_space mmu;
    struct tree mappings GUARDED_BY(lc_vm_space);
    struct vm_mapping *hint GUARDED_BY(lc_vm_space); // found last
    u64 gap_top GUARDED_BY(lc_vm_space); // no gap of gap_bytes or more begins above this address
    u64 gap_bytes GUARDED_BY(lc_vm_space);
    u64 mapped_pages GUARDED_BY(lc_vm_space);
    _Atomic u64 resident_pages;
    _Atomic u64 fault_count; // [a] faults that were looked at, for getrusage
    u64 brk_start, brk_end;  // under lock
    u64 stack_limit_bytes;   // growth limit of the VM_GROWSDOWN mapping
    u64 mmap_top;            // [I] search downward from here (randomised)
    u64 arg_start, arg_end, env_start, env_end, auxv_start; // set by exec
    void *exe; // struct file * of the program (proc), reference owned by exe_put
    void (*exe_put)(void *exe);
};
DECLARE_MUTEX_CLASS(vm_space, struct vm_space, lock)

void vm_init(void); // after kmap_init: the zero page, the page cache as a source of free memory
err_t vm_space_create(
    struct vm_space *
        *out); // mmap_top, stack limit: defaults; the caller may change them before the first map
void vm_space_get(struct vm_space *s);
void vm_space_put(struct vm_space *s); // the last one unmaps all
err_t vm_space_fork(
    struct vm_space *parent,
    struct vm_space **out); // copy-on-write; flushes the parent's writable translations

struct vm_map_args {
    u64 hint; // address wanted; must be page-aligned with VM_FIXED
    u64 bytes;
    u32 prot, max_prot, flags;
    struct vm_object *object; // null: anonymous
    u64 object_offset;        // bytes, page-aligned
    void *file;               // for display; vm_file_get/put are called on it
};
extern void (*vm_file_get)(void *file); // set by vfs at start
extern void (*vm_file_put)(void *file);
// Errors: ERR_INVAL, ERR_NOMEM, ERR_EXIST (NOREPLACE). *out: start. Sleeps. Locks: takes vm_space.
err_t vm_map(struct vm_space *s, const struct vm_map_args *args, u64 *out);
err_t vm_unmap(struct vm_space *s, u64 start, u64 bytes);
err_t vm_protect(struct vm_space *s, u64 start, u64 bytes,
                 u32 prot); // ERR_NOMEM on holes, ERR_ACCES beyond max_prot
err_t vm_remap(struct vm_space *s, u64 old, u64 old_bytes, u64 new_bytes, u32 flags, u64 fixed,
               u64 *out); // Linux mremap semantics and flags
err_t vm_brk(struct vm_space *s, u64 wanted, u64 *out);
err_t vm_advise(struct vm_space *s, u64 start, u64 bytes, int linux_advice);
err_t vm_sync(struct vm_space *s, u64 start, u64 bytes, int linux_flags);

// Why a fault could not be served.
enum vm_fault : u8 { VM_FAULT_OK, VM_FAULT_MAPERR, VM_FAULT_ACCERR, VM_FAULT_BUS, VM_FAULT_OOM };
enum vm_fault vm_fault(struct vm_space *s, u64 va, u64 page_fault_bits); // sleeps; takes vm_space
// The page fault `frame` at va: serves it if it lies in user space and comes from user mode or from a user copy. False: it was not
// served, *why says why. In kernel mode the caller then tries trap_fixup. Sleeps.
struct trap_frame;
bool vm_handle_page_fault(struct trap_frame *frame, u64 va, enum vm_fault *why);
// Walks mappings in order (for /proc/N/maps); the lock is held. False stops.
void vm_each(struct vm_space *s, bool (*fn)(const struct vm_mapping *m, void *arg), void *arg);
struct vm_space *
vm_current(void); // space of the current thread (container of thread->mmu), or null
