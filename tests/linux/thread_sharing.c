// SPDX-License-Identifier: MIT
// What threads of one process share: cwd, umask, descriptors, ids; fork and exit among threads.
#include "check.h"

static int fd_made;
static _Atomic int step;
static void *other(void *arg) {
    MUST(chdir("sub"));
    umask(077);
    fd_made = MUST(open("f", O_RDWR | O_CREAT, 0666));
    MUST(write(fd_made, "shared", 6));
    step = 1;
    while (step != 2) {
        sched_yield();
    }
    E(write(fd_made, "x", 1));
    return arg;
}
static void *sleeper(void *arg) {
    for (;;) {
        pause();
    }
    return arg;
}
static void *forker(void *arg) {
    (void)arg;
    pid_t child = MUST(fork());
    if (child == 0) {
        DIR *d = opendir("/proc/self/task");
        int n = 0;
        while (readdir(d) != nullptr) {
            n++;
        }
        say("threads in the child: %d", n - 2);
        T(syscall(SYS_gettid) == getpid());
        _exit(11);
    }
    reap("child of a thread", child);
    if (step == 3) {
        syscall(SYS_exit_group, 9);
    }
    return nullptr;
}
int main(void) {
    MUST(mkdir("sub", 0755));
    pthread_t t;
    pthread_create(&t, nullptr, other, nullptr);
    while (step != 1) {
        sched_yield();
    }
    struct stat st;
    V(stat("f", &st));
    say("mode %o, umask %o", st.st_mode, umask(022));
    char b[8] = "";
    V(pread(fd_made, b, 6, 0));
    close(fd_made);
    step = 2;
    pthread_join(t, nullptr);
    // The child of another thread can be waited for here.
    for (int i = 0; i < 3; i++) {
        pthread_create(&t, nullptr, sleeper, nullptr);
    }
    pthread_create(&t, nullptr, forker, nullptr);
    pthread_join(t, nullptr);
    IN_CHILD("ids", pthread_create(&t, nullptr, sleeper, nullptr); MUST(setuid(1000));
             say("uid %d", getuid()); _exit(0));
    // The end of main's thread is not the end of the process.
    pid_t child = MUST(fork());
    if (child == 0) {
        step = 3;
        pthread_create(&t, nullptr, forker, nullptr);
        syscall(SYS_exit, 0);
    }
    reap("after the last thread", child);
    exit(4);
}
