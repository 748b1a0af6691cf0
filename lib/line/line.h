// SPDX-License-Identifier: MIT
// The line discipline: input editing, echo, signals by key, flow control, output post-processing.
// Pure; the caller serialises.
#pragma once
#include <lib/line/termios.h>

constexpr u32 LINE_BYTES = 4096;      // one line at most, its newline included; a power of two
constexpr u32 LINE_EXPANSION_MAX = 8; // output bytes of one input byte

enum line_signal : u32 { LINE_INTR = 1, LINE_QUIT = 2, LINE_SUSP = 4 }; // mask

struct line {
    struct tty_termios termios;
    // Positions count for ever; the low bits index buf. tail <= canon <= head <= tail + LINE_BYTES.
    u32 tail;  // next byte to read
    u32 canon; // end of what canonical mode may read; [canon, head) is being edited
    u32 head;
    u8 buf[LINE_BYTES];
    u64 ends[LINE_BYTES / 64]; // byte ends a line
    u64 eofs[LINE_BYTES / 64]; // byte is an end-of-file mark: ends a line and is not delivered
    u32 column;                // of the cursor, as far as output tells
    u32 edit_column;           // where the line being edited began
    bool literal;              // VLNEXT was typed
    bool stopped;              // by VSTOP
    u32 signals;               // line_signal typed, not yet taken
    void (*echo)(void *arg, const char *bytes,
                 size_t n); // already post-processed; may drop when there is no room
    void *arg;
};

void line_init(struct line *l, void (*echo)(void *arg, const char *bytes, size_t n),
               void *arg); // usual settings, 38400 8N1
void line_set(struct line *l,
              const struct tty_termios *t); // keeps input; switching ICANON makes it readable
void line_flush_input(struct line *l);

// Takes bytes as typed; returns how many: fewer when a reader has to make room first (nothing is
// lost then).
size_t line_input(struct line *l, const u8 *bytes, size_t n);
u32 line_take_signals(struct line *l); // and clears them

u32 line_available(
    const struct line *l); // bytes (or end-of-file marks) a read would find; 0: it waits
u32 line_queued(const struct line *l); // FIONREAD: without end-of-file marks
// Reads at most n bytes. *over: in canonical mode, the line (or file) ended with them. n 0 reads
// nothing.
size_t line_read(struct line *l, u8 *out, size_t n, bool *over);

// Post-processes output: consumes bytes while their expansion fits into out; returns bytes written.
size_t line_output(struct line *l, const u8 *bytes, size_t n, char *out, size_t capacity,
                   size_t *consumed);
u32 line_check(const struct line *l); // 0, or the number of the broken invariant
