// SPDX-License-Identifier: MIT
// User and group ids: setting, dropping for good, groups, what root and others may.
#include "check.h"
#include <grp.h>
static void ids(const char *what) {
    uid_t r;
    uid_t e;
    uid_t s;
    gid_t gr;
    gid_t ge;
    gid_t gs;
    MUST(getresuid(&r, &e, &s));
    MUST(getresgid(&gr, &ge, &gs));
    say("%s: uid %d/%d/%d gid %d/%d/%d", what, r, e, s, gr, ge, gs);
}
int main(void) {
    ids("root");
    IN_CHILD("setuid", E(setuid(1000)); ids("user"); E(setuid(0)); E(setuid(1000)); E(seteuid(0));
             E(setgid(5)); ids("still"));
    IN_CHILD("seteuid", E(seteuid(1000)); ids("for now"); E(seteuid(2000)); E(setuid(0)); ids("?");
             E(seteuid(0)); ids("back"));
    IN_CHILD("setgid", E(setgid(7)); ids("group"); E(setegid(8)); ids("effective"));
    IN_CHILD("setresuid", E(setresuid(1, 2, 3)); ids("three"); E(setresuid(-1, 3, -1));
             ids("saved"); E(setresuid(4, -1, -1)); E(setresuid(2, -1, -1)); ids("end"));
    IN_CHILD("setreuid", E(setreuid(1000, 1001)); ids("two"); E(setreuid(-1, 1000)); ids("one"));
    IN_CHILD("setresgid", E(setresgid(5, 6, 7)); E(setresuid(9, 9, 9)); E(setresgid(6, 7, 5));
             ids("turned"); E(setresgid(8, -1, -1)));
    gid_t groups[4] = {11, 22, 33, 44};
    IN_CHILD("groups", E(setgroups(4, groups)); V(getgroups(0, nullptr)); gid_t got[8] = {};
             V(getgroups(8, got)); say("%d %d %d %d", got[0], got[1], got[2], got[3]);
             E(getgroups(2, got)); E(setgroups(0, nullptr)); V(getgroups(0, nullptr));
             MUST(setuid(1000)); E(setgroups(1, groups)));
    // A group gives its rights.
    MUST(chmod(".", 0755));
    put_file("f", "x");
    MUST(chown("f", 0, 22));
    MUST(chmod("f", 0040));
    IN_CHILD("member", E(setgroups(4, groups)); MUST(setgid(1)); MUST(setuid(1));
             E(open("f", O_RDONLY)); E(open("f", O_WRONLY)));
    IN_CHILD("stranger", E(setgroups(0, nullptr)); MUST(setgid(1)); MUST(setuid(1));
             E(open("f", O_RDONLY)));
    IN_CHILD("negative", E(setuid(-1)); E(setgid(-1)));
    return 0;
}
