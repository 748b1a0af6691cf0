// SPDX-License-Identifier: MIT
// A file without a name lives as long as it is open, and its space is its own.
#include "check.h"

int main(void) {
    put_file("f", "first");
    int fd = MUST(open("f", O_RDWR));
    V(unlink("f"));
    E(open("f", O_RDONLY));
    V(write(fd, "SECOND LIFE", 11));
    put_file("f", "another file");
    char b[32] = "";
    V(pread(fd, b, sizeof b, 0));
    say("%s / %s", b, file_text("f"));
    struct stat open_one;
    struct stat named;
    fstat(fd, &open_one);
    stat("f", &named);
    T(open_one.st_ino != named.st_ino);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    char link_text[512] = "";
    MUST(readlink(path, link_text, sizeof link_text - 1));
    say("its link ends in '%s'", strrchr(link_text, '/'));
    say("opened again: %s", file_text(path));
    IN_CHILD("child", MUST(pwrite(fd, "child", 5, 0)));
    memset(b, 0, sizeof b);
    V(pread(fd, b, sizeof b, 0));
    say("%s", b);
    void *map = mmap(nullptr, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    T(map != MAP_FAILED);
    close(fd);
    say("mapped: %.11s", (char *)map);
    munmap(map, PAGE);
    for (int i = 0; i < 50; i++) {
        int one = MUST(open("t", O_RDWR | O_CREAT | O_EXCL, 0600));
        MUST(unlink("t"));
        MUST(write(one, "temporary", 9));
        if (i % 2 != 0) {
            close(one);
        }
    }
    say("50 temporary files");
    return 0;
}
