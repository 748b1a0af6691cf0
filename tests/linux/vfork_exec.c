// SPDX-License-Identifier: MIT
// vfork: the parent stands still until the child execs or exits, and shares its memory.
#include "check.h"

static volatile int shared;
int main(int argc, char **argv) {
    if (argc > 1) {
        say("after exec: %s", argv[1]);
        return 9;
    }
    pid_t child = vfork();
    if (child == 0) {
        shared = 1;
        // Long enough for a parent that runs on to be noticed.
        struct timespec t = {0, 100000000};
        nanosleep(&t, nullptr);
        shared = 2;
        _exit(7);
    }
    say("shared is %d when the parent goes on", shared);
    reap("child", child);
    child = vfork();
    if (child == 0) {
        struct timespec t = {0, 100000000};
        nanosleep(&t, nullptr);
        shared = 3;
        execl("/proc/self/exe", argv[0], "hello", nullptr);
        _exit(1);
    }
    // Said after the end of the child, which says something too.
    int when_parent_went_on = shared;
    reap("child", child);
    say("shared was %d", when_parent_went_on);
    child = vfork();
    if (child == 0) {
        execl("./none", "none", nullptr);
        shared = errno;
        _exit(127);
    }
    say("exec failed with %s", error_name(shared));
    reap("child", child);
    // A child that dies of a signal frees the parent too.
    child = vfork();
    if (child == 0) {
        kill(getpid(), SIGKILL);
        _exit(0);
    }
    reap("killed child", child);
    // What the child closes stays open in the parent.
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    child = vfork();
    if (child == 0) {
        close(fd);
        _exit(0);
    }
    V(write(fd, "x", 1));
    reap("closer", child);
    return 0;
}
