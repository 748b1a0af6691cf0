// SPDX-License-Identifier: MIT
// /proc/self/fd: links, opening them again, the directory, other processes.
#include "check.h"

static void link_of(int fd) {
    char path[64];
    char text[1024] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (readlink(path, text, sizeof text - 1) == -1) {
        say("%d: %s", fd, error_name(errno));
        return;
    }
    char *bracket = strchr(text, '[');
    char *slash = strrchr(text, '/');
    if (bracket != nullptr) {
        *bracket = 0;
    }
    say("%d: %s", fd, slash != nullptr ? slash : text);
}
int main(void) {
    put_file("f", "content");
    int fd = MUST(open("f", O_RDONLY));
    MUST(dup2(fd, 10));
    int p[2];
    MUST(pipe(p));
    MUST(dup2(p[0], 11));
    MUST(dup2(p[1], 12));
    int dir = MUST(open(".", O_RDONLY));
    MUST(dup2(dir, 13));
    MUST(mkdir("sub", 0755));
    dir = MUST(open("sub", O_RDONLY));
    MUST(dup2(dir, 14));
    int null = MUST(open("/dev/null", O_RDWR));
    MUST(dup2(null, 15));
    link_of(10);
    link_of(11);
    link_of(12);
    link_of(14);
    link_of(15);
    link_of(16);
    MUST(rename("f", "g"));
    link_of(10);
    char b[16] = "";
    MUST(read(10, b, 3));
    say("opened again it starts at the front: %s", file_text("/proc/self/fd/10"));
    int w = MUST(open("/proc/self/fd/12", O_WRONLY));
    MUST(write(w, "via proc", 8));
    MUST(read(11, b, 8));
    say("%s", b);
    E(open("/proc/self/fd/14/new", O_RDWR | O_CREAT, 0644));
    say("in sub: %d", access("sub/new", F_OK));
    E(open("/dev/fd/10", O_RDONLY));
    DIR *d = opendir("/proc/self/fd");
    int seen = 0;
    struct dirent *e;
    while ((e = readdir(d)) != nullptr) {
        int n = atoi(e->d_name);
        seen += n >= 10 && n <= 15;
    }
    say("listed %d of 6", seen);
    // The same of another process.
    pid_t child = MUST(fork());
    if (child == 0) {
        pause();
    }
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/10", child);
    say("of the child: %s", file_text(path));
    IN_CHILD("a stranger", MUST(setuid(1000)); E(open(path, O_RDONLY)));
    kill(child, SIGKILL);
    reap("child", child);
    E(open(path, O_RDONLY));
    struct stat st;
    V(stat("/proc/self/fd/11", &st));
    T(S_ISFIFO(st.st_mode));
    return 0;
}
