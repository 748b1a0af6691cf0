// SPDX-License-Identifier: MIT
// Close-on-exec: which descriptors a new program gets.
#include "check.h"

static void list(void) {
    char line[128] = "";
    for (int fd = 3; fd < 40; fd++) {
        if (fcntl(fd, F_GETFD) != -1) {
            char one[8];
            snprintf(one, sizeof one, " %d", fd);
            strcat(line, one);
        }
    }
    say("open:%s", line);
}
int main(int argc, char **argv) {
    if (argc > 1) {
        list();
        char c = '-';
        V(read(10, &c, 1));
        say("at the position left: %c", c);
        return 0;
    }
    put_file("f", "abcdef");
    int fd = MUST(open("f", O_RDONLY));
    MUST(dup2(fd, 10));
    MUST(dup3(fd, 11, O_CLOEXEC));
    MUST(dup2(fd, 12));
    MUST(fcntl(12, F_SETFD, FD_CLOEXEC));
    MUST(dup2(12, 13));
    int p[2];
    MUST(pipe2(p, O_CLOEXEC));
    int marked = MUST(open("f", O_RDONLY | O_CLOEXEC));
    MUST(dup2(marked, 20));
    MUST(dup2(p[0], 21));
    MUST(lseek(fd, 2, SEEK_SET));
    list();
    // A program that cannot be run closes nothing.
    E(execl("./none", "x", nullptr));
    list();
    IN_CHILD("program", execl("/proc/self/exe", argv[0], "list", nullptr));
    list();
    return 0;
}
