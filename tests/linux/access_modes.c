// SPDX-License-Identifier: MIT
// access: as root and as user 1000, with real ids.
#include "check.h"

static void table(const char *who) {
    const char *names[] = {"none", "f000", "f400", "f755", "u600", "d700", "d700/x", "f755/x", ""};
    for (int i = 0; i < 9; i++) {
        char line[64] = "";
        for (int mode = 0; mode < 8; mode++) {
            errno = 0;
            char one[16];
            snprintf(one, sizeof one, " %s",
                     access(names[i], mode) == 0 ? "ok" : error_name(errno) + 1);
            strncat(line, one, sizeof line - strlen(line) - 1);
        }
        say("%s %s:%s", who, names[i], line);
    }
}
int main(void) {
    umask(0);
    MUST(chmod(".", 0755));
    close(MUST(open("f000", O_CREAT | O_WRONLY, 0)));
    close(MUST(open("f400", O_CREAT | O_WRONLY, 0400)));
    close(MUST(open("f755", O_CREAT | O_WRONLY, 0755)));
    close(MUST(open("u600", O_CREAT | O_WRONLY, 0600)));
    MUST(chown("u600", 1000, 1000));
    MUST(mkdir("d700", 0700));
    put_file("d700/x", "");
    table("root");
    E(access("f755", 8));
    E(access((char *)8, F_OK));
    IN_CHILD("user", MUST(setgid(1000)); MUST(setuid(1000)); table("user"));
    // access asks for the real user, not for the effective one.
    IN_CHILD("effective user", MUST(seteuid(1000)); E(access("f400", R_OK));
             E(open("f400", O_RDONLY)));
    return 0;
}
