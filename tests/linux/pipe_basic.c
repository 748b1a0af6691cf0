// SPDX-License-Identifier: MIT
// Pipes: order of bytes, short reads, end of file, blocking, size.
#include "check.h"

int main(void) {
    int p[2];
    V(pipe(p));
    struct stat st;
    fstat(p[0], &st);
    T(S_ISFIFO(st.st_mode));
    V(write(p[1], "hello world", 11));
    char b[64] = "";
    V(read(p[0], b, 5));
    say("%s", b);
    V(read(p[0], b, 64));
    say("%.6s", b);
    E(write(p[0], "x", 1));
    E(read(p[1], b, 1));
    V(write(p[1], "", 0));
    // The reader waits until something comes.
    pid_t child = MUST(fork());
    if (child == 0) {
        V(read(p[0], b, 64));
        say("child has %.3s", b);
        close(p[1]);
        V(read(p[0], b, 64));
        _exit(0);
    }
    await_state(child, 'S');
    MUST(write(p[1], "abc", 3));
    close(p[1]);
    reap("reader", child);
    V(read(p[0], b, 64));
    // One megabyte through a pipe: nothing is lost, order is kept.
    MUST(pipe(p));
    child = MUST(fork());
    if (child == 0) {
        close(p[0]);
        static unsigned data[4096];
        for (unsigned i = 0; i < 64; i++) {
            for (unsigned j = 0; j < 4096; j++) {
                data[j] = i * 4096 + j;
            }
            for (size_t at = 0; at < sizeof data;) {
                at += MUST(write(p[1], (char *)data + at, sizeof data - at));
            }
        }
        _exit(0);
    }
    close(p[1]);
    FILE *f = fdopen(p[0], "r");
    unsigned value;
    unsigned expected = 0;
    while (fread(&value, sizeof value, 1, f) == 1 && value == expected) {
        expected++;
    }
    say("words in order: %u", expected);
    reap("writer", child);
    return 0;
}
