// SPDX-License-Identifier: MIT
// /proc/self/maps: the shape of each line, order, rights, files, stack and heap.
#include "check.h"

static bool find(uintptr_t address, char *rights, char *name, unsigned long *offset) {
    FILE *f = fopen("/proc/self/maps", "r");
    char line[1024];
    unsigned long last = 0;
    bool found = false;
    while (fgets(line, sizeof line, f) != nullptr) {
        unsigned long from;
        unsigned long to;
        char r[8];
        unsigned long off;
        unsigned major_no;
        unsigned minor_no;
        unsigned long inode;
        int used = 0;
        if (sscanf(line, "%lx-%lx %4s %lx %x:%x %lu %n", &from, &to, r, &off, &major_no, &minor_no,
                   &inode, &used) != 7) {
            say("odd line: %s", line);
            continue;
        }
        if (from < last || to <= from || from % PAGE != 0 || to % PAGE != 0) {
            say("odd range");
        }
        last = to;
        if (address >= from && address < to) {
            found = true;
            strcpy(rights, r);
            line[strcspn(line, "\n")] = 0;
            char *base = strrchr(line + used, '/');
            strncpy(name, base != nullptr ? base : line + used, 63);
            *offset = off;
        }
    }
    fclose(f);
    return found;
}
static void show(const char *what, const volatile void *address) {
    char rights[8] = "";
    char name[64] = "";
    unsigned long offset = 0;
    if (find((uintptr_t)address, rights, name, &offset)) {
        say("%s: %s offset %lx '%s'", what, rights, offset, name);
    } else {
        say("%s: not mapped", what);
    }
}
int main(void) {
    int local = 0;
    show("stack", &local);
    char rights[8];
    char name[64] = "";
    unsigned long offset;
    T(find((uintptr_t)main, rights, name, &offset));
    say("code: %s '%s'", rights, name);
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    MUST(ftruncate(fd, 4 * PAGE));
    show("shared", mmap(nullptr, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, PAGE));
    show("private", mmap(nullptr, PAGE, PROT_READ, MAP_PRIVATE, fd, 2 * PAGE));
    char *none = mmap(nullptr, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    show("none", none);
    mprotect(none + PAGE, PAGE, PROT_READ | PROT_EXEC);
    show("middle", none + PAGE);
    show("after", none + 2 * PAGE);
    void *heap = (void *)syscall(SYS_brk, 0);
    syscall(SYS_brk, (char *)heap + 10 * PAGE);
    show("heap", (char *)heap + 5 * PAGE);
    return 0;
}
