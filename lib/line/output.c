// SPDX-License-Identifier: MIT
// Output post-processing and the cursor's column.
#include <lib/line/line.h>
#include <lib/mem.h>

static size_t newline(struct line *l, char *out) {
    u32 o = l->termios.oflag;
    size_t n = 0;
    if ((o & TTY_ONLCR) != 0) {
        out[n++] = '\r';
        l->column = 0;
    }
    if ((o & TTY_ONLRET) != 0) {
        l->column = 0;
    }
    out[n++] = '\n';
    return n;
}

static size_t carriage_return(struct line *l, char *out) {
    u32 o = l->termios.oflag;
    if ((o & TTY_ONOCR) != 0 && l->column == 0) {
        return 0;
    }
    if ((o & TTY_OCRNL) != 0) {
        return newline(l, out);
    }
    l->column = 0;
    out[0] = '\r';
    return 1;
}

static size_t tab(struct line *l, char *out) {
    u32 width = 8 - (l->column & 7);
    l->column += width;
    if ((l->termios.oflag & TTY_TABDLY) == TTY_XTABS) {
        memset(out, ' ', width);
        return width;
    }
    out[0] = '\t';
    return 1;
}

static size_t byte_out(struct line *l, u8 c, char *out) {
    switch (c) {
    case '\n':
        return newline(l, out);
    case '\r':
        return carriage_return(l, out);
    case '\t':
        return tab(l, out);
    case '\b':
        l->column -= l->column > 0;
        break;
    default:
        if (c >= 0x20 && c != 0x7f && ((l->termios.iflag & TTY_IUTF8) == 0 || (c & 0xc0) != 0x80)) {
            l->column++;
        }
        break;
    }
    out[0] = (char)c;
    return 1;
}

size_t line_output(struct line *l, const u8 *bytes, size_t n, char *out, size_t capacity,
                   size_t *consumed) {
    size_t made = 0, used = 0;
    if ((l->termios.oflag & TTY_OPOST) == 0) {
        made = used = MIN(n, capacity);
        memcpy(out, bytes, made);
    }
    while (used < n && made + LINE_EXPANSION_MAX <= capacity &&
           (l->termios.oflag & TTY_OPOST) != 0) {
        made += byte_out(l, bytes[used++], out + made);
    }
    *consumed = used;
    return made;
}
