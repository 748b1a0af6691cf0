// SPDX-License-Identifier: MIT
// Shared memory after fork: anonymous and of a file; atomic counting from several processes.
#include "check.h"

int main(void) {
    _Atomic int *word =
        mmap(nullptr, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    say("zero %d", word[0]);
    IN_CHILD("child", word[0] = 5; word[1024] = 6);
    say("parent sees %d %d", word[0], word[1024]);
    word[0] = 0;
    for (int p = 0; p < 4; p++) {
        if (MUST(fork()) == 0) {
            for (int i = 0; i < 50000; i++) {
                word[0]++;
            }
            _exit(0);
        }
    }
    while (wait(nullptr) > 0) {
    }
    say("counted %d", word[0]);
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    MUST(ftruncate(fd, 2 * PAGE));
    char *mine = mmap(nullptr, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    int step[2];
    int back[2];
    MUST(pipe(step));
    MUST(pipe(back));
    pid_t child = MUST(fork());
    if (child == 0) {
        // One mapping is inherited, another made here: all show the same.
        char *other = mmap(nullptr, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, PAGE);
        await_token(step);
        say("child sees '%s' and '%s'", mine, other);
        strcpy(mine, "from the child");
        strcpy(other + 100, "second page");
        pass_token(back);
        await_token(step);
        say("child sees '%s'", other);
        munmap(mine, 2 * PAGE);
        _exit(0);
    }
    strcpy(mine, "from the parent");
    strcpy(mine + PAGE, "page two");
    pass_token(step);
    await_token(back);
    say("parent sees '%s' and '%s'", mine, mine + PAGE + 100);
    strcpy(mine + PAGE, "changed");
    pass_token(step);
    reap("child", child);
    say("still there: '%s'", mine);
    munmap(mine, 2 * PAGE);
    char text[32] = "";
    V(pread(fd, text, 31, 0));
    say("file: %s", text);
    return 0;
}
