// SPDX-License-Identifier: MIT
// ftruncate and truncate: shrinking, growing with zeros, errors.
#include "check.h"

int main(void) {
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    static char b[20000];
    memset(b, 'a', sizeof b);
    MUST(write(fd, b, sizeof b));
    V(ftruncate(fd, 5000));
    V(lseek(fd, 0, SEEK_END));
    V(ftruncate(fd, 12000));
    V(pread(fd, b, sizeof b, 0));
    int wrong = 0;
    for (int i = 0; i < 12000; i++) {
        wrong += b[i] != (i < 5000 ? 'a' : 0);
    }
    say("wrong bytes: %d", wrong);
    V(ftruncate(fd, 0));
    V(pread(fd, b, 1, 0));
    E(ftruncate(fd, -1));
    V(truncate("f", 3));
    E(truncate("absent", 3));
    E(truncate(".", 3));
    int ro = MUST(open("f", O_RDONLY));
    E(ftruncate(ro, 0));
    int p[2];
    MUST(pipe(p));
    E(ftruncate(p[1], 0));
    // The position stays where it was; a write there leaves a hole.
    MUST(lseek(fd, 10, SEEK_SET));
    V(write(fd, "x", 1));
    struct stat st;
    fstat(fd, &st);
    say("size %ld", (long)st.st_size);
    struct rlimit limit = {4096, RLIM_INFINITY};
    setrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, SIG_IGN);
    E(ftruncate(fd, 5000));
    V(pwrite(fd, b, 100, 4090));
    E(pwrite(fd, b, 100, 4096));
    signal(SIGXFSZ, SIG_DFL);
    IN_CHILD("over the limit", pwrite(fd, b, 100, 4096));
    return 0;
}
