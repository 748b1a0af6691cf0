// SPDX-License-Identifier: MIT
// exec and the state of a process: handlers, masks, ids, cwd, umask, threads, set-user-id.
#include "check.h"

static void handler(int sig) { (void)sig; }
static void *exec_from_thread(void *arg) {
    execl("/proc/self/exe", arg, "thread", nullptr);
    return nullptr;
}
static void *sleeper(void *arg) {
    pause();
    return arg;
}
int main(int argc, char **argv) {
    if (argc > 1) {
        struct sigaction usr1;
        struct sigaction usr2;
        sigaction(SIGUSR1, nullptr, &usr1);
        sigaction(SIGUSR2, nullptr, &usr2);
        sigset_t mask;
        sigset_t pending;
        sigprocmask(SIG_SETMASK, nullptr, &mask);
        sigpending(&pending);
        stack_t stack;
        sigaltstack(nullptr, &stack);
        say("%s: USR1 %s USR2 %s blocked %d pending %d altstack %d umask %o", argv[1],
            usr1.sa_handler == SIG_DFL ? "default" : "other",
            usr2.sa_handler == SIG_IGN ? "ignored" : "other", sigismember(&mask, SIGTERM),
            sigismember(&pending, SIGTERM), (stack.ss_flags & SS_DISABLE) == 0, umask(0));
        T(getpid() == atoi(getenv("PID")) && syscall(SYS_gettid) == getpid());
        say("uid %d euid %d cwd has d: %d", getuid(), geteuid(), access("d", F_OK));
        char name[16];
        FILE *f = fopen("/proc/self/comm", "r");
        say("comm starts with %.3s",
            f != nullptr && fgets(name, sizeof name, f) != nullptr ? name : "?");
        DIR *tasks = opendir("/proc/self/task");
        int count = -2;
        while (tasks != nullptr && readdir(tasks) != nullptr) {
            count++;
        }
        say("threads: %d", count);
        return 0;
    }
    MUST(chmod(".", 0777));
    MUST(mkdir("d", 0755));
    char exe[512] = "";
    MUST(readlink("/proc/self/exe", exe, sizeof exe - 1));
    handle(SIGUSR1, handler, 0);
    handle(SIGUSR2, SIG_IGN, 0);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    umask(017);
    static char alternate[16384];
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    char pid[16];
    for (int i = 0; i < 2; i++) {
        IN_CHILD(i == 0 ? "program" : "from a thread", MUST(sigaltstack(&stack, nullptr));
                 raise(SIGTERM); snprintf(pid, sizeof pid, "%d", getpid()); setenv("PID", pid, 1);
                 pthread_t t; if (i == 0) execl("/proc/self/exe", argv[0], "plain", nullptr);
                 pthread_create(&t, nullptr, sleeper, nullptr);
                 pthread_create(&t, nullptr, exec_from_thread, argv[0]); pause());
    }
    sleep_ms(0);
    return 0;
}
