// SPDX-License-Identifier: MIT
// chown: owners, -1, links, set-id bits that fall away.
#include "check.h"

static void owner(const char *path) {
    struct stat st;
    MUST(lstat(path, &st));
    say("%s: %d:%d %o", path, (int)st.st_uid, (int)st.st_gid, st.st_mode);
}
int main(void) {
    put_file("f", "x");
    MUST(symlink("f", "s"));
    owner("f");
    V(chown("f", 1000, 100));
    owner("f");
    V(chown("f", -1, 50));
    owner("f");
    V(chown("f", 7, -1));
    owner("f");
    V(chown("s", 8, 8));
    owner("f");
    V(lchown("s", 9, 9));
    owner("f");
    owner("s");
    int fd = MUST(open("f", O_RDONLY));
    V(fchown(fd, 10, 10));
    owner("f");
    MUST(chmod("f", 06755));
    V(chown("f", 11, 11));
    owner("f");
    MUST(chmod("f", 06644));
    V(chown("f", 12, 12));
    owner("f");
    E(chown("none", 1, 1));
    E(fchown(-1, 1, 1));
    // A directory with the set-group bit hands its group to what is made in it.
    MUST(mkdir("d", 0755));
    MUST(chown("d", 0, 42));
    MUST(chmod("d", 02775));
    put_file("d/f", "");
    MUST(mkdir("d/e", 0755));
    owner("d/f");
    owner("d/e");
    return 0;
}
