// SPDX-License-Identifier: MIT
// /proc/self: stat, status, cmdline, comm, cwd, root, environ of a known process.
#include "check.h"

static const char *line_of(const char *path, const char *key) {
    static char line[512];
    FILE *f = fopen(path, "r");
    while (f != nullptr && fgets(line, sizeof line, f) != nullptr) {
        if (strncmp(line, key, strlen(key)) == 0) {
            fclose(f);
            line[strcspn(line, "\n")] = 0;
            return line;
        }
    }
    if (f != nullptr) {
        fclose(f);
    }
    return "(none)";
}
int main(int argc, char **argv) {
    if (argc == 1) {
        char *args[] = {argv[0], "two", "", "three words here", nullptr};
        char *env[] = {"A=1", "B=", nullptr};
        IN_CHILD("program", execve("/proc/self/exe", args, env));
        return 0;
    }
    char text[4096] = "";
    int fd = MUST(open("/proc/self/cmdline", O_RDONLY));
    ssize_t n = MUST(read(fd, text, sizeof text));
    for (char *p = text + strlen(text) + 1; p < text + n; p += strlen(p) + 1) {
        say("arg '%s'", p);
    }
    fd = MUST(open("/proc/self/environ", O_RDONLY));
    V(read(fd, text, sizeof text));
    say("'%s' '%s'", text, text + 4);
    say("%s", line_of("/proc/self/status", "Uid:"));
    say("%s", line_of("/proc/self/status", "Gid:"));
    say("%s", line_of("/proc/self/status", "Threads:"));
    say("%.9s", line_of("/proc/self/status", "State:"));
    T(atoi(line_of("/proc/self/status", "Pid:") + 4) == getpid());
    T(atoi(line_of("/proc/self/status", "PPid:") + 5) == getppid());
    T(atoi(line_of("/proc/self/status", "VmRSS:") + 6) > 0);
    T(atoi(line_of("/proc/self/status", "VmSize:") + 7) > 0);
    int pid;
    int ppid;
    int pgrp;
    int session;
    char state;
    char name[32];
    FILE *f = fopen("/proc/self/stat", "r");
    T(fscanf(f, "%d (%31[^)]) %c %d %d %d", &pid, name, &state, &ppid, &pgrp, &session) == 6);
    T(pid == getpid() && ppid == getppid() && pgrp == getpgrp() && session == getsid(0));
    say("%s %c", name, state);
    int fields = 7;
    char word[64];
    while (fscanf(f, "%63s", word) == 1) {
        fields++;
    }
    T(fields >= 45);
    char cwd[1024];
    char link_text[1024] = "";
    getcwd(cwd, sizeof cwd);
    MUST(readlink("/proc/self/cwd", link_text, sizeof link_text - 1));
    T(strcmp(cwd, link_text) == 0);
    memset(link_text, 0, sizeof link_text);
    V(readlink("/proc/self/root", link_text, sizeof link_text));
    MUST(readlink("/proc/self", link_text, sizeof link_text - 1));
    T(atoi(link_text) == getpid());
    put_file("through", "cwd link");
    say("%s", file_text("/proc/self/cwd/through"));
    struct stat st;
    V(lstat("/proc/self/exe", &st));
    say("mode %o", st.st_mode & S_IFMT);
    E(open("/proc/self/none", O_RDONLY));
    E(open("/proc/999999999/stat", O_RDONLY));
    E(unlink("/proc/self/stat"));
    E(mkdir("/proc/new", 0755));
    return 0;
}
