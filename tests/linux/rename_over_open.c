// SPDX-License-Identifier: MIT
// rename over a file that is open: the old data stay readable, the name shows the new ones.
#include "check.h"

int main(void) {
    put_file("old", "old data");
    put_file("new", "new data");
    int fd = MUST(open("old", O_RDWR));
    V(rename("new", "old"));
    char b[32] = "";
    V(read(fd, b, sizeof b));
    say("open file: %s", b);
    say("name: %s", file_text("old"));
    struct stat st;
    fstat(fd, &st);
    V(st.st_nlink);
    V(pwrite(fd, "still writable", 14, 0));
    memset(b, 0, sizeof b);
    V(pread(fd, b, sizeof b, 0));
    say("open file: %s", b);
    say("name: %s", file_text("old"));
    // The same many times: what a data base does at each commit.
    for (int i = 0; i < 200; i++) {
        char text[16];
        snprintf(text, sizeof text, "round %d", i);
        put_file("tmp", text);
        MUST(rename("tmp", "old"));
        if (strcmp(file_text("old"), text) != 0) {
            say("round %d shows %s", i, file_text("old"));
        }
    }
    say("last: %s", file_text("old"));
    // An empty directory is replaced while a descriptor to it is open.
    MUST(mkdir("d1", 0755));
    MUST(mkdir("d2", 0755));
    put_file("d1/f", "x");
    int dir = MUST(open("d2", O_RDONLY | O_DIRECTORY));
    V(rename("d1", "d2"));
    E(openat(dir, "f", O_RDONLY));
    E(openat(dir, "g", O_RDWR | O_CREAT, 0644));
    say("new d2 has f: %d", access("d2/f", F_OK));
    return 0;
}
