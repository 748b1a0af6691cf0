// SPDX-License-Identifier: MIT
// link: counts, shared data, errors.
#include "check.h"

int main(void) {
    put_file("a", "one");
    struct stat st;
    V(link("a", "b"));
    stat("a", &st);
    V(st.st_nlink);
    put_file("b", "two");
    say("a: %s", file_text("a"));
    E(link("a", "b"));
    E(link("absent", "c"));
    MUST(mkdir("d", 0755));
    E(link("d", "e"));
    E(link("a", "d"));
    E(link("a", "nodir/x"));
    E(link("a", "b/x"));
    MUST(symlink("a", "s"));
    V(link("s", "s2"));
    lstat("s2", &st);
    T(S_ISLNK(st.st_mode));
    V(st.st_nlink);
    V(linkat(AT_FDCWD, "s", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW));
    stat("followed", &st);
    V(st.st_nlink);
    int fd = MUST(open("a", O_RDONLY));
    V(unlink("a"));
    fstat(fd, &st);
    V(st.st_nlink);
    E(unlink("a"));
    V(unlink("b"));
    V(unlink("followed"));
    fstat(fd, &st);
    V(st.st_nlink);
    char b[8] = "";
    V(read(fd, b, 8));
    say("after the last unlink: %s", b);
    E(unlink("d"));
    E(unlink("d/"));
    E(unlink("."));
    E(unlink(""));
    E(unlink("s/"));
    return 0;
}
