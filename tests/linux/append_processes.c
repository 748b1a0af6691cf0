// SPDX-License-Identifier: MIT
// O_APPEND from several processes: no line is lost, none is torn.
#include "check.h"

int main(void) {
    close(MUST(open("log", O_CREAT | O_WRONLY, 0644)));
    for (int p = 0; p < 4; p++) {
        if (MUST(fork()) == 0) {
            int fd = MUST(open("log", O_WRONLY | O_APPEND));
            for (int i = 0; i < 150; i++) {
                char line[64];
                int n = snprintf(line, sizeof line, "process %d line %03d %.*s\n", p, i, 10 + p * 5,
                                 "..............................");
                MUST(write(fd, line, n) == n ? 0 : -1);
            }
            _exit(0);
        }
    }
    for (int p = 0; p < 4; p++) {
        int status;
        MUST(wait(&status));
        say("exited %d", WEXITSTATUS(status));
    }
    FILE *f = fopen("log", "r");
    int next[4] = {};
    int bad = 0;
    char line[128];
    while (fgets(line, sizeof line, f) != nullptr) {
        int p;
        int i;
        char dots[64];
        if (sscanf(line, "process %d line %d %63s", &p, &i, dots) != 3 || p < 0 || p > 3 ||
            next[p] != i || strlen(dots) != (size_t)(10 + p * 5)) {
            bad++;
        } else {
            next[p]++;
        }
    }
    say("%d %d %d %d, bad %d", next[0], next[1], next[2], next[3], bad);
    return 0;
}
