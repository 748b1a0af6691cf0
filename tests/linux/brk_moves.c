// SPDX-License-Identifier: MIT
// brk: growing, shrinking, zeros, limits; each process has its own.
#include "check.h"

int main(void) {
    char *start = (char *)syscall(SYS_brk, 0);
    T(start != nullptr);
    T((char *)syscall(SYS_brk, 0) == start);
    T((char *)syscall(SYS_brk, start + 3 * PAGE) == start + 3 * PAGE);
    char *page = (char *)(((uintptr_t)start + PAGE - 1) & ~(PAGE - 1));
    say("zero: %d", page[0]);
    memset(page, 'b', 2 * PAGE);
    T((char *)syscall(SYS_brk, page + PAGE) == page + PAGE);
    PROBE_R(page);
    PROBE_R(page + PAGE);
    T((char *)syscall(SYS_brk, page + 2 * PAGE) == page + 2 * PAGE);
    say("kept %c, fresh %d", page[10], page[PAGE + 10]);
    // Requests that cannot be met leave it as it is.
    T((char *)syscall(SYS_brk, 4096) == page + 2 * PAGE);
    T((char *)syscall(SYS_brk, -1L) == page + 2 * PAGE);
    T((char *)syscall(SYS_brk, page + 100) == page + 100);
    PROBE_W(page + 200);
    T((char *)syscall(SYS_brk, start + (64 << 20)) == start + (64 << 20));
    PROBE_W(start + (63 << 20));
    IN_CHILD("child", T((char *)syscall(SYS_brk, 0) == start + (64 << 20)); page[0] = 'c';
             T((char *)syscall(SYS_brk, start) == start); PROBE_R(page + PAGE));
    say("parent: %c", page[0]);
    PROBE_R(page + PAGE);
    T((char *)syscall(SYS_brk, start) == start);
    PROBE_R(page + PAGE);
    return 0;
}
