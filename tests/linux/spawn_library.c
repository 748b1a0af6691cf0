// SPDX-License-Identifier: MIT
// posix_spawn, system, popen: how libraries start programs.
#include "check.h"
#include <spawn.h>
extern char **environ;
int main(int argc, char **argv) {
    if (argc > 1) {
        say("spawned: %s, fd 20 %s", argv[1], fcntl(20, F_GETFD) == -1 ? "closed" : "open");
        return 6;
    }
    pid_t pid;
    int failed;
    char *args[] = {argv[0], "arg", nullptr};
    failed = posix_spawn(&pid, "/proc/self/exe", nullptr, nullptr, args, environ);
    reap("spawned", pid);
    V(failed);
    say("%s", error_name(posix_spawn(&pid, "./none", nullptr, nullptr, args, environ)));
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 20, "made", O_WRONLY | O_CREAT, 0644);
    posix_spawn_file_actions_adddup2(&actions, 20, 21);
    failed = posix_spawn(&pid, "/proc/self/exe", &actions, nullptr, args, environ);
    reap("with a file", pid);
    V(failed);
    say("made: %d", access("made", F_OK));
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
    failed = posix_spawn(&pid, "/proc/self/exe", nullptr, &attributes, args, environ);
    reap("own group", pid);
    V(failed);
    V(system(nullptr) != 0);
    say("system: %#x", system("exit 3"));
    say("system: %#x", system("kill -9 $$"));
    FILE *f = popen("echo from a shell; echo second | tr a-z A-Z", "r");
    char line[64];
    while (f != nullptr && fgets(line, sizeof line, f) != nullptr) {
        line[strcspn(line, "\n")] = 0;
        say("%s", line);
    }
    V(pclose(f));
    f = popen("cat > out", "w");
    fputs("into a shell", f);
    V(pclose(f));
    say("%s", file_text("out"));
    return 0;
}
