// SPDX-License-Identifier: MIT
// /proc of the whole system: the files that tools read have the lines they look for.
#include "check.h"

static void has(const char *path, const char *const *keys) {
    static char text[65536];
    int fd = open(path, O_RDONLY);
    if (fd == -1) {
        say("%s: %s", path, error_name(errno));
        return;
    }
    size_t at = 0;
    ssize_t n;
    // Small pieces: the file must not change its shape between two reads.
    while (at < sizeof text - 100 && (n = read(fd, text + at, 99)) > 0) {
        at += n;
    }
    text[at] = 0;
    close(fd);
    for (int i = 0; keys[i] != nullptr; i++) {
        char *found = strstr(text, keys[i]);
        say("%s '%s': %s", path, keys[i], found != nullptr ? "yes" : "missing");
    }
}
int main(void) {
    has("/proc/meminfo", (const char *const[]){"MemTotal:", "MemFree:", "MemAvailable:", "Buffers:",
                                               "Cached:", "SwapTotal:", " kB\n", nullptr});
    has("/proc/stat",
        (const char *const[]){"cpu  ", "\ncpu0 ", "\nctxt ", "\nbtime ", "\nprocesses ", nullptr});
    has("/proc/mounts", (const char *const[]){" / ", " /proc proc ", nullptr});
    has("/proc/cpuinfo",
        (const char *const[]){"processor\t: 0", "model name\t:", "flags\t\t:", " sse2 ", nullptr});
    has("/proc/filesystems", (const char *const[]){"nodev\tproc", "nodev\ttmpfs", nullptr});
    has("/proc/version", (const char *const[]){"Linux version ", nullptr});
    double up = 0;
    double idle = 0;
    FILE *f = fopen("/proc/uptime", "r");
    T(f != nullptr && fscanf(f, "%lf %lf", &up, &idle) == 2 && up > 0);
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    T(now.tv_sec - up < 60 && now.tv_sec - up > -60);
    double l[3] = {};
    int running = 0;
    int total = 0;
    int last = 0;
    f = fopen("/proc/loadavg", "r");
    T(f != nullptr &&
      fscanf(f, "%lf %lf %lf %d/%d %d", &l[0], &l[1], &l[2], &running, &total, &last) == 6);
    T(running >= 1 && total >= running && l[0] >= 0);
    long total_kb = 0;
    long free_kb = 0;
    f = fopen("/proc/meminfo", "r");
    T(f != nullptr && fscanf(f, "MemTotal: %ld kB MemFree: %ld kB", &total_kb, &free_kb) == 2);
    T(total_kb > free_kb && free_kb > 0);
    // Every running process has a directory, and it goes away.
    pid_t child = MUST(fork());
    if (child == 0) {
        pause();
    }
    char name[32];
    snprintf(name, sizeof name, "%d", child);
    for (int i = 0; i < 2; i++) {
        DIR *d = opendir("/proc");
        struct dirent *e;
        bool seen = false;
        while ((e = readdir(d)) != nullptr) {
            seen |= strcmp(e->d_name, name) == 0;
        }
        closedir(d);
        say("seen %d", seen);
        kill(child, SIGKILL);
        waitpid(child, nullptr, 0);
    }
    struct stat st;
    V(stat("/proc", &st));
    say("mode %o", st.st_mode);
    V(stat("/proc/meminfo", &st));
    say("mode %o size %ld", st.st_mode, (long)st.st_size);
    return 0;
}
