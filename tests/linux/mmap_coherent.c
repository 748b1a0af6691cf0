// SPDX-License-Identifier: MIT
// One file, many ways: mmap, read, write, pread, O_APPEND, truncate all show the same bytes.
#include "check.h"

int main(void) {
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    int second = MUST(open("f", O_RDWR));
    MUST(ftruncate(fd, 3 * PAGE));
    char *shared = mmap(nullptr, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *private = mmap(nullptr, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    char b[32] = "";
    MUST(pwrite(second, "by write", 8, PAGE - 4));
    say("shared %.8s private %.8s", shared + PAGE - 4, private + PAGE - 4);
    memcpy(shared + PAGE - 2, "MAPPED", 6);
    V(pread(second, b, 8, PAGE - 4));
    say("read %s", b);
    private[PAGE - 4] = '!';
    MUST(pwrite(second, "new text", 8, PAGE - 4));
    say("shared %.8s private %.8s", shared + PAGE - 4, private + PAGE - 4);
    MUST(pread(fd, b, 8, PAGE - 4));
    say("read %s", b);
    // Writing from the mapping into its own file.
    memcpy(shared, "source", 6);
    V(pwrite(fd, shared, 6, 2 * PAGE));
    say("%.6s", shared + 2 * PAGE);
    V(pread(fd, shared + 100, 6, 2 * PAGE));
    say("%.6s", shared + 100);
    // What a shrinking file loses comes back as zeros.
    MUST(ftruncate(fd, 2 * PAGE + 3));
    MUST(ftruncate(fd, 2 * PAGE + 30));
    say("%.6s %d %d", shared + 2 * PAGE, shared[2 * PAGE + 2], shared[2 * PAGE + 3]);
    munmap(shared, 3 * PAGE);
    MUST(fsync(fd));
    close(fd);
    close(second);
    fd = MUST(open("f", O_RDONLY));
    MUST(pread(fd, b, 8, PAGE - 4));
    say("opened again %.8s", b);
    struct stat st;
    fstat(fd, &st);
    V(st.st_size);
    return 0;
}
