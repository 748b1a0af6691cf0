// SPDX-License-Identifier: MIT
// sendfile from a file into a pipe and into a file, with and without an offset.
#include "check.h"
#include <sys/sendfile.h>
int main(void) {
    static char data[50000];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (char)(i * 7 + i / 256);
    }
    int in = MUST(open("in", O_RDWR | O_CREAT, 0644));
    MUST(write(in, data, sizeof data));
    MUST(lseek(in, 0, SEEK_SET));
    int out = MUST(open("out", O_RDWR | O_CREAT, 0644));
    V(sendfile(out, in, nullptr, 30000));
    V(lseek(in, 0, SEEK_CUR));
    off_t offset = 30000;
    V(sendfile(out, in, &offset, 100000));
    V(offset);
    V(lseek(in, 0, SEEK_CUR));
    static char back[50000];
    V(pread(out, back, sizeof back, 0));
    T(memcmp(data, back, sizeof data) == 0);
    V(sendfile(out, in, &offset, 10));
    int p[2];
    MUST(pipe(p));
    offset = 100;
    V(sendfile(p[1], in, &offset, 1000));
    V(read(p[0], back, sizeof back));
    T(memcmp(data + 100, back, 1000) == 0);
    E(sendfile(p[1], p[0], nullptr, 10));
    E(sendfile(out, -1, nullptr, 10));
    E(sendfile(-1, in, nullptr, 10));
    int ro = MUST(open("in", O_RDONLY));
    E(sendfile(ro, in, &offset, 10));
    int wo = MUST(open("out", O_WRONLY));
    E(sendfile(out, wo, nullptr, 10));
    offset = -1;
    E(sendfile(out, in, &offset, 10));
    return 0;
}
