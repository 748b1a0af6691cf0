// SPDX-License-Identifier: MIT
// Theory: one ring holds finished lines and the line being edited; in raw mode everything is
// finished at once. A newline, EOL or EOF character closes the edited line by moving `canon` up to
// `head`. Erasing walks back whole UTF-8 characters and wipes as many columns as the line got
// shorter, which is found by laying the line out again from its start column: that is right for
// tabs, control characters shown as ^X and wide characters alike. Invariants (line_check): 1 tail
// <= canon <= head; 2 head - tail <= LINE_BYTES; 3 raw mode: canon = head.
#include <lib/line/line.h>
#include <lib/mem.h>
#include <lib/utf8.h>

static bool lflag(const struct line *l, u32 bits) { return (l->termios.lflag & bits) == bits; }
static bool iflag(const struct line *l, u32 bits) { return (l->termios.iflag & bits) != 0; }
static bool is_cc(const struct line *l, enum tty_cc which, u8 c) {
    return c != 0 && l->termios.cc[which] == c;
}
static u8 at(const struct line *l, u32 pos) { return l->buf[pos % LINE_BYTES]; }
static bool bit(const u64 *map, u32 pos) {
    return (map[pos % LINE_BYTES / 64] >> (pos % 64) & 1) != 0;
}
static void bit_set(u64 *map, u32 pos, bool on) {
    u64 mask = (u64)1 << (pos % 64);
    u64 *word = &map[pos % LINE_BYTES / 64];
    *word = on ? *word | mask : *word & ~mask;
}

void line_init(struct line *l, void (*echo)(void *arg, const char *bytes, size_t n), void *arg) {
    memset(l, 0, sizeof *l);
    l->echo = echo;
    l->arg = arg;
    struct tty_termios *t = &l->termios;
    t->iflag = TTY_ICRNL | TTY_IXON | TTY_IUTF8;
    t->oflag = TTY_OPOST | TTY_ONLCR;
    t->cflag = 0xf | TTY_CS8 | TTY_CREAD | TTY_HUPCL | TTY_CLOCAL; // B38400
    t->lflag = TTY_ISIG | TTY_ICANON | TTY_ECHO | TTY_ECHOE | TTY_ECHOK | TTY_ECHOCTL | TTY_ECHOKE |
               TTY_IEXTEN;
    static const u8 cc[TTY_NCCS] = {3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0};
    memcpy(t->cc, cc, sizeof cc);
}

void line_set(struct line *l, const struct tty_termios *t) {
    bool was = lflag(l, TTY_ICANON), is = (t->lflag & TTY_ICANON) != 0;
    l->termios = *t;
    if (was != is && l->head != l->tail) {
        l->canon = l->head; // what was typed so far can be read in either mode
        if (is) {
            bit_set(l->ends, l->head - 1, true);
        }
    }
    if ((t->iflag & TTY_IXON) == 0) {
        l->stopped = false;
    }
    l->literal = false;
}

void line_flush_input(struct line *l) {
    l->tail = l->canon = l->head;
    l->literal = false;
}

u32 line_take_signals(struct line *l) {
    u32 s = l->signals;
    l->signals = 0;
    return s;
}

// ---- echo

static void echo_bytes(struct line *l, const u8 *bytes, size_t n) {
    char out[64];
    while (n > 0) {
        size_t used = 0;
        size_t made = line_output(l, bytes, n, out, sizeof out, &used);
        l->echo(l->arg, out, made);
        bytes += used;
        n -= used;
    }
}

static bool shown_as_caret(const struct line *l, u8 c) {
    return lflag(l, TTY_ECHOCTL) && ((c < 0x20 && c != '\t' && c != '\n') || c == 0x7f);
}

static void echo_char(struct line *l, u8 c) {
    u8 pair[2] = {'^', (u8)(c ^ 0x40)};
    if (shown_as_caret(l, c)) {
        echo_bytes(l, pair, 2);
    } else {
        echo_bytes(l, &c, 1);
    }
}

// Column after [canon, end) was echoed.
static u32 column_after(const struct line *l, u32 end) {
    struct utf8 u = {};
    u32 column = l->edit_column;
    for (u32 pos = l->canon; pos != end; pos++) {
        u8 c = at(l, pos);
        u32 code = c;
        if (iflag(l, TTY_IUTF8)) {
            enum utf8_step step = utf8_decode(&u, c, &code);
            if (step == UTF8_MORE) {
                continue;
            }
            if (step == UTF8_AGAIN) {
                column++;
                utf8_decode(&u, c, &code);
                if (u.left > 0) {
                    continue;
                }
            }
        }
        if (code == '\t') {
            column = (column | 7) + 1;
        } else if (code < 0x80) {
            column += shown_as_caret(l, c) ? 2 : code >= 0x20 && code != 0x7f;
        } else {
            column += iflag(l, TTY_IUTF8) ? utf8_width(code) : 1;
        }
    }
    return column;
}

static void wipe(struct line *l, u32 columns) {
    for (u32 i = 0; i < columns && i < 4096; i++) {
        l->echo(l->arg, "\b \b", 3);
    }
    l->column -= MIN(columns, l->column);
}

// ---- editing

// Start of the character before `pos`.
static u32 back_one(const struct line *l, u32 pos) {
    pos--;
    if (iflag(l, TTY_IUTF8)) {
        for (u32 i = 0; i < 3 && pos != l->canon && (at(l, pos) & 0xc0) == 0x80; i++) {
            pos--;
        }
    }
    return pos;
}

static void erase_to(struct line *l, u32 pos) {
    u32 before = lflag(l, TTY_ECHO) ? column_after(l, l->head) : 0;
    l->head = pos;
    if (lflag(l, TTY_ECHO)) {
        wipe(l, before - column_after(l, pos));
    }
}

static void erase_char(struct line *l, u8 c) {
    if (l->head == l->canon) {
        return;
    }
    if (lflag(l, TTY_ECHO) && !lflag(l, TTY_ECHOE)) {
        l->head = back_one(l, l->head);
        echo_char(l, c);
        return;
    }
    erase_to(l, back_one(l, l->head));
}

static bool is_word(u8 c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c >= 0x80;
}

static void erase_word(struct line *l) {
    u32 pos = l->head;
    bool seen = false;
    while (pos != l->canon) {
        u32 previous = back_one(l, pos);
        if (is_word(at(l, previous))) {
            seen = true;
        } else if (seen) {
            break;
        }
        pos = previous;
    }
    erase_to(l, pos);
}

static void erase_line(struct line *l, u8 c) {
    if (lflag(l, TTY_ECHO | TTY_ECHOK | TTY_ECHOE | TTY_ECHOKE)) {
        erase_to(l, l->canon);
        return;
    }
    l->head = l->canon;
    if (lflag(l, TTY_ECHO)) {
        echo_char(l, c);
        if (lflag(l, TTY_ECHOK)) {
            echo_bytes(l, (const u8 *)"\n", 1);
        }
    }
}

static void reprint(struct line *l, u8 c) {
    if (!lflag(l, TTY_ECHO)) {
        return;
    }
    echo_char(l, c);
    echo_bytes(l, (const u8 *)"\n", 1);
    l->edit_column = l->column;
    for (u32 pos = l->canon; pos != l->head; pos++) {
        echo_char(l, at(l, pos));
    }
}

static bool store(struct line *l, u8 c) {
    if (l->head - l->tail >= LINE_BYTES) {
        return false;
    }
    bit_set(l->ends, l->head, false);
    bit_set(l->eofs, l->head, false);
    l->buf[l->head++ % LINE_BYTES] = c;
    return true;
}

static void close_line(struct line *l, u8 c, bool eof) {
    if (store(l, c)) {
        bit_set(l->ends, l->head - 1, true);
        bit_set(l->eofs, l->head - 1, eof);
        l->canon = l->head;
    }
}

static void bell(struct line *l) {
    if (iflag(l, TTY_IMAXBEL)) {
        l->echo(l->arg, "\a", 1);
    }
}

static void add(struct line *l, u8 c) {
    bool canonical = lflag(l, TTY_ICANON);
    u32 room = LINE_BYTES - (l->head - l->tail);
    if (room <= (canonical ? 1 : 0)) { // the last place belongs to what ends the line
        bell(l);
        return;
    }
    if (l->head == l->canon) {
        l->edit_column = l->column;
    }
    store(l, c);
    if (lflag(l, TTY_ECHO)) {
        echo_char(l, c);
    }
    if (!canonical) {
        l->canon = l->head;
    }
}

// ---- one byte

static bool signal_key(struct line *l, u8 c) {
    u32 s = is_cc(l, TTY_VINTR, c)   ? LINE_INTR
            : is_cc(l, TTY_VQUIT, c) ? LINE_QUIT
            : is_cc(l, TTY_VSUSP, c) ? LINE_SUSP
                                     : 0;
    if (s == 0 || !lflag(l, TTY_ISIG)) {
        return false;
    }
    l->signals |= s;
    l->stopped = false;
    if (!lflag(l, TTY_NOFLSH)) {
        line_flush_input(l);
    }
    if (lflag(l, TTY_ECHO)) {
        echo_char(l, c);
    }
    return true;
}

static bool flow_key(struct line *l, u8 c) {
    if (!iflag(l, TTY_IXON)) {
        return false;
    }
    if (is_cc(l, TTY_VSTART, c)) {
        l->stopped = false;
        return true;
    }
    if (is_cc(l, TTY_VSTOP, c)) {
        l->stopped = true;
        return true;
    }
    if (l->stopped && iflag(l, TTY_IXANY)) {
        l->stopped = false;
    }
    return false;
}

// Keys that only edit. False: the byte is part of the line.
static bool edit_key(struct line *l, u8 c) {
    bool extended = lflag(l, TTY_IEXTEN);
    if (is_cc(l, TTY_VERASE, c)) {
        erase_char(l, c);
    } else if (is_cc(l, TTY_VKILL, c)) {
        erase_line(l, c);
    } else if (extended && is_cc(l, TTY_VWERASE, c)) {
        erase_word(l);
    } else if (extended && is_cc(l, TTY_VREPRINT, c)) {
        reprint(l, c);
    } else if (extended && is_cc(l, TTY_VLNEXT, c)) {
        l->literal = true;
        if (lflag(l, TTY_ECHO | TTY_ECHOCTL)) {
            l->echo(l->arg, "^\b", 2);
        }
    } else {
        return false;
    }
    return true;
}

static void canonical_byte(struct line *l, u8 c) {
    if (edit_key(l, c)) {
        return;
    }
    if (c == '\n') {
        if (lflag(l, TTY_ECHO) || lflag(l, TTY_ECHONL)) {
            echo_bytes(l, &c, 1);
        }
        close_line(l, c, false);
    } else if (is_cc(l, TTY_VEOF, c)) {
        close_line(l, 0, true);
    } else if (is_cc(l, TTY_VEOL, c) || (is_cc(l, TTY_VEOL2, c) && lflag(l, TTY_IEXTEN))) {
        if (lflag(l, TTY_ECHO)) {
            echo_char(l, c);
        }
        close_line(l, c, false);
    } else {
        add(l, c);
    }
}

static void input_byte(struct line *l, u8 c) {
    if (iflag(l, TTY_ISTRIP)) {
        c &= 0x7f;
    }
    if (l->literal) {
        l->literal = false;
        add(l, c);
        return;
    }
    if (flow_key(l, c) || signal_key(l, c)) {
        return;
    }
    if (c == '\r') {
        if (iflag(l, TTY_IGNCR)) {
            return;
        }
        c = iflag(l, TTY_ICRNL) ? '\n' : c;
    } else if (c == '\n' && iflag(l, TTY_INLCR)) {
        c = '\r';
    }
    if (lflag(l, TTY_ICANON)) {
        canonical_byte(l, c);
    } else {
        add(l, c);
    }
}

size_t line_input(struct line *l, const u8 *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        bool full = l->head - l->tail >= LINE_BYTES - 1;
        bool control = bytes[i] < 0x20; // might be a signal or flow key: those need no room
        if (full && l->canon != l->tail && !control) {
            return i; // a read makes room
        }
        if (full && control && l->canon != l->tail) {
            bool key = (iflag(l, TTY_IXON) &&
                        (is_cc(l, TTY_VSTART, bytes[i]) || is_cc(l, TTY_VSTOP, bytes[i]))) ||
                       (lflag(l, TTY_ISIG) &&
                        (is_cc(l, TTY_VINTR, bytes[i]) || is_cc(l, TTY_VQUIT, bytes[i]) ||
                         is_cc(l, TTY_VSUSP, bytes[i])));
            if (!key) {
                return i;
            }
        }
        input_byte(l, bytes[i]);
    }
    return n;
}

// ---- reading

u32 line_available(const struct line *l) { return l->canon - l->tail; }

u32 line_queued(const struct line *l) {
    u32 n = 0;
    for (u32 pos = l->tail; pos != l->canon; pos++) {
        n += !bit(l->eofs, pos);
    }
    return n;
}

size_t line_read(struct line *l, u8 *out, size_t n, bool *over) {
    bool canonical = lflag(l, TTY_ICANON);
    size_t done = 0;
    *over = false;
    while (done < n && l->tail != l->canon && !*over) {
        bool eof = bit(l->eofs, l->tail), end = bit(l->ends, l->tail);
        u8 c = at(l, l->tail++);
        if (!eof) {
            out[done++] = c;
        }
        *over = canonical && (eof || end);
    }
    // A mark right behind a full buffer belongs to this read: the next one would take it for end of
    // file.
    if (done > 0 && done == n && !*over && l->tail != l->canon && bit(l->eofs, l->tail)) {
        l->tail++;
        *over = true;
    }
    return done;
}

u32 line_check(const struct line *l) {
    if (l->canon - l->tail > l->head - l->tail) {
        return 1;
    }
    if (l->head - l->tail > LINE_BYTES) {
        return 2;
    }
    return !lflag(l, TTY_ICANON) && l->canon != l->head ? 3 : 0;
}
