// SPDX-License-Identifier: MIT
// A set-user-id program: effective and saved ids, AT_SECURE, files it makes.
#include "check.h"
#include <sys/auxv.h>
int main(int argc, char **argv) {
    if (argc > 1) {
        uid_t r;
        uid_t e;
        uid_t s;
        MUST(getresuid(&r, &e, &s));
        say("%s: uid %d/%d/%d egid %d secure %ld", argv[1], r, e, s, getegid(),
            getauxval(AT_SECURE));
        if (e != r) {
            put_file("made", "x");
            struct stat st;
            MUST(stat("made", &st));
            say("made by %d", st.st_uid);
            MUST(unlink("made"));
            E(seteuid(r));
            E(seteuid(e));
        }
        return 0;
    }
    umask(0);
    MUST(chmod(".", 0777));
    int in = MUST(open("/proc/self/exe", O_RDONLY));
    int out = MUST(open("prog", O_CREAT | O_WRONLY, 0755));
    static char block[65536];
    ssize_t n;
    while ((n = MUST(read(in, block, sizeof block))) > 0) {
        MUST(write(out, block, n));
    }
    close(out);
    MUST(chown("prog", 1234, 4321));
    IN_CHILD("plain", MUST(setgid(1000)); MUST(setuid(1000));
             execl("./prog", "prog", "plain", nullptr));
    MUST(chmod("prog", 04755));
    IN_CHILD("setuid", MUST(setgid(1000)); MUST(setuid(1000));
             execl("./prog", "prog", "setuid", nullptr));
    MUST(chmod("prog", 02755));
    IN_CHILD("setgid", MUST(setgid(1000)); MUST(setuid(1000));
             execl("./prog", "prog", "setgid", nullptr));
    MUST(chmod("prog", 04755));
    IN_CHILD("by root", execl("./prog", "prog", "by root", nullptr));
    // Writing into it takes the bit away.
    IN_CHILD("write", MUST(chmod("prog", 06777)); MUST(setuid(1000));
             int fd = MUST(open("prog", O_WRONLY)); MUST(pwrite(fd, "\177", 1, 0)));
    struct stat st;
    stat("prog", &st);
    say("mode %o", st.st_mode);
    return 0;
}
