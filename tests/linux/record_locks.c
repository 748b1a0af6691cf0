// SPDX-License-Identifier: MIT
// Record locks between processes: conflicts, splits, GETLK, waiting, release at close and exit.
#include "check.h"

static int lock(int fd, int cmd, short type, long start, long length) {
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    return fcntl(fd, cmd, &l);
}
static void who(int fd, short type, long start, long length) {
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    MUST(fcntl(fd, F_GETLK, &l));
    say("getlk %ld+%ld: %s %ld+%ld%s", start, length,
        l.l_type == F_UNLCK   ? "free"
        : l.l_type == F_RDLCK ? "read"
                              : "write",
        (long)l.l_start, (long)l.l_len,
        l.l_type == F_UNLCK    ? ""
        : l.l_pid == getppid() ? " by the parent"
                               : " by another");
}
int main(void) {
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    int go[2];
    int done[2];
    MUST(pipe(go));
    MUST(pipe(done));
    V(lock(fd, F_SETLK, F_WRLCK, 0x40000000, 100));
    V(lock(fd, F_SETLK, F_RDLCK, 0x40000000 + 40, 20));
    pid_t child = MUST(fork());
    if (child == 0) {
        int mine = MUST(open("f", O_RDWR));
        who(mine, F_WRLCK, 0x40000000, 10);
        who(mine, F_WRLCK, 0x40000000 + 45, 1);
        who(mine, F_RDLCK, 0x40000000 + 45, 1);
        who(mine, F_WRLCK, 0x40000000 + 70, 0);
        who(mine, F_WRLCK, 0, 100);
        E(lock(mine, F_SETLK, F_WRLCK, 0x40000000 + 50, 1));
        E(lock(mine, F_SETLK, F_RDLCK, 0x40000000 + 50, 1));
        V(lock(mine, F_SETLK, F_UNLCK, 0x40000000 + 50, 1));
        V(lock(mine, F_SETLK, F_WRLCK, 0, 10));
        pass_token(done);
        V(lock(mine, F_SETLKW, F_WRLCK, 0x40000000, 100));
        pass_token(done);
        await_token(go);
        _exit(0);
    }
    await_token(done);
    await_state(child, 'S');
    E(lock(fd, F_SETLK, F_WRLCK, 5, 1));
    // Each of them would wait for the other.
    E(lock(fd, F_SETLKW, F_WRLCK, 5, 1));
    say("parent lets go");
    // Closing any descriptor of the file drops all locks of the process.
    close(MUST(open("f", O_RDONLY)));
    await_token(done);
    E(lock(fd, F_SETLK, F_RDLCK, 0x40000000, 1));
    pass_token(go);
    reap("child", child);
    V(lock(fd, F_SETLK, F_WRLCK, 0, 0));
    int ro = MUST(open("f", O_RDONLY));
    E(lock(ro, F_SETLK, F_WRLCK, 0, 1));
    E(lock(ro, F_SETLK, 99, 0, 1));
    E(lock(ro, F_SETLK, F_RDLCK, -5, 1));
    return 0;
}
