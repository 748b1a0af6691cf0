// SPDX-License-Identifier: MIT
// One loop: wait for a signal, reap, restart sessions, shut down when asked. Every signal of
// interest stays blocked and is taken with sigtimedwait, so nothing runs in a handler.
#include "gaia_impl.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void say(const char *format, ...) {
    char line[512];
    va_list args;
    va_start(args, format);
    int n = snprintf(line, sizeof(line), "gaia: ");
    vsnprintf(line + n, sizeof(line) - (size_t)n - 1, format, args);
    va_end(args);
    strcat(line, "\n");
    if (write(STDERR_FILENO, line, strlen(line)) < 0) {
        return; // no console: nobody to tell
    }
}

bool kernel_option(const char *key, char *value, size_t capacity) {
    static char line[4096];
    int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
    if (fd >= 0) {
        close(fd);
    }
    if (n <= 0) {
        return false;
    }
    line[n] = '\0';
    size_t key_len = strlen(key);
    for (char *word = strtok(line, " \n"); word != NULL; word = strtok(NULL, " \n")) {
        if (strncmp(word, key, key_len) == 0 && word[key_len] == '=') {
            snprintf(value, capacity, "%s", word + key_len + 1);
            return true;
        }
    }
    return false;
}

int program_run(const char *const *argv) {
    pid_t pid = fork();
    if (pid == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        // WHY the cast: execv's prototype predates const; it does not write.
        execv(argv[0], (char *const *)(unsigned long)argv);
        _exit(127);
    }
    int status = -1;
    while (pid > 0 && waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return pid > 0 ? status : -1;
}

static void reap(void) {
    for (;;) {
        pid_t pid = waitpid(-1, NULL, WNOHANG);
        if (pid <= 0) {
            return;
        }
        sessions_ended(pid);
    }
}

static void act_on(int sig) {
    switch (sig) {
    case SIGUSR1:
        shut_down(SHUTDOWN_HALT);
    case SIGUSR2:
        shut_down(SHUTDOWN_POWER_OFF);
    case SIGTERM:
    case SIGINT:
        shut_down(SHUTDOWN_RESTART);
    default:
        return;
    }
}

int main(void) {
    if (getpid() != 1) {
        fprintf(stderr, "gaia: only the kernel starts gaia, as process 1\n");
        return 1;
    }
    sigset_t wanted;
    sigfillset(&wanted);
    sigprocmask(SIG_SETMASK, &wanted, NULL);
    mounts_make();
    module_unpack();
    char value[16];
    if (kernel_option("hornet.exec", value, sizeof(value))) {
        batch_run();
    }
    sessions_start();
    for (;;) {
        int wait_ms = sessions_wait_ms();
        struct timespec limit = {.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000L};
        int sig = sigtimedwait(&wanted, NULL, wait_ms < 0 ? NULL : &limit);
        if (sig > 0) {
            act_on(sig);
        }
        reap();
    }
}
