// SPDX-License-Identifier: MIT
// fsync, fdatasync, sync, statfs: what answers and what does not.
#include "check.h"
#include <sys/statfs.h>
int main(void) {
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    MUST(write(fd, "x", 1));
    V(fsync(fd));
    V(fdatasync(fd));
    int dir = MUST(open(".", O_RDONLY | O_DIRECTORY));
    V(fsync(dir));
    int ro = MUST(open("f", O_RDONLY));
    V(fsync(ro));
    int p[2];
    MUST(pipe(p));
    E(fsync(p[0]));
    E(fsync(-1));
    sync();
    struct statfs s;
    V(statfs(".", &s));
    T(s.f_bsize >= 512 && s.f_blocks > 0 && s.f_bfree <= s.f_blocks && s.f_bavail <= s.f_bfree);
    V(s.f_namelen);
    unsigned long free_before = s.f_bfree * s.f_bsize;
    static char data[1 << 20];
    memset(data, 7, sizeof data);
    for (int i = 0; i < 8; i++) {
        MUST(write(fd, data, sizeof data));
    }
    MUST(fsync(fd));
    MUST(fstatfs(fd, &s));
    T(s.f_bfree * s.f_bsize < free_before);
    E(statfs("none", &s));
    E(fstatfs(-1, &s));
    V(statfs("/proc", &s));
    say("type of /proc: %lx", (long)s.f_type);
    E(statfs("f/x", &s));
    return 0;
}
