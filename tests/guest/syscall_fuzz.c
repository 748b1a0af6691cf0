// SPDX-License-Identifier: MIT
// Random system calls with hostile arguments: syscall_fuzz SEED WORKERS BATCHES CALLS
//
// Each worker forks BATCHES children one after the other; each child makes CALLS calls, alone or
// with two more threads, as root or as user 1000, locked into an empty directory. The seed decides
// the choices of each child; what happens to it (its end by a signal, as a rule) does not matter,
// only that the kernel lives, that a killed child ends, and that the last line is printed.
//
// An interval timer interrupts calls that wait; a child that masked it is killed by its worker.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

constexpr size_t PAGE = 4096;
constexpr size_t ARENA_PAGES = 16; // the last two: read-only, then nothing
constexpr int CHILD_MS_MAX = 3000;
constexpr int END_MS_MAX = 120000;
constexpr int USER = 1000;
constexpr int THREADS_EXTRA = 2;

static const struct call {
    int number;
    const char *name;
    const char *letters;
} calls[] = {
#define SYSCALL(number, name, state, letters, note) {number, #name, letters},
#include <abi/linux/syscall.def>
#undef SYSCALL
};
constexpr size_t CALLS_KNOWN = sizeof calls / sizeof calls[0];

// They end the batch or stop it for long: wanted, but not often.
static const char *const rare[] = {"exit",   "exit_group",    "pause", "rt_sigsuspend", "execve",
                                   "vfork",  "rt_sigreturn",  "fork",  "clone",         "kill",
                                   "sync",   "settimeofday",  "tkill", "tgkill",        "setrlimit",
                                   "setsid", "clock_settime", "brk"};
// Their first argument is a process, and root must not hit those outside of the test.
static const char *const aimed[] = {"kill",
                                    "tkill",
                                    "tgkill",
                                    "rt_sigqueueinfo",
                                    "rt_tgsigqueueinfo",
                                    "prlimit64",
                                    "setpriority",
                                    "setpgid",
                                    "sched_setaffinity",
                                    "sched_setparam",
                                    "sched_setscheduler",
                                    "ioprio_set"};

static const char *const paths[] = {
    "f0",
    "f1",
    "f2",
    "f3",
    "d0",
    "d1",
    "d0/f0",
    "d1/f1",
    "d0/../d1",
    "l0",
    "l1",
    "fifo",
    "null",
    "zero",
    "tty",
    "urandom",
    ".",
    "..",
    "/",
    "",
    "proc",
    "proc/self/maps",
    "proc/self/mem",
    "proc/self/fd",
    "proc/self/fd/0",
    "proc/self/fd/3",
    "proc/self/exe",
    "proc/self/cwd/f0",
    "proc/self/status",
    "proc/self/stat",
    "proc/meminfo",
    "proc/1/maps",
    "proc/mounts",
    "f0/x",
    "missing",
    "d0/missing/x",
    "user.a",
    "user.b",
    "tmpfs",
    "proc/self/task",
    "prog",
    ".time",
    ".time/-1s",
    ".time/-1s/f0",
    ".time/-2s/d0",
    "////d0////f1",
    "proc/self/comm",
};
constexpr size_t PATHS = sizeof paths / sizeof paths[0];

static uint8_t *arena;
static char long_path[2 * PAGE];
static char long_name[300];
static bool is_root;

struct chance {
    uint64_t state;
};

static uint64_t next(struct chance *c) {
    c->state += 0x9E3779B97F4A7C15;
    uint64_t x = c->state;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
    return x ^ (x >> 31);
}

static uint64_t below(struct chance *c, uint64_t limit) { return next(c) % limit; }

static bool in_list(const char *name, const char *const *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, list[i]) == 0) {
            return true;
        }
    }
    return false;
}
#define IN(name, list) in_list(name, list, sizeof list / sizeof list[0])

// ---- arguments ----------------------------------------------------------------------------------

static uint64_t number(struct chance *c) {
    static const uint64_t edges[] = {
        0,         1,          2,          3,          4,           5,          7,
        8,         16,         63,         64,         127,         255,        511,
        512,       4095,       4096,       4097,       65535,       65536,      100000,
        1000000,   0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 1ULL << 40, 1ULL << 46,
        -1ULL,     -2ULL,      -100ULL,    -4096ULL,   INT64_MAX,   INT64_MIN,  1ULL << 62,
        999999999, 1000000000, 1ULL << 31, 0x7ffff000,
    };
    switch (below(c, 8)) {
    case 0:
        return next(c);
    case 1:
        return 1ULL << below(c, 64);
    case 2:
        return below(c, 32) | 1ULL << below(c, 32);
    case 3:
    case 4:
        return below(c, 16);
    default:
        return edges[below(c, sizeof edges / sizeof edges[0])];
    }
}

static uint64_t pointer(struct chance *c) {
    static const uint64_t bad[] = {
        0,
        1,
        8,
        0xfff,
        0x1000,
        0x7ffffffff000,
        0x7fffffffffff,
        0x800000000000,
        0x7ffffffffff8,
        0x8000000000000000,
        0xffff800000000000,
        0xffff888000000000,
        0xffffffff80000000,
        0xffffffff80100000,
        0xffffffffffffffff,
        0xfffffffffffff000,
        0xfffffffffffffff8,
        0xdffffc0000000000,
        0x4141414141414141,
    };
    uint64_t base = (uint64_t)arena;
    switch (below(c, 16)) {
    case 0:
        return bad[below(c, sizeof bad / sizeof bad[0])];
    case 1:
        return base + (ARENA_PAGES - 2) * PAGE - below(c, 64); // runs into the read-only page
    case 2:
        return base + (ARENA_PAGES - 1) * PAGE - below(c, 64); // runs into nothing
    case 3:
        return base + below(c, ARENA_PAGES * PAGE);
    case 4:
        return base + below(c, ARENA_PAGES) * PAGE;
    case 5:
        return 0;
    default:
        return base + below(c, (ARENA_PAGES - 2) * PAGE / 8 - 64) * 8;
    }
}

static uint64_t path(struct chance *c) {
    switch (below(c, 24)) {
    case 0:
        return pointer(c);
    case 1:
        return (uint64_t)long_path + below(c, 2 * PAGE);
    case 2:
        return (uint64_t)long_name + below(c, 60);
    case 3: { // a name without an end at the end of memory
        uint64_t length = below(c, 200);
        uint64_t at = (uint64_t)arena + (ARENA_PAGES - 2) * PAGE - length;
        memset((void *)at, 'x', length);
        return at;
    }
    default:
        return (uint64_t)paths[below(c, PATHS)];
    }
}

static uint64_t descriptor(struct chance *c) {
    switch (below(c, 12)) {
    case 0:
        return number(c);
    case 1:
        return (uint64_t)(int64_t)AT_FDCWD;
    case 2:
        return (uint64_t)-1;
    default:
        return below(c, 24);
    }
}

static uint64_t ioctl_number(struct chance *c) {
    switch (below(c, 4)) {
    case 0:
        return number(c);
    case 1:
        return 0x4b00 + below(c, 0x80); // keyboard
    case 2:
        return 0x5600 + below(c, 16); // virtual terminals
    default:
        return 0x5400 + below(c, 0x64); // terminals
    }
}

static uint64_t argument(struct chance *c, char letter) {
    if (below(c, 40) == 0) {
        return next(c);
    }
    switch (letter) {
    case 's':
        return path(c);
    case 'p':
        return pointer(c);
    case 'f':
        return descriptor(c);
    case 'F':
        return below(c, 4) == 0 ? number(c) : (below(c, 4) | (next(c) & next(c) & 077777700));
    case 'o':
        return below(c, 4) == 0 ? number(c) : below(c, 010000);
    case 'u':
        return below(c, 3) == 0 ? number(c) : below(c, 2) == 0 ? 8 : below(c, 3 * PAGE);
    case 'g':
        return below(c, 4) == 0 ? number(c) : below(c, 66);
    default:
        return below(c, 8) == 0 ? pointer(c) : number(c);
    }
}

// Small structures full of numbers, flags, lengths and pointers: whatever a call reads there.
static void refill(struct chance *c) {
    uint64_t *words = (uint64_t *)arena;
    size_t start = below(c, (ARENA_PAGES - 2) * PAGE / 8 - 64);
    uint64_t kind = below(c, 3);
    for (size_t i = start; i < start + 64; i++) {
        words[i] = kind == 0 ? number(c) : below(c, 2) == 0 ? pointer(c) : below(c, 4) * PAGE / 2;
    }
}

static uint64_t own_process(struct chance *c) {
    static const int64_t others[] = {0, 0x7ffffff0, 0x12345678};
    int64_t self = (int64_t)syscall(SYS_getpid);
    return (uint64_t)(below(c, 2) == 0 ? self : others[below(c, 3)]);
}

static long raw(long number, const uint64_t a[6]) {
    return syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void tame(struct chance *c, const char *name, uint64_t a[6]) {
    if (is_root && IN(name, aimed)) {
        a[0] = own_process(c);
        if (strcmp(name, "tgkill") == 0 || strcmp(name, "rt_tgsigqueueinfo") == 0) {
            a[1] = a[0];
        } else if (strcmp(name, "setpriority") == 0 || strcmp(name, "ioprio_set") == 0) {
            a[0] = 0;
            a[1] = own_process(c);
        }
    } else if (strcmp(name, "clone") == 0) {
        // A second process on the same stack would run wild; with this stack it ends at once.
        if ((a[0] & 0x4100) == 0x100) {
            a[1] = 0x1000;
        }
    } else if (strcmp(name, "ioctl") == 0) {
        a[1] = ioctl_number(c);
    } else if (strcmp(name, "mount") == 0) {
        static const char *const kinds[] = {"tmpfs", "proc", "nothing", "tfs"};
        a[2] = (uint64_t)kinds[below(c, 4)];
        a[1] = (uint64_t)paths[4 + below(c, 2)];
        a[4] = below(c, 2) == 0 ? 0 : path(c);
    }
}

static bool one_call(struct chance *c) {
    const struct call *call = &calls[below(c, CALLS_KNOWN)];
    if (strcmp(call->name, "reboot") == 0 || (IN(call->name, rare) && below(c, 15) != 0)) {
        return true;
    }
    if (call->letters[0] == 0 && below(c, 10) != 0) {
        return true; // not there, or nothing to choose
    }
    if (below(c, 4) == 0) {
        refill(c);
    }
    uint64_t a[6];
    for (size_t i = 0, known = strlen(call->letters); i < 6; i++) {
        a[i] = argument(c, i < known ? call->letters[i] : 'x');
    }
    tame(c, call->name, a);
    long number = below(c, 500) == 0 ? (long)next(c) | 1L << 40 : call->number;
    long self = syscall(SYS_getpid);
    raw(number, a);
    return syscall(SYS_getpid) == self; // a child made by the call ends soon
}

// ---- children -----------------------------------------------------------------------------------

struct batch {
    uint64_t seed;
    int calls;
};

static void *make_calls(void *argument) {
    struct batch *batch = argument;
    struct chance c = {batch->seed};
    for (int i = 0; i < batch->calls; i++) {
        if (!one_call(&c)) {
            syscall(SYS_exit_group, 0);
        }
    }
    return nullptr;
}

static void nothing(int sig) { (void)sig; }

static void open_things(struct chance *c) {
    for (int fd = 0; fd < 3; fd++) { // not those of the test
        close(fd);
    }
    int fds[2];
    pipe(fds);
    pipe2(fds, O_NONBLOCK);
    static const char *const names[] = {"f0",   "f1",      "d0",  "null",
                                        "zero", "urandom", "tty", "proc/self/maps"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        open(names[i], below(c, 2) == 0 ? O_RDWR : O_RDONLY);
    }
    open("fifo", O_RDWR | O_NONBLOCK);
    syscall(SYS_memfd_create, "m", 0);
    syscall(SYS_eventfd2, 1, 0);
    open("/", O_RDONLY | O_DIRECTORY);
}

[[noreturn]] static void child(uint64_t seed, int count) {
    struct chance c = {seed};
    setsid();
    is_root = below(&c, 3) == 0;
    struct rlimit cpu = {5, 6};
    setrlimit(RLIMIT_CPU, &cpu);
    struct rlimit size = {8 << 20, 8 << 20};
    setrlimit(RLIMIT_FSIZE, &size);
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    struct sigaction action = {.sa_handler = nothing};
    sigaction(SIGALRM, &action, nullptr);
    struct itimerval often = {{0, 20000}, {0, 20000}};
    setitimer(ITIMER_REAL, &often, nullptr);
    open_things(&c);
    if (!is_root) {
        setgid(USER);
        setuid(USER);
    }
    for (int i = 0; i < 20; i++) {
        refill(&c);
    }
    struct batch batches[THREADS_EXTRA + 1];
    bool threaded = below(&c, 3) == 0;
    for (int i = 0; i <= THREADS_EXTRA; i++) {
        batches[i] = (struct batch){seed + 1000003U * (i + 1), count};
        pthread_t thread;
        if (i > 0 && threaded) {
            pthread_create(&thread, nullptr, make_calls, &batches[i]);
        }
    }
    make_calls(&batches[0]);
    _exit(0);
}

// ---- workers ------------------------------------------------------------------------------------

static void prepare(int worker) {
    char name[32];
    snprintf(name, sizeof name, "fuzz%d", worker);
    mkdir(name, 0777);
    chmod(name, 0777);
    if (chdir(name) != 0) {
        perror(name);
        _exit(1);
    }
    mkdir("proc", 0755);
    if (getuid() == 0) {
        mount("proc", "proc", "proc", 0, nullptr);
        mknod("null", S_IFCHR | 0666, makedev(1, 3));
        mknod("zero", S_IFCHR | 0666, makedev(1, 5));
        mknod("urandom", S_IFCHR | 0666, makedev(1, 9));
        mknod("tty", S_IFCHR | 0666, makedev(5, 0));
        if (chroot(".") != 0) {
            perror("chroot");
            _exit(1);
        }
    }
    for (size_t i = 0; i < PAGE; i++) {
        memcpy(&long_path[2 * i], "./", 2);
    }
    long_path[sizeof long_path - 1] = 0;
    memset(long_name, 'n', sizeof long_name - 1);
    arena = mmap(nullptr, ARENA_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                 -1, 0);
    mprotect(arena + (ARENA_PAGES - 2) * PAGE, PAGE, PROT_READ);
    munmap(arena + (ARENA_PAGES - 1) * PAGE, PAGE);
}

static void furnish(void) {
    mkdir("d0", 0777);
    mkdir("d1", 0777);
    chmod("d0", 0777);
    chmod("d1", 0777);
    static const char *const files[] = {"f0", "f1", "f2", "d0/f0", "d1/f1", "prog"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        int fd = open(files[i], O_CREAT | O_RDWR | O_NONBLOCK, 0777);
        if (fd >= 0) {
            ftruncate(fd, 10000);
            fchmod(fd, 0777);
            close(fd);
        }
    }
    symlink("f0", "l0");
    symlink("l1", "l1");
    mkfifo("fifo", 0666);
}

// Ends the child and what it left in its group; false: it does not end.
static bool end_all(pid_t pid) {
    kill(-pid, SIGKILL);
    for (int ms = 0; ms < END_MS_MAX; ms++) {
        int status;
        pid_t got = waitpid(-1, &status, WNOHANG);
        if (got < 0 && errno == ECHILD) {
            return true;
        }
        if (got == 0) {
            if (ms % 50 == 0) {
                kill(pid, SIGKILL);
                kill(-pid, SIGKILL);
            }
            usleep(1000);
        }
    }
    return false;
}

[[noreturn]] static void worker(uint64_t seed, int number, int batches, int count) {
    prepare(number);
    for (int i = 0; i < batches; i++) {
        furnish();
        pid_t pid = fork();
        if (pid == 0) {
            child(seed + (uint64_t)number * 1000000007 + (uint64_t)i * 10007, count);
        }
        int ms = 0;
        while (pid > 0 && ms < CHILD_MS_MAX && waitpid(pid, nullptr, WNOHANG) == 0) {
            usleep(2000);
            ms += 2;
        }
        if (pid > 0 && !end_all(pid)) {
            printf("worker %d: child %d of batch %d does not end\n", number, pid, i);
            _exit(1);
        }
        while (umount2("d0", 0) == 0 || umount2("d1", 0) == 0) {
        }
        umask(0);
    }
    umount2("proc", 0);
    _exit(0);
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: syscall_fuzz SEED WORKERS BATCHES CALLS\n");
        return 2;
    }
    uint64_t seed = strtoull(argv[1], nullptr, 0);
    int workers = atoi(argv[2]);
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    for (int i = 0; i < workers; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            worker(seed, i, atoi(argv[3]), atoi(argv[4]));
        }
    }
    int failed = 0;
    int status;
    for (int left = workers; left > 0; left--) {
        if (wait(&status) < 0 || status != 0) {
            failed++;
        }
    }
    printf("all workers ended, %d failed\n", failed);
    return failed != 0;
}
