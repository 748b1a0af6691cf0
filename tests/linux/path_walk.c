// SPDX-License-Identifier: MIT
// Path walking: //, ., .., trailing slashes, files in the middle, missing search permission.
#include "check.h"

static void look(const char *path) {
    struct stat st;
    if (stat(path, &st) == -1) {
        say("%s: %s", path, error_name(errno));
    } else {
        say("%s: %s", path, S_ISDIR(st.st_mode) ? "directory" : "file");
    }
}
int main(void) {
    MUST(mkdir("a", 0755));
    MUST(mkdir("a/b", 0755));
    put_file("a/f", "x");
    MUST(symlink("/dev", "abs"));
    MUST(symlink("b", "a/rel"));
    const char *paths[] = {"a//b",       "a/./b",  "a/b/..", "a/b/../f",      "./a/f",
                           "a/f/",       "a/f/.",  "a/f/..", "a/none/..",     "abs/null",
                           "a/rel/../f", "a/rel/", "a/b/",   "///dev///null", "/..//../dev",
                           "a/rel/..",   "none/x", "a/b/c/d"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        look(paths[i]);
    }
    MUST(chmod(".", 0755));
    MUST(mkdir("closed", 0700));
    put_file("closed/f", "secret");
    MUST(mkdir("listonly", 0744));
    put_file("listonly/f", "secret");
    MUST(mkdir("walkonly", 0711));
    put_file("walkonly/f", "open");
    IN_CHILD("user", MUST(setgid(1000)); MUST(setuid(1000)); look("closed/f"); look("closed");
             look("listonly/f"); E(open("listonly", O_RDONLY)); look("walkonly/f");
             E(open("walkonly", O_RDONLY)); E(chdir("closed"));
             E(open("a/new", O_CREAT | O_RDWR, 0644)));
    // A chrooted child cannot leave.
    IN_CHILD("chroot", MUST(chroot("a")); MUST(chdir("/")); look("/f"); look("../../../f");
             look("/dev"));
    return 0;
}
