// SPDX-License-Identifier: MIT
// execve: the error of each thing that cannot be run.
#include "check.h"

int main(void) {
    char *args[] = {"x", nullptr};
    put_file("text", "neither elf nor script\n");
    chmod("text", 0755);
    put_file("noexec", "#!/bin/sh\n");
    put_file("empty", "");
    chmod("empty", 0755);
    put_file("badinterp", "#!/no/such/program\n");
    chmod("badinterp", 0755);
    put_file("onlybang", "#!\n");
    chmod("onlybang", 0755);
    put_file("shortelf", "\177ELF");
    chmod("shortelf", 0755);
    char header[64] = "\177ELF\2\1\1";
    int fd = MUST(open("wrongelf", O_CREAT | O_WRONLY, 0755));
    header[16] = 2;
    header[18] = (char)183;
    MUST(write(fd, header, 64));
    close(fd);
    MUST(mkdir("dir", 0755));
    MUST(symlink("loop", "loop"));
    E(execv("./none", args));
    E(execv("./text", args));
    E(execv("./noexec", args));
    E(execv("./empty", args));
    E(execv("./badinterp", args));
    E(execv("./onlybang", args));
    E(execv("./shortelf", args));
    E(execv("./wrongelf", args));
    E(execv("./dir", args));
    E(execv("./text/x", args));
    E(execv("./loop", args));
    E(execv("", args));
    E(execv((char *)8, args));
    E(execve("./text", (char **)8, nullptr));
    E(execv("/dev/null", args));
    MUST(mkfifo("fifo", 0755));
    E(execv("./fifo", args));
    // One argument may be 128 KiB long, the sum a quarter of the stack.
    static char big[140000];
    memset(big, 'x', sizeof big - 1);
    char *too_long[] = {"x", big, nullptr};
    E(execv("/proc/self/exe", too_long));
    static char part[100000];
    memset(part, 'y', sizeof part - 1);
    static char *many[64];
    for (int i = 0; i < 63; i++) {
        many[i] = part;
    }
    E(execv("/proc/self/exe", many));
    int writer = MUST(open("text", O_WRONLY));
    IN_CHILD("a file open for writing", E(execv("./text", args)));
    close(writer);
    IN_CHILD("user without right", MUST(chmod("noexec", 0700)); MUST(setuid(1000));
             E(execv("./noexec", args)));
    say("still here");
    return 0;
}
