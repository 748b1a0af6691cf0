// SPDX-License-Identifier: MIT
// mkdir and rmdir: modes, counts, errors.
#include "check.h"

int main(void) {
    struct stat st;
    umask(022);
    V(mkdir("d", 0777));
    stat("d", &st);
    say("mode %o links %ld", st.st_mode, (long)st.st_nlink);
    V(mkdir("d/e/", 0700));
    stat("d", &st);
    say("links %ld", (long)st.st_nlink);
    E(mkdir("d", 0777));
    E(mkdir("x/y", 0777));
    E(mkdir("", 0777));
    E(mkdir("/", 0777));
    E(mkdir(".", 0777));
    E(mkdir("d/..", 0777));
    put_file("f", "");
    E(mkdir("f", 0777));
    E(mkdir("f/d", 0777));
    E(rmdir("d"));
    E(rmdir("f"));
    E(rmdir("none"));
    E(rmdir("."));
    E(rmdir("d/."));
    E(rmdir("d/.."));
    E(rmdir("/"));
    V(rmdir("d/e"));
    stat("d", &st);
    say("links %ld", (long)st.st_nlink);
    // A directory that is somebody's cwd may go; nothing can be made in it afterwards.
    MUST(chdir("d"));
    V(rmdir("../d"));
    E(open("new", O_CREAT | O_WRONLY, 0644));
    E(mkdir("sub", 0755));
    E(open(".", O_RDONLY));
    E(chdir(".."));
    // 60 levels deep.
    for (int i = 0; i < 60; i++) {
        MUST(mkdir("deep", 0755));
        MUST(chdir("deep"));
    }
    for (int i = 0; i < 60; i++) {
        MUST(chdir(".."));
        MUST(rmdir("deep"));
    }
    say("60 levels made and removed");
    V(mkdir("sticky", 01777));
    stat("sticky", &st);
    say("mode %o", st.st_mode);
    return 0;
}
