// SPDX-License-Identifier: MIT
// /dev/null, zero, full, random, urandom: reading, writing, seeking, mapping.
#include "check.h"

int main(void) {
    char b[64];
    int null = MUST(open("/dev/null", O_RDWR));
    V(read(null, b, 64));
    V(write(null, b, 64));
    V(lseek(null, 100, SEEK_SET));
    int zero = MUST(open("/dev/zero", O_RDWR));
    memset(b, 'x', 64);
    V(read(zero, b, 64));
    say("%d %d", b[0], b[63]);
    V(write(zero, b, 64));
    char *map = mmap(nullptr, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
    T(map != MAP_FAILED && map[5] == 0);
    map[5] = 1;
    int full = MUST(open("/dev/full", O_RDWR));
    E(write(full, b, 1));
    V(read(full, b, 64));
    const char *names[] = {"/dev/random", "/dev/urandom"};
    for (int i = 0; i < 2; i++) {
        int fd = MUST(open(names[i], O_RDWR));
        unsigned char one[32] = {};
        unsigned char two[32] = {};
        V(read(fd, one, 32));
        V(read(fd, two, 32));
        T(memcmp(one, two, 32) != 0);
        V(write(fd, "seed", 4));
        close(fd);
    }
    const char *all[] = {"null", "zero", "full", "random", "urandom", "tty"};
    for (int i = 0; i < 6; i++) {
        char path[32];
        snprintf(path, sizeof path, "/dev/%s", all[i]);
        struct stat st;
        MUST(stat(path, &st));
        say("%s: %o %lx", all[i], st.st_mode, (long)st.st_rdev);
    }
    // A node of one's own in any directory is the same device.
    MUST(mknod("mynull", S_IFCHR | 0666, 0x103));
    int own = open("mynull", O_RDWR);
    if (own >= 0) {
        V(read(own, b, 1));
        V(write(own, b, 7));
    } else {
        say("own node: %s", error_name(errno));
    }
    MUST(mknod("nodriver", S_IFCHR | 0666, 0xc800));
    E(open("nodriver", O_RDWR));
    E(ftruncate(null, 0));
    E(open("/dev/null", O_RDONLY | O_DIRECTORY));
    E(open("/dev/null/x", O_RDONLY));
    V(access("/dev/stdin", F_OK) == 0 && access("/dev/fd", F_OK) == 0);
    T(open("/dev/null", O_WRONLY | O_TRUNC | O_CREAT, 0644) >= 0);
    return 0;
}
