// SPDX-License-Identifier: MIT
// Sessions and process groups: setsid, setpgid, getsid and their EPERM rules.
#include "check.h"

int main(void) {
    // The program is the leader of its session here.
    IN_CHILD("leader", T(getpgrp() != getpid()); T(setsid() == getpid());
             T(getsid(0) == getpid() && getpgrp() == getpid()); E(setsid()); E(setpgid(0, 0));
             E(setpgid(0, getppid())));
    IN_CHILD("group", E(setpgid(0, 0)); T(getpgrp() == getpid()); E(setsid()); E(setpgid(0, 0));
             E(setpgid(getpid(), getpid())));
    E(setpgid(0, -1));
    E(setpgid(0x3ffffff, 0));
    E(setpgid(getppid(), 0));
    E(getpgid(0x3ffffff));
    E(getsid(0x3ffffff));
    int go[2];
    int ready[2];
    MUST(pipe(go));
    MUST(pipe(ready));
    char c;
    pid_t a = MUST(fork());
    if (a == 0) {
        close(go[1]);
        MUST(read(go[0], &c, 1));
        _exit(0);
    }
    E(setpgid(a, a));
    T(getpgid(a) == a && getsid(a) == getsid(0));
    pid_t b = MUST(fork());
    if (b == 0) {
        E(setpgid(0, a));
        T(getpgrp() == a);
        E(setpgid(0, 0x3ffffff));
        E(setpgid(a, 0));
        pass_token(ready);
        close(go[1]);
        MUST(read(go[0], &c, 1));
        _exit(0);
    }
    await_token(ready);
    E(setpgid(b, getpgrp()));
    T(getpgid(b) == getpgrp());
    // Another session is out of reach.
    pid_t d = MUST(fork());
    if (d == 0) {
        MUST(setsid());
        pass_token(ready);
        close(go[1]);
        MUST(read(go[0], &c, 1));
        _exit(0);
    }
    await_token(ready);
    E(setpgid(d, getpgrp()));
    E(setpgid(b, d));
    IN_CHILD("joiner", E(setpgid(0, d)));
    close(go[1]);
    for (int i = 0; i < 3; i++) {
        MUST(wait(nullptr));
    }
    // A group lives on when its leader is gone.
    pid_t leader = MUST(fork());
    if (leader == 0) {
        MUST(setpgid(0, 0));
        pid_t member = MUST(fork());
        if (member == 0) {
            while (getppid() == getpgrp()) {
                sleep_ms(1);
            }
            E(kill(-getpgrp(), 0));
            T(getpgrp() != getpid());
            MUST(write(ready[1], "x", 1));
            _exit(0);
        }
        _exit(0);
    }
    await_token(ready);
    reap("leader", leader);
    return 0;
}
