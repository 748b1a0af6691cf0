// SPDX-License-Identifier: MIT
// Sticky directories and who may remove what; O_NOFOLLOW and permission bits as user 1000.
#include "check.h"

static void become(int id) {
    MUST(setgid(id));
    MUST(setuid(id));
}
int main(void) {
    MUST(chmod(".", 0755));
    umask(0);
    MUST(mkdir("sticky", 01777));
    MUST(mkdir("open", 0777));
    for (int i = 0; i < 2; i++) {
        MUST(chdir(i == 0 ? "sticky" : "open"));
        put_file("root", "r");
        IN_CHILD("1000", become(1000); put_file("mine", "m"));
        IN_CHILD("1001", become(1001); E(unlink("mine")); E(rename("root", "x"));
                 put_file("other", "o"));
        IN_CHILD("1000", become(1000); E(unlink("mine")); E(unlink("root")); E(unlink("other")));
        MUST(chdir(".."));
    }
    put_file("f640", "x");
    MUST(chmod("f640", 0640));
    MUST(chown("f640", 0, 1000));
    IN_CHILD("group", become(1000); E(open("f640", O_RDONLY)); E(open("f640", O_WRONLY));
             E(chmod("f640", 0666)); E(chown("f640", 1000, 1000));
             E(utimensat(AT_FDCWD, "f640", nullptr, 0)); E(unlink("f640")); E(truncate("f640", 0)));
    put_file("own", "x");
    MUST(chown("own", 1000, 1000));
    IN_CHILD("owner", become(1000); E(chmod("own", 04755)); E(chmod("own", 0));
             E(open("own", O_RDONLY)); E(chown("own", 0, -1)); E(chown("own", 1000, 1000));
             E(chown("own", -1, 1001)); E(mknod("open/dev", S_IFCHR | 0600, 0x103));
             E(chroot("open")); E(sethostname("x", 1)); E(mkfifo("open/fifo", 0600)));
    put_file("group1001", "x");
    MUST(chmod("group1001", 0604));
    MUST(chown("group1001", 0, 1001));
    // The class of the group decides even when the others may do more.
    IN_CHILD("1001", become(1001); E(open("group1001", O_RDONLY)));
    IN_CHILD("1000", become(1000); E(open("group1001", O_RDONLY)));
    return 0;
}
