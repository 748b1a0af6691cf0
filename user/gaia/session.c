// SPDX-License-Identifier: MIT
// A login shell on each console, each in a session of its own with the console as its controlling
// terminal.
#include "gaia_impl.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { RESPAWN_MS = 1000 };
static struct session {
    const char *device, *term;
    pid_t pid;          // 0: not running
    long long start_ms; // when it last started
    bool present;
} sessions[] = {{.device = "/dev/ttyS0", .term = "xterm"},
                {.device = "/dev/tty1", .term = "xterm-256color"}};
enum { SESSIONS = sizeof(sessions) / sizeof(sessions[0]) };

static long long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void greet(void) {
    char text[1024];
    int fd = open("/etc/motd", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));
    if (n > 0 && write(STDOUT_FILENO, text, (size_t)n) < 0) {
        _exit(1);
    }
    if (fd >= 0) {
        close(fd);
    }
}

// A serial line cannot tell its size: what the front-end said, or the classic screen.
static void set_size(void) {
    struct winsize size;
    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row != 0) {
        return;
    }
    size = (struct winsize){.ws_row = 24, .ws_col = 80};
    char text[32];
    unsigned rows, cols;
    if (kernel_option("hornet.screen", text, sizeof(text)) &&
        sscanf(text, "%ux%u", &rows, &cols) == 2 && rows > 0 && rows < 1000 && cols > 0 &&
        cols < 1000) {
        size.ws_row = (unsigned short)rows;
        size.ws_col = (unsigned short)cols;
    }
    ioctl(STDIN_FILENO, TIOCSWINSZ, &size);
}

[[noreturn]] static void become_shell(const struct session *s) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    int fd = open(s->device, O_RDWR);
    if (fd < 0) {
        _exit(1);
    }
    ioctl(fd, TIOCSCTTY, 1);
    for (int i = 0; i < 3; i++) {
        dup2(fd, i);
    }
    if (fd > 2) {
        close(fd);
    }
    set_size();
    greet();
    clearenv();
    setenv("HOME", "/root", 1);
    setenv("USER", "root", 1);
    setenv("LOGNAME", "root", 1);
    setenv("SHELL", "/bin/sh", 1);
    setenv("TERM", s->term, 1);
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    if (chdir("/root") != 0 && chdir("/") != 0) {
        _exit(1);
    }
    execl("/bin/sh", "-sh", (char *)NULL);
    fprintf(stderr, "gaia: cannot start /bin/sh: %s\n", strerror(errno));
    _exit(127);
}

static void start(struct session *s) {
    s->start_ms = now_ms();
    s->pid = fork();
    if (s->pid == 0) {
        become_shell(s);
    }
    if (s->pid < 0) {
        say("cannot start a shell on %s: %s", s->device, strerror(errno));
        s->pid = 0;
    }
}

void sessions_start(void) {
    for (int i = 0; i < SESSIONS; i++) {
        sessions[i].present = access(sessions[i].device, R_OK | W_OK) == 0;
        if (sessions[i].present) {
            start(&sessions[i]);
        }
    }
}

void sessions_ended(pid_t pid) {
    for (int i = 0; i < SESSIONS; i++) {
        if (sessions[i].pid == pid) {
            sessions[i].pid = 0;
        }
    }
}

int sessions_wait_ms(void) {
    int wait_ms = -1;
    for (int i = 0; i < SESSIONS; i++) {
        struct session *s = &sessions[i];
        if (!s->present || s->pid != 0) {
            continue;
        }
        long long left = s->start_ms + RESPAWN_MS - now_ms();
        if (left <= 0) {
            start(s);
        } else if (wait_ms < 0 || left < wait_ms) {
            wait_ms = (int)left;
        }
    }
    return wait_ms;
}
