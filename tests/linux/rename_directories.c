// SPDX-License-Identifier: MIT
// rename of directories: .. follows, the open one moves along, link counts.
#include "check.h"

static long links(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 ? (long)st.st_nlink : -errno;
}
static ino_t inode(const char *path) {
    struct stat st;
    MUST(stat(path, &st));
    return st.st_ino;
}
int main(void) {
    MUST(mkdir("a", 0755));
    MUST(mkdir("b", 0755));
    MUST(mkdir("a/sub", 0755));
    put_file("a/sub/file", "inside");
    V(links("a"));
    V(links("b"));
    ino_t sub = inode("a/sub");
    int dir = MUST(open("a/sub", O_RDONLY | O_DIRECTORY));
    V(rename("a/sub", "b/moved"));
    V(links("a"));
    V(links("b"));
    T(inode("b/moved") == sub);
    T(inode("b/moved/..") == inode("b"));
    int file = openat(dir, "file", O_RDONLY);
    say("through the open directory: %s", file >= 0 ? "ok" : error_name(errno));
    MUST(fchdir(dir));
    char cwd[4096];
    MUST(getcwd(cwd, sizeof cwd) == nullptr ? -1 : 0);
    say("cwd ends in %s", strrchr(cwd, '/'));
    MUST(chdir("../.."));
    V(rename("b/moved", "a"));
    say("a now holds the file: %d", access("a/file", F_OK));
    T(inode("a/..") == inode("."));
    MUST(symlink("a", "s"));
    V(rename("s", "s2"));
    E(rename("s2/", "s3"));
    V(rename("s2/file", "b/file"));
    E(rmdir("b"));
    V(unlink("b/file"));
    V(rmdir("b"));
    return 0;
}
