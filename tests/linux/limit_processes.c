// SPDX-License-Identifier: MIT
// RLIMIT_NPROC: counts the processes and threads of a user, not those of root.
#include "check.h"

constexpr uid_t SOMEBODY = 54321;

static void *rest(void *argument) {
    pause();
    return argument;
}

static void fork_to_the_limit(void) {
    pid_t children[16];
    int count = 0;
    while (count < 16 && (children[count] = fork()) >= 0) {
        if (children[count] == 0) {
            pause();
            _exit(0);
        }
        count++;
    }
    say("children: %d, then %s", count, count < 16 ? error_name(errno) : "no limit");
    kill(children[0], SIGKILL);
    siginfo_t info;
    MUST(waitid(P_PID, children[0], &info, WEXITED | WNOWAIT));
    say("with a zombie: %s", fork() < 0 ? error_name(errno) : "forked");
    MUST(waitpid(children[0], nullptr, 0));
    pthread_t thread;
    say("a thread instead: %s", pthread_create(&thread, nullptr, rest, nullptr) == 0 ? "ok" : "no");
    say("one more: %s", pthread_create(&thread, nullptr, rest, nullptr) == EAGAIN ? "no" : "ok");
    for (int i = 1; i < count; i++) {
        kill(children[i], SIGKILL);
        MUST(waitpid(children[i], nullptr, 0));
    }
}

int main(void) {
    struct rlimit limit = {6, 6};
    MUST(setrlimit(RLIMIT_NPROC, &limit));
    IN_CHILD("root", {
        for (int i = 0; i < 10; i++) {
            pid_t pid = MUST(fork());
            if (pid == 0) {
                pause();
            }
            kill(pid, SIGKILL);
        }
        while (wait(nullptr) > 0) {
        }
        say("root is free of it");
    });
    IN_CHILD("user", {
        MUST(setuid(SOMEBODY));
        fork_to_the_limit();
    });
    return 0;
}
