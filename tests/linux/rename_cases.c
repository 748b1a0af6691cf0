// SPDX-License-Identifier: MIT
// rename: files over files, kinds that do not fit, links to the same file.
#include "check.h"

int main(void) {
    put_file("a", "A");
    put_file("b", "B");
    MUST(mkdir("d", 0755));
    MUST(mkdir("e", 0755));
    put_file("e/in", "x");
    V(rename("a", "b"));
    say("b holds %s, a: %s", file_text("b"), file_text("a"));
    E(rename("absent", "b"));
    E(rename("b", "d"));
    E(rename("d", "b"));
    E(rename("d", "e"));
    V(rename("e", "d"));
    say("moved: %s", file_text("d/in"));
    E(rename("d", "d/sub"));
    E(rename("d", "d/sub/deep"));
    E(rename(".", "x"));
    E(rename("d", ".."));
    E(rename("d/..", "x"));
    E(rename("b", "none/b"));
    E(rename("b", "c/"));
    V(rename("d", "n/"));
    V(rename("b", "b"));
    MUST(link("b", "hard"));
    V(rename("b", "hard"));
    say("both stay: %d %d", access("b", F_OK), access("hard", F_OK));
    MUST(symlink("b", "s"));
    V(rename("s", "t"));
    char target[16] = "";
    V(readlink("t", target, sizeof target));
    V(rename("b", "t"));
    struct stat st;
    lstat("t", &st);
    T(S_ISREG(st.st_mode));
    V(st.st_nlink);
    E(rename("t", ""));
    E(rename("t", "t/x"));
    return 0;
}
