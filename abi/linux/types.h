// SPDX-License-Identifier: MIT
// The Linux x86-64 structures and numbers that cross the system call boundary.
// Source: Linux 6.1 user API headers (layouts are ABI facts), System V AMD64 psABI.
#pragma once
#include <lib/types.h>

struct linux_timespec {
    i64 sec, nsec;
};
struct linux_timeval {
    i64 sec, usec;
};
struct linux_itimerval {
    struct linux_timeval interval, value;
};
struct linux_itimerspec {
    struct linux_timespec interval, value;
};

struct linux_stat {
    u64 dev, ino, nlink;
    u32 mode, uid, gid, pad0;
    u64 rdev;
    i64 size, blksize, blocks;
    struct linux_timespec atime, mtime, ctime;
    i64 unused[3];
};
static_assert(sizeof(struct linux_stat) == 144);

struct linux_statx_time {
    i64 sec;
    u32 nsec;
    i32 pad;
};
struct linux_statx {
    u32 mask, blksize;
    u64 attributes;
    u32 nlink, uid, gid;
    u16 mode, pad0;
    u64 ino, size, blocks, attributes_mask;
    struct linux_statx_time atime, btime, ctime, mtime;
    u32 rdev_major, rdev_minor, dev_major, dev_minor;
    u64 mnt_id;
    u64 spare[13];
};
static_assert(sizeof(struct linux_statx) == 256);

struct linux_statfs {
    i64 type, bsize, blocks, bfree, bavail, files, ffree;
    i32 fsid[2];
    i64 namelen, frsize, flags, spare[4];
};
static_assert(sizeof(struct linux_statfs) == 120);

struct linux_dirent64 { // followed by the name and its NUL
    u64 ino;
    i64 next;
    u16 record_bytes;
    u8 type;
};
constexpr size_t LINUX_DIRENT64_NAME = 19;
static_assert(offsetof(struct linux_dirent64, type) == LINUX_DIRENT64_NAME - 1);

struct linux_iovec {
    u64 base, bytes;
};
constexpr u32 LINUX_IOV_MAX = 1024;

struct linux_pollfd {
    i32 fd;
    i16 events, revents;
};
static_assert(sizeof(struct linux_pollfd) == 8);

struct [[gnu::packed]] linux_epoll_event {
    u32 events;
    u64 data;
};
static_assert(sizeof(struct linux_epoll_event) == 12);

struct linux_flock {
    i16 type, whence;
    u32 pad0;
    i64 start, length;
    i32 pid;
    u32 pad1;
};
static_assert(sizeof(struct linux_flock) == 32);

struct linux_rlimit {
    u64 soft, hard;
};
constexpr u64 LINUX_RLIM_INFINITY = ~(u64)0;
enum linux_rlimit_kind : u32 {
    LINUX_RLIMIT_CPU,
    LINUX_RLIMIT_FSIZE,
    LINUX_RLIMIT_DATA,
    LINUX_RLIMIT_STACK,
    LINUX_RLIMIT_CORE,
    LINUX_RLIMIT_RSS,
    LINUX_RLIMIT_NPROC,
    LINUX_RLIMIT_NOFILE,
    LINUX_RLIMIT_MEMLOCK,
    LINUX_RLIMIT_AS,
    LINUX_RLIMIT_LOCKS,
    LINUX_RLIMIT_SIGPENDING,
    LINUX_RLIMIT_MSGQUEUE,
    LINUX_RLIMIT_NICE,
    LINUX_RLIMIT_RTPRIO,
    LINUX_RLIMIT_RTTIME,
    LINUX_RLIMIT_COUNT
};

struct linux_rusage {
    struct linux_timeval user, system;
    i64 maxrss_kib, ixrss, idrss, isrss, minflt, majflt, nswap, inblock, oublock, msgsnd, msgrcv,
        nsignals, nvcsw, nivcsw;
};
static_assert(sizeof(struct linux_rusage) == 144);

struct linux_tms {
    i64 user, system, children_user, children_system;
};

struct linux_sysinfo {
    i64 uptime;
    u64 loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
    u16 procs, pad0;
    u32 pad1;
    u64 totalhigh, freehigh;
    u32 mem_unit, pad2;
};
static_assert(sizeof(struct linux_sysinfo) == 112);

struct linux_utsname {
    char sysname[65], nodename[65], release[65], version[65], machine[65], domainname[65];
};
static_assert(sizeof(struct linux_utsname) == 390);

struct linux_clone_args {
    u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_bytes, tls, set_tid,
        set_tid_count, cgroup;
};
static_assert(sizeof(struct linux_clone_args) == 88);

enum linux_clone_flags : u64 {
    LINUX_CLONE_VM = 0x100,
    LINUX_CLONE_FS = 0x200,
    LINUX_CLONE_FILES = 0x400,
    LINUX_CLONE_SIGHAND = 0x800,
    LINUX_CLONE_PIDFD = 0x1000,
    LINUX_CLONE_PTRACE = 0x2000,
    LINUX_CLONE_VFORK = 0x4000,
    LINUX_CLONE_PARENT = 0x8000,
    LINUX_CLONE_THREAD = 0x10000,
    LINUX_CLONE_NEWNS = 0x20000,
    LINUX_CLONE_SYSVSEM = 0x40000,
    LINUX_CLONE_SETTLS = 0x80000,
    LINUX_CLONE_PARENT_SETTID = 0x100000,
    LINUX_CLONE_CHILD_CLEARTID = 0x200000,
    LINUX_CLONE_DETACHED = 0x400000,
    LINUX_CLONE_UNTRACED = 0x800000,
    LINUX_CLONE_CHILD_SETTID = 0x1000000,
    LINUX_CLONE_NEW_ANY =
        0x7e020000, // name spaces: NEWNS NEWCGROUP NEWUTS NEWIPC NEWUSER NEWPID NEWNET
    LINUX_CLONE_CLEAR_SIGHAND = 0x100000000,
};

enum linux_at_flags : u32 {
    LINUX_AT_SYMLINK_NOFOLLOW = 0x100,
    LINUX_AT_EACCESS = 0x200,
    LINUX_AT_REMOVEDIR = 0x200,
    LINUX_AT_SYMLINK_FOLLOW = 0x400,
    LINUX_AT_NO_AUTOMOUNT = 0x800,
    LINUX_AT_EMPTY_PATH = 0x1000,
    LINUX_AT_STATX_SYNC = 0x6000,
};
constexpr i32 LINUX_AT_FDCWD = -100;

enum linux_auxv : u64 {
    LINUX_AT_NULL = 0,
    LINUX_AT_PHDR = 3,
    LINUX_AT_PHENT = 4,
    LINUX_AT_PHNUM = 5,
    LINUX_AT_PAGESZ = 6,
    LINUX_AT_BASE = 7,
    LINUX_AT_FLAGS = 8,
    LINUX_AT_ENTRY = 9,
    LINUX_AT_UID = 11,
    LINUX_AT_EUID = 12,
    LINUX_AT_GID = 13,
    LINUX_AT_EGID = 14,
    LINUX_AT_PLATFORM = 15,
    LINUX_AT_HWCAP = 16,
    LINUX_AT_CLKTCK = 17,
    LINUX_AT_SECURE = 23,
    LINUX_AT_RANDOM = 25,
    LINUX_AT_HWCAP2 = 26,
    LINUX_AT_EXECFN = 31,
    LINUX_AT_MINSIGSTKSZ = 51,
};

struct linux_robust_head {
    u64 next;
    i64 futex_offset;
    u64 pending;
};
constexpr u32 LINUX_FUTEX_WAITERS = 0x80000000, LINUX_FUTEX_OWNER_DIED = 0x40000000,
              LINUX_FUTEX_TID_MASK = 0x3fffffff;

struct linux_fd_set_words {
    u64 words[16]; // 1024 descriptors
};
