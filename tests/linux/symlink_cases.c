// SPDX-License-Identifier: MIT
// symlinks: reading, following, loops, length, what lstat says.
#include "check.h"

int main(void) {
    MUST(mkdir("d", 0755));
    put_file("d/f", "found");
    V(symlink("d/f", "s"));
    say("%s", file_text("s"));
    char b[16];
    memset(b, '#', sizeof b);
    V(readlink("s", b, sizeof b));
    say("%.4s", b);
    V(readlink("s", b, 2));
    say("%.4s", b);
    E(readlink("d", b, sizeof b));
    E(readlink("d/f", b, sizeof b));
    E(readlink("none", b, sizeof b));
    E(syscall(SYS_readlink, "s", b, 0));
    E(symlink("x", "s"));
    E(symlink("", "empty"));
    E(symlink("x", "nodir/s"));
    struct stat st;
    lstat("s", &st);
    say("mode %o size %ld", st.st_mode, (long)st.st_size);
    V(symlink("..", "d/up"));
    say("%s", file_text("d/up/d/up/s"));
    // 40 links in a row are followed, 41 are not.
    char from[16] = "d/f";
    for (int i = 0; i < 41; i++) {
        char to[16];
        snprintf(to, sizeof to, "l%d", i);
        MUST(symlink(from, to));
        strcpy(from, to);
    }
    say("40 links: %s", file_text("l39"));
    say("41 links: %s", file_text("l40"));
    MUST(symlink("b2", "a2"));
    MUST(symlink("a2", "b2"));
    E(open("a2", O_RDONLY));
    E(stat("a2", &st));
    E(lstat("a2", &st));
    E(chdir("a2"));
    MUST(symlink("d", "dirlink"));
    E(rmdir("dirlink"));
    V(lstat("dirlink/", &st));
    T(S_ISDIR(st.st_mode));
    E(mkdir("dirlink", 0755));
    V(unlink("dirlink"));
    MUST(symlink("s/", "slash"));
    E(open("slash", O_RDONLY));
    return 0;
}
