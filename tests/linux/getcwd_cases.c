// SPDX-License-Identifier: MIT
// getcwd and chdir: depth, moved and removed directories, short buffers.
#include "check.h"

static const char *tail(void) {
    static char cwd[4096];
    if (getcwd(cwd, sizeof cwd) == nullptr) {
        return error_name(errno);
    }
    char *base = getenv("BASE");
    return base != nullptr && strncmp(cwd, base, strlen(base)) == 0 ? cwd + strlen(base) : cwd;
}
int main(void) {
    char base[4096];
    MUST(getcwd(base, sizeof base) == nullptr ? -1 : 0);
    setenv("BASE", base, 1);
    MUST(mkdir("a", 0755));
    MUST(mkdir("a/b", 0755));
    V(chdir("a/b"));
    say("%s", tail());
    V(chdir(".."));
    say("%s", tail());
    V(chdir("./b/../b//"));
    say("%s", tail());
    V(rename("../../a", "../../z"));
    say("%s", tail());
    V(rmdir("../b"));
    say("%s", tail());
    MUST(chdir(base));
    MUST(symlink("z", "link"));
    V(chdir("link"));
    say("%s", tail());
    char small[4];
    E(getcwd(small, sizeof small) == nullptr ? -1 : 0);
    char raw[4096];
    T(syscall(SYS_getcwd, raw, sizeof raw) == (long)strlen(raw) + 1);
    E(chdir("none"));
    put_file("file", "");
    E(chdir("file"));
    E(chdir(""));
    E(fchdir(-1));
    int fd = MUST(open("file", O_RDONLY));
    E(fchdir(fd));
    MUST(chdir("/"));
    say("%s", tail());
    V(chdir("/.."));
    say("%s", tail());
    // The child starts where the parent is and does not move it.
    MUST(chdir(base));
    IN_CHILD("child", say("child at '%s'", tail()); MUST(chdir("z")); say("child at %s", tail()));
    say("parent at '%s'", tail());
    return 0;
}
