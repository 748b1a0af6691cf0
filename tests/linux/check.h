// SPDX-License-Identifier: MIT
// Helpers of the differential programs. Each program prints lines that must be the same on Linux
// and in Hornet, so nothing here prints an address, a process number, a time or a size the system
// chooses. Every line leaves in one write(2), so that lines of forked processes never mix and
// nothing is printed twice from a copied buffer.
#pragma once
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

constexpr size_t PAGE = 4096;
// Of the kernel's own headers only these are needed.
constexpr int FUTEX_WAIT = 0;
constexpr int FUTEX_WAKE = 1;
constexpr int FUTEX_WAIT_BITSET = 9;
constexpr int FUTEX_WAKE_BITSET = 10;
constexpr int FUTEX_PRIVATE_FLAG = 128;
constexpr int FUTEX_CLOCK_REALTIME = 256;

[[gnu::format(printf, 1, 2)]] static inline void say(const char *format, ...) {
    char line[512];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    if (length > (int)sizeof line - 2) {
        length = (int)sizeof line - 2;
    }
    line[length++] = '\n';
    if (write(STDOUT_FILENO, line, (size_t)length) != length) {
        _exit(120);
    }
}

// Ends the program at once: for the set-up of a check, never for the check itself.
[[noreturn]] static inline void die(const char *what) {
    say("BROKEN SET-UP: %s (%s)", what, strerror(errno));
    _exit(121);
}
#define MUST(expr)                                                                                 \
    ({                                                                                             \
        errno = 0;                                                                                 \
        auto must_result_ = (expr);                                                                \
        if ((long)must_result_ == -1) {                                                            \
            die(#expr);                                                                            \
        }                                                                                          \
        must_result_;                                                                              \
    })

static inline const char *error_name(int error) {
    static const struct {
        int number;
        const char *name;
    } names[] = {
#define N(x) {x, #x}
        N(EPERM),     N(ENOENT),       N(ESRCH),     N(EINTR),    N(EIO),       N(ENXIO),
        N(E2BIG),     N(ENOEXEC),      N(EBADF),     N(ECHILD),   N(EAGAIN),    N(ENOMEM),
        N(EACCES),    N(EFAULT),       N(ENOTBLK),   N(EBUSY),    N(EEXIST),    N(EXDEV),
        N(ENODEV),    N(ENOTDIR),      N(EISDIR),    N(EINVAL),   N(ENFILE),    N(EMFILE),
        N(ENOTTY),    N(ETXTBSY),      N(EFBIG),     N(ENOSPC),   N(ESPIPE),    N(EROFS),
        N(EMLINK),    N(EPIPE),        N(EDOM),      N(ERANGE),   N(EDEADLK),   N(ENAMETOOLONG),
        N(ENOLCK),    N(ENOSYS),       N(ENOTEMPTY), N(ELOOP),    N(EOVERFLOW), N(EOPNOTSUPP),
        N(ETIMEDOUT), N(EAFNOSUPPORT), N(ENODATA),   N(ENOTSOCK),
#undef N
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].number == error) {
            return names[i].name;
        }
    }
    static char other[32];
    snprintf(other, sizeof other, "errno %d", error);
    return other;
}

static inline const char *signal_name(int sig) {
    static const char *const names[] = {
        "none",    "SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",   "SIGTRAP", "SIGABRT", "SIGBUS",
        "SIGFPE",  "SIGKILL", "SIGUSR1",   "SIGSEGV", "SIGUSR2",  "SIGPIPE", "SIGALRM", "SIGTERM",
        "SIGSTK",  "SIGCHLD", "SIGCONT",   "SIGSTOP", "SIGTSTP",  "SIGTTIN", "SIGTTOU", "SIGURG",
        "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO",   "SIGPWR",  "SIGSYS",
    };
    if (sig >= 0 && sig < 32) {
        return names[sig];
    }
    static char other[32];
    snprintf(other, sizeof other, "signal %d", sig);
    return other;
}

// E prints whether a call works or the name of its error; V also prints the value it returned.
static inline long show_(const char *what, long result, bool value) {
    int error = errno;
    if (result == -1 && error != 0) {
        say("%s: %s", what, error_name(error));
    } else if (value) {
        say("%s: %ld", what, result);
    } else {
        say("%s: ok", what);
    }
    errno = error;
    return result;
}
#define E(expr) (errno = 0, show_(#expr, (long)(expr), false))
#define V(expr) (errno = 0, show_(#expr, (long)(expr), true))
// T prints whether something holds.
#define T(cond) say("%s: %s", #cond, (cond) ? "yes" : "NO")

static inline void sleep_ms(long ms) {
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&left, &left) == -1 && errno == EINTR) {
    }
}

static inline long long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

// The state letter of a process as /proc tells it, or '-' when there is no such process.
static inline char process_state(pid_t pid) {
    char path[48];
    char text[256];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return '-';
    }
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    char *close_paren = strrchr(text, ')');
    return close_paren != nullptr ? close_paren[2] : '-';
}

// Waits until a process has come to the wanted state and stays there (it blocks in its call by
// then).
static inline void await_state(pid_t pid, char state) {
    int seen = 0;
    for (int i = 0; i < 30000 && seen < 5; i++) {
        seen = process_state(pid) == state ? seen + 1 : 0;
        sleep_ms(2);
    }
    if (seen < 5) {
        say("process never came to state %c", state);
    }
}

// Waits until a process sleeps in a call again, or has ended, after a signal was sent to it.
static inline void await_calm(pid_t pid) {
    int seen = 0;
    for (int i = 0; i < 30000 && seen < 8; i++) {
        char state = process_state(pid);
        seen = state == 'S' || state == 'Z' ? seen + 1 : 0;
        sleep_ms(2);
    }
}

static inline void say_status(const char *who, int status) {
    if (WIFEXITED(status)) {
        say("%s: exited %d", who, WEXITSTATUS(status));
    } else if (WIFSIGNALED(status)) {
        say("%s: killed by %s", who, signal_name(WTERMSIG(status)));
    } else if (WIFSTOPPED(status)) {
        say("%s: stopped by %s", who, signal_name(WSTOPSIG(status)));
    } else if (WIFCONTINUED(status)) {
        say("%s: continued", who);
    } else {
        say("%s: unknown status %#x", who, status);
    }
}

// Waits for the end of one child and prints how it ended.
static inline void reap(const char *who, pid_t pid) {
    int status = 0;
    pid_t got;
    do {
        got = waitpid(pid, &status, 0);
    } while (got == -1 && errno == EINTR);
    if (got != pid) {
        say("%s: wait failed: %s", who, error_name(errno));
        return;
    }
    say_status(who, status);
}

// Runs a statement in a child process and prints how the child ended.
#define IN_CHILD(who, ...)                                                                         \
    do {                                                                                           \
        pid_t in_child_ = MUST(fork());                                                            \
        if (in_child_ == 0) {                                                                      \
            __VA_ARGS__;                                                                           \
            _exit(0);                                                                              \
        }                                                                                          \
        reap(who, in_child_);                                                                      \
    } while (0)

static inline void put_file(const char *path, const char *text) {
    int fd = MUST(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644));
    if (write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
        die("write");
    }
    close(fd);
}

static inline const char *file_text(const char *path) {
    static char text[4096];
    int fd = open(path, O_RDONLY);
    if (fd < 0) {
        return error_name(errno);
    }
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n < 0) {
        return error_name(errno);
    }
    text[n] = 0;
    return text;
}

static inline void handle(int sig, void (*handler)(int), int flags) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    MUST(sigaction(sig, &action, nullptr));
}

// One byte through a pipe: how processes tell each other that a step is done.
static inline void pass_token(const int pipe_fds[2]) {
    if (write(pipe_fds[1], "!", 1) != 1) {
        die("pass_token");
    }
}
static inline void await_token(const int pipe_fds[2]) {
    char c;
    ssize_t n;
    do {
        n = read(pipe_fds[0], &c, 1);
    } while (n == -1 && errno == EINTR);
    if (n != 1) {
        die("await_token");
    }
}

// What touching one byte of memory does: "ok" or the signal with its code.
static sigjmp_buf probe_return;
static siginfo_t probe_info;
static inline void probe_caught(int sig, siginfo_t *info, void *context) {
    (void)sig;
    (void)context;
    probe_info = *info;
    siglongjmp(probe_return, 1);
}
static inline const char *probe(volatile void *address, bool write_too) {
    struct sigaction action = {.sa_sigaction = probe_caught, .sa_flags = SA_SIGINFO};
    struct sigaction old_segv;
    struct sigaction old_bus;
    sigaction(SIGSEGV, &action, &old_segv);
    sigaction(SIGBUS, &action, &old_bus);
    const char *volatile verdict = "ok";
    if (sigsetjmp(probe_return, 1) == 0) {
        volatile char *byte = address;
        char c = *byte;
        if (write_too) {
            *byte = c;
        }
    } else if (probe_info.si_addr != address) {
        verdict = "wrong si_addr";
    } else if (probe_info.si_signo == SIGBUS) {
        verdict = probe_info.si_code == BUS_ADRERR ? "SIGBUS ADRERR" : "SIGBUS other";
    } else {
        verdict = probe_info.si_code == SEGV_MAPERR   ? "SIGSEGV MAPERR"
                  : probe_info.si_code == SEGV_ACCERR ? "SIGSEGV ACCERR"
                                                      : "SIGSEGV other";
    }
    sigaction(SIGSEGV, &old_segv, nullptr);
    sigaction(SIGBUS, &old_bus, nullptr);
    return verdict;
}
#define PROBE_R(address) say("read %s: %s", #address, probe(address, false))
#define PROBE_W(address) say("write %s: %s", #address, probe(address, true))
