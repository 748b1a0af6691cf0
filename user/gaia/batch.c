// SPDX-License-Identifier: MIT
// hornet.exec=1: one script, its output byte for byte on the second serial port, its status on the
// third, power off.
#include "gaia_impl.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static int open_raw(const char *device) {
    int fd = open(device, O_RDWR | O_NOCTTY);
    struct termios t;
    if (fd >= 0 && tcgetattr(fd, &t) == 0) {
        cfmakeraw(&t);
        tcsetattr(fd, TCSANOW, &t);
    }
    return fd;
}

[[noreturn]] static void become_script(void) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    int in = open("/dev/null", O_RDONLY);
    int out = open_raw("/dev/ttyS1");
    if (in < 0 || out < 0) {
        say("no /dev/ttyS1 for the output: %s", strerror(errno));
        _exit(126);
    }
    dup2(in, 0);
    dup2(out, 1);
    dup2(out, 2);
    for (int fd = 3; fd < 16; fd++) {
        close(fd);
    }
    clearenv();
    setenv("HOME", "/root", 1);
    setenv("USER", "root", 1);
    setenv("TERM", "dumb", 1);
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    if (chdir("/root") != 0 && chdir("/") != 0) {
        _exit(126);
    }
    execl("/bin/sh", "sh", "/run/hornet/exec.sh", (char *)NULL);
    say("cannot start /bin/sh: %s", strerror(errno));
    _exit(127);
}

static int wait_for(pid_t pid) {
    for (;;) {
        int status = 0;
        pid_t ended = waitpid(-1, &status, 0);
        if (ended == pid) {
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
        if (ended < 0 && errno != EINTR) {
            return 125;
        }
    }
}

void batch_run(void) {
    pid_t pid = fork();
    if (pid == 0) {
        become_script();
    }
    int code = pid < 0 ? 125 : wait_for(pid);
    int out = open_raw("/dev/ttyS1");
    if (out >= 0) {
        tcdrain(out);
        close(out);
    }
    int status = open_raw("/dev/ttyS2");
    if (status < 0 || dprintf(status, "exit %d\n", code) < 0 || tcdrain(status) != 0) {
        say("no /dev/ttyS2 for the status %d", code);
    }
    shut_down(SHUTDOWN_POWER_OFF);
}
