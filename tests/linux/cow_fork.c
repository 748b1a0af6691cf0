// SPDX-License-Identifier: MIT
// Copy on write after fork: data, stack, heap, private file pages; in both directions; many
// children.
#include "check.h"

static int data = 1;
static char bss[16 * PAGE];
int main(void) {
    int stack = 2;
    int *heap = malloc(100000);
    heap[0] = 3;
    heap[20000] = 4;
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    MUST(write(fd, "filedata", 8));
    char *file = mmap(nullptr, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    char *touched = mmap(nullptr, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    touched[0] = 'T';
    int a[2];
    int b[2];
    MUST(pipe(a));
    MUST(pipe(b));
    pid_t child = MUST(fork());
    if (child == 0) {
        await_token(a);
        say("child sees %d %d %d %d %.8s %.8s %d", data, stack, heap[0], heap[20000], file, touched,
            bss[5000]);
        data = stack = heap[0] = heap[20000] = 99;
        file[0] = touched[1] = 'C';
        bss[5000] = 77;
        pass_token(b);
        await_token(a);
        say("child sees %d %.8s %.8s %d", data, file, touched, bss[5000]);
        _exit(0);
    }
    data = 10;
    stack = 20;
    heap[0] = 30;
    touched[2] = 'P';
    bss[5000] = 55;
    pass_token(a);
    await_token(b);
    say("parent sees %d %d %d %d %.8s %.8s %d", data, stack, heap[0], heap[20000], file, touched,
        bss[5000]);
    pass_token(a);
    reap("child", child);
    say("file: %s", file_text("f"));
    // 8 children write the same 64 pages at the same time.
    char *pages =
        mmap(nullptr, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 64; i++) {
        pages[i * PAGE] = (char)i;
    }
    for (int c = 0; c < 8; c++) {
        if (MUST(fork()) == 0) {
            int wrong = 0;
            for (int round = 0; round < 20; round++) {
                for (int i = 0; i < 64; i++) {
                    wrong += pages[i * PAGE] != (char)(round == 0 ? i : c + round - 1 + i);
                    pages[i * PAGE] = (char)(c + round + i);
                }
            }
            _exit(wrong != 0);
        }
    }
    int bad = 0;
    for (int c = 0; c < 8; c++) {
        int status;
        MUST(wait(&status));
        bad += status != 0;
    }
    for (int i = 0; i < 64; i++) {
        bad += pages[i * PAGE] != (char)i;
    }
    say("bad: %d", bad);
    return 0;
}
