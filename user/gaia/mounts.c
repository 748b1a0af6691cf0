// SPDX-License-Identifier: MIT
#include "gaia_impl.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
    const char *type, *point, *options;
    mode_t mode;
} table[] = {
    {"proc", "/proc", "", 0555},
    {"devtmpfs", "/dev", "", 0755},
    {"tmpfs", "/dev/shm", "mode=1777", 01777},
    {"tmpfs", "/tmp", "mode=1777", 01777},
    {"tmpfs", "/run", "mode=755", 0755},
    {"tmpfs", "/sys", "mode=755", 0555},
};

static void set_hostname(void) {
    char name[65];
    int fd = open("/etc/hostname", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, name, sizeof(name) - 1);
    if (fd >= 0) {
        close(fd);
    }
    if (n > 0 && name[n - 1] == '\n') {
        n--;
    }
    if (n > 0 && sethostname(name, (size_t)n) != 0) {
        say("cannot set the host name: %s", strerror(errno));
    }
}

void mounts_make(void) {
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strcmp(table[i].point, "/dev") == 0 && access("/dev/console", F_OK) == 0) {
            continue; // the kernel did
        }
        mkdir(table[i].point, table[i].mode);
        if (mount(table[i].type, table[i].point, table[i].type, 0, table[i].options) != 0) {
            say("cannot mount %s on %s: %s", table[i].type, table[i].point, strerror(errno));
        }
    }
    set_hostname();
}

void module_unpack(void) {
    static const char archive[] = "/proc/hornet/modules/add.tar";
    if (access(archive, R_OK) != 0) {
        return;
    }
    static const char *const argv[] = {"/bin/busybox", "tar", "-xf", archive, "-C", "/", NULL};
    int status = program_run(argv);
    if (status != 0) {
        say("unpacking what the loader handed over failed (status %d)",
            WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    }
}
