// SPDX-License-Identifier: MIT
// Running the own program again through /proc/self/exe, also when its name is gone.
#include "check.h"

int main(int argc, char **argv) {
    if (argc > 2) {
        int depth = atoi(argv[2]);
        if (depth > 0) {
            char next[8];
            snprintf(next, sizeof next, "%d", depth - 1);
            execl("/proc/self/exe", argv[0], argv[1], next, nullptr);
            return 99;
        }
        char exe[512] = "";
        MUST(readlink("/proc/self/exe", exe, sizeof exe - 1));
        say("%s runs %s", argv[1], strrchr(exe, '/') + 1);
        return 7;
    }
    IN_CHILD("20 times", execl("/proc/self/exe", argv[0], "chain", "20", nullptr));
    int in = MUST(open("/proc/self/exe", O_RDONLY));
    char magic[4];
    MUST(read(in, magic, 4));
    T(memcmp(magic, "\177ELF", 4) == 0);
    MUST(lseek(in, 0, SEEK_SET));
    int out = MUST(open("copy", O_WRONLY | O_CREAT, 0755));
    static char block[65536];
    ssize_t n;
    while ((n = MUST(read(in, block, sizeof block))) > 0) {
        MUST(write(out, block, n) == n ? 0 : -1);
    }
    close(out);
    IN_CHILD("copy", execl("./copy", "copy", "copy", "0", nullptr));
    IN_CHILD("copy through exe", execl("./copy", "copy", "copy", "3", nullptr));
    // Its file may vanish or be renamed; the program runs on and can start itself again.
    MUST(link("copy", "second"));
    IN_CHILD("renamed", MUST(rename("second", "third"));
             execl("./third", "x", "renamed", "1", nullptr));
    int fd = MUST(open("copy", O_RDONLY));
    MUST(unlink("copy"));
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    IN_CHILD("through its descriptor", execl(path, "x", "descriptor", "0", nullptr); E(-1));
    E(open("/proc/self/exe", O_WRONLY));
    return 0;
}
