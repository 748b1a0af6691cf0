// SPDX-License-Identifier: MIT
// Writes of at most PIPE_BUF bytes into a pipe are never mixed with others.
#include "check.h"

int main(void) {
    int p[2];
    MUST(pipe(p));
    constexpr int WRITERS = 4;
    constexpr int ROUNDS = 60;
    for (int w = 0; w < WRITERS; w++) {
        if (MUST(fork()) == 0) {
            close(p[0]);
            static char record[4096];
            memset(record, 'A' + w, sizeof record);
            for (int i = 0; i < ROUNDS; i++) {
                MUST(write(p[1], record, 4096) == 4096 ? 0 : -1);
            }
            _exit(0);
        }
    }
    close(p[1]);
    int count[WRITERS] = {};
    int torn = 0;
    static char record[4096];
    for (;;) {
        size_t at = 0;
        ssize_t n = 1;
        while (at < sizeof record && (n = read(p[0], record + at, sizeof record - at)) > 0) {
            at += n;
        }
        if (at == 0) {
            break;
        }
        for (size_t i = 1; i < at; i++) {
            torn += record[i] != record[0];
        }
        if (record[0] >= 'A' && record[0] < 'A' + WRITERS && at == sizeof record) {
            count[record[0] - 'A']++;
        }
    }
    for (int w = 0; w < WRITERS; w++) {
        say("writer %c: %d records", 'A' + w, count[w]);
        MUST(wait(nullptr));
    }
    say("torn bytes: %d", torn);
    return 0;
}
