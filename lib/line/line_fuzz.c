// SPDX-License-Identifier: MIT
// Any settings, any bytes, reads in between: the invariants hold and nothing leaves the buffers.
#include <lib/line/line.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes);

static void echo(void *arg, const char *text, size_t n) {
    u32 *sum = arg;
    for (size_t i = 0; i < n; i++) {
        *sum += (u8)text[i];
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes) {
    struct line *l = malloc(sizeof *l);
    u32 sum = 0;
    u8 out[300];
    line_init(l, echo, &sum);
    while (bytes >= 12) {
        struct tty_termios t = l->termios;
        bool over;
        size_t used, n = MIN((size_t)data[0], bytes - 12);
        if ((data[1] & 1) != 0) {
            memcpy(&t.iflag, data + 2, 2);
            memcpy(&t.oflag, data + 4, 2);
            memcpy(&t.lflag, data + 6, 2);
            t.cc[data[8] % TTY_NCCS] = data[9];
            line_set(l, &t);
        }
        for (u32 again = 0; again < (data[1] >> 4) + 1u; again++) {
            line_input(l, data + 12, n);
        }
        char cooked[64];
        line_output(l, data + 12, n, cooked, sizeof cooked, &used);
        if (used > n || line_queued(l) > line_available(l)) {
            abort();
        }
        line_read(l, out, data[10], &over);
        if ((data[1] & 2) != 0) {
            line_flush_input(l);
        }
        if (line_check(l) != 0) {
            abort();
        }
        data += 12 + n;
        bytes -= 12 + n;
    }
    free(l);
    return 0;
}
