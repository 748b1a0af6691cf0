// SPDX-License-Identifier: MIT
// Takes all there is of something: exhaust fork|memory|pipes. Each ends by itself or is ended by the system.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

// Processes of a user that only fork, for four seconds; then that user's are killed.
static int fork_bomb(void) {
    setsid();
    if (fork() != 0) {
        sleep(4);
        if (setuid(1000) == 0) {
            kill(-1, SIGKILL);
        }
        return 0;
    }
    if (setuid(1000) != 0) {
        return 1;
    }
    for (;;) {
        if (fork() < 0) {
            usleep(1000);
        }
    }
}

static int memory(void) {
    constexpr size_t piece = 1 << 20;
    for (;;) {
        char *p = mmap(nullptr, piece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) {
            return 3;
        }
        memset(p, 1, piece);
    }
}

static int pipes(void) {
    static char full[65536];
    struct rlimit many = {1 << 20, 1 << 20};
    setrlimit(RLIMIT_NOFILE, &many);
    int ends[2];
    while (pipe(ends) == 0) {
        fcntl(ends[1], F_SETFL, O_NONBLOCK);
        if (write(ends[1], full, sizeof(full)) < 0 && errno == ENOMEM) {
            return 3;
        }
    }
    return 3;
}

int main(int count, char **words) {
    const char *what = count == 2 ? words[1] : "";
    return strcmp(what, "fork") == 0     ? fork_bomb()
           : strcmp(what, "memory") == 0 ? memory()
           : strcmp(what, "pipes") == 0  ? pipes()
                                         : 2;
}
