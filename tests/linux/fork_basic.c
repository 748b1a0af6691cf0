// SPDX-License-Identifier: MIT
// fork: what the child shares, what it has of its own, what it does not get.
#include "check.h"

static int global = 1;
static void never(int sig) {
    (void)sig;
    say("alarm in the child: NO");
}
int main(void) {
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    MUST(write(fd, "0123456789", 10));
    MUST(lseek(fd, 0, SEEK_SET));
    int local = 10;
    pid_t parent = getpid();
    signal(SIGALRM, never);
    alarm(1000);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    raise(SIGUSR1);
    umask(031);
    pid_t child = MUST(fork());
    if (child == 0) {
        T(getpid() != parent && getppid() == parent);
        global++;
        local++;
        char b[4] = "";
        MUST(read(fd, b, 3));
        say("child: %d %d %s", global, local, b);
        V(alarm(0));
        sigset_t pending;
        sigpending(&pending);
        sigset_t mask;
        sigprocmask(SIG_SETMASK, nullptr, &mask);
        say("pending %d blocked %d umask %o", sigismember(&pending, SIGUSR1),
            sigismember(&mask, SIGUSR1), umask(0));
        T(getpgrp() == getpgid(parent) && getsid(0) == getsid(parent));
        close(fd);
        _exit(5);
    }
    reap("child", child);
    say("parent: %d %d", global, local);
    V(lseek(fd, 0, SEEK_CUR));
    T(alarm(0) > 900);
    // Three generations, each adds to one file.
    if ((child = MUST(fork())) == 0) {
        if ((child = MUST(fork())) == 0) {
            if ((child = MUST(fork())) == 0) {
                say("great-grandchild");
                _exit(3);
            }
            reap("in the grandchild", child);
            _exit(2);
        }
        reap("in the child", child);
        _exit(1);
    }
    reap("in the parent", child);
    return 0;
}
