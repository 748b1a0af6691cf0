// SPDX-License-Identifier: MIT
// Any bytes on small screens: the invariants hold after every piece.
#include <lib/vt/vt.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes);

static void reply(void *arg, const char *text, size_t n) {
    u32 *sum = arg;
    for (size_t i = 0; i < n; i++) {
        *sum += (u8)text[i];
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes) {
    if (bytes < 2) {
        return 0;
    }
    u16 rows = (u16)(2 + data[0] % 12), cols = (u16)(2 + data[1] % 30);
    struct vt *v = malloc(sizeof *v);
    void *memory = calloc(1, vt_bytes(rows, cols));
    u32 sum = 0;
    vt_init(v, rows, cols, memory);
    v->reply = reply;
    v->arg = &sum;
    for (size_t at = 2; at < bytes;) {
        size_t n = MIN(bytes - at, (size_t)7);
        vt_write(v, (const char *)data + at, n);
        if (vt_check(v) != 0) {
            abort();
        }
        at += n;
    }
    free(memory);
    free(v);
    return 0;
}
