// SPDX-License-Identifier: MIT
// O_TMPFILE: a file that never had a name, and giving it one.
#include "check.h"

int main(void) {
    int fd = open(".", O_TMPFILE | O_RDWR, 0600);
    if (fd == -1) {
        say("O_TMPFILE: %s", error_name(errno));
        return 0;
    }
    struct stat st;
    fstat(fd, &st);
    say("mode %o links %ld", st.st_mode, (long)st.st_nlink);
    V(write(fd, "hidden", 6));
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    V(linkat(AT_FDCWD, path, AT_FDCWD, "shown", AT_SYMLINK_FOLLOW));
    say("%s", file_text("shown"));
    fstat(fd, &st);
    V(st.st_nlink);
    E(open(".", O_TMPFILE | O_RDONLY, 0600));
    E(open("shown", O_TMPFILE | O_RDWR, 0600));
    return 0;
}
