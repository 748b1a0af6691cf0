// SPDX-License-Identifier: MIT
// The ring holds the newest RING_BYTES of text; positions count all bytes ever written, and a
// position modulo the size is its place. One writer at a time, interrupts off: the lock is a word
// with the writer's CPU, no spinlock of locks.def, because the log must work inside every lock, in
// NMIs and in panics. A CPU that finds itself the holder (a fault or NMI while it was writing)
// sends its line straight to the serial port and leaves the ring alone.
#include "base_impl.h"
#include <arch/x86_64/cpu.h>
#include <kernel/base/cmdline.h>
#include <kernel/base/early_serial.h>
#include <kernel/base/log.h>
#include <kernel/base/panic.h>
#include <lib/mem.h>

constexpr u64 RING_BYTES = 64 * 1024; // a power of two
constexpr size_t LINE_BYTES = 320;

static char ring[RING_BYTES];
static _Atomic u64 written; // bytes ever
static _Atomic u32 holder;  // CPU index + 1
static struct log_console *consoles;
static bool levels_set;
static enum log_level levels[LOG_AREA_COUNT];

#define LOG_AREA(name) #name,
static const char *const area_names[] = {
#include <kernel/base/log_areas.def>
};
#undef LOG_AREA
static const char *const level_names[] = {"error", "warn", "info", "debug"};

// ---- the lock
static bool enter(void) {
    cpu_irq_off();
    u32 me = cpu_this()->idx + 1;
    if (holder == me) {
        return false;
    }
    u32 nobody = 0;
    while (!__c11_atomic_compare_exchange_weak(&holder, &nobody, me, __ATOMIC_ACQUIRE,
                                               __ATOMIC_RELAXED)) {
        nobody = 0;
        cpu_pause();
    }
    return true;
}

static void leave(void) {
    holder = 0;
    cpu_irq_restore();
}

void log_break_lock(void) { holder = 0; }

// ---- writing
static void ring_put(const char *text, size_t bytes) {
    u64 at = written % RING_BYTES;
    size_t first = MIN(bytes, RING_BYTES - at);
    memcpy(&ring[at], text, first);
    memcpy(ring, text + first, bytes - first);
    written += bytes;
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c; }

static size_t make_line(char *buf, enum log_area area, const char *format, va_list args) {
    struct text t;
    text_init(&t, buf, LINE_BYTES - 1);
    u64 us = cpu_time_ns() / NS_PER_US;
    text_printf(&t, "[%5lu.%06lu] ", us / 1000000, us % 1000000);
    for (const char *p = area_names[area]; *p != '\0'; p++) {
        text_put(&t, lower(*p));
    }
    text_add(&t, ": ");
    text_vprintf(&t, format, args);
    if (t.len == 0 || buf[t.len - 1] != '\n') {
        buf[t.len++] = '\n'; // room was kept
        buf[t.len] = '\0';
    }
    return t.len;
}

static void emit(enum log_level level, const char *text, size_t bytes) {
    if (!enter()) {
        early_serial_write(text, bytes);
        cpu_irq_restore();
        return;
    }
    ring_put(text, bytes);
    for (struct log_console *c = consoles; c != nullptr; c = c->next) {
        if (level <= c->max_level) {
            c->write(c, text, bytes);
        }
    }
    leave();
}

void log_write(enum log_area area, enum log_level level, const char *format, ...) {
    if (level > (levels_set ? levels[area] : LOG_INFO)) {
        return;
    }
    char line[LINE_BYTES];
    va_list args;
    va_start(args, format);
    size_t bytes = make_line(line, area, format, args);
    va_end(args);
    emit(level, line, bytes);
}

// ---- consoles and readers
void log_console_add(struct log_console *c) {
    if (!enter()) {
        cpu_irq_restore();
        return;
    }
    u64 end = written, start = end > RING_BYTES ? end - RING_BYTES : 0;
    u64 at = start % RING_BYTES;
    u64 first = MIN(end - start, RING_BYTES - at);
    c->write(c, &ring[at], first);
    c->write(c, ring, end - start - first);
    struct log_console **tail = &consoles;
    while (*tail != nullptr) {
        tail = &(*tail)->next;
    }
    c->next = nullptr;
    *tail = c;
    leave();
}

u64 log_total_bytes(void) { return written; }

size_t log_read(u64 *position, char *buf, size_t capacity) {
    if (!enter()) {
        cpu_irq_restore();
        return 0;
    }
    u64 end = written, oldest = end > RING_BYTES ? end - RING_BYTES : 0;
    u64 at = MIN(MAX(*position, oldest), end);
    size_t bytes = MIN(capacity, end - at);
    for (size_t done = 0; done < bytes;) {
        u64 place = (at + done) % RING_BYTES;
        size_t part = MIN(bytes - done, RING_BYTES - place);
        memcpy(buf + done, &ring[place], part);
        done += part;
    }
    *position = at + bytes;
    leave();
    return bytes;
}

size_t log_tail(char *buf, size_t capacity) {
    u64 end = written;
    u64 position = end > capacity ? end - capacity : 0;
    bool cut = position != 0;
    size_t bytes = log_read(&position, buf, capacity);
    size_t skip = 0;
    while (cut && skip < bytes && buf[skip] != '\n') {
        skip++;
    }
    skip += cut && skip < bytes ? 1 : 0;
    memmove(buf, buf + skip, bytes - skip);
    return bytes - skip;
}

// ---- levels: loglevel=N for all, then log=area:level,area:level
static bool same_word(const char *name, const char *p, size_t len) {
    if (strlen(name) != len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (lower(name[i]) != lower(p[i])) {
            return false;
        }
    }
    return true;
}

static void set_area(const char *area, size_t area_len, const char *level, size_t level_len) {
    for (u32 l = 0; l < countof(level_names); l++) {
        for (u32 a = 0; same_word(level_names[l], level, level_len) && a < LOG_AREA_COUNT; a++) {
            if (same_word(area_names[a], area, area_len) || same_word("all", area, area_len)) {
                levels[a] = (enum log_level)l;
            }
        }
    }
}

static size_t word_length(const char *p) {
    size_t n = 0;
    while (p[n] != '\0' && p[n] != ' ' && p[n] != ',' && p[n] != ':') {
        n++;
    }
    return n;
}

void log_configure(const char *line) {
    u64 all = MIN(cmdline_u64("loglevel", LOG_INFO), (u64)LOG_DEBUG);
    for (u32 a = 0; a < LOG_AREA_COUNT; a++) {
        levels[a] = (enum log_level)all;
    }
    for (const char *p = line; *p != '\0'; p++) {
        if ((p != line && p[-1] != ' ') || !text_equal_n(p, "log=", 4)) {
            continue;
        }
        p += 3;
        while (*p == '=' || *p == ',') {
            const char *area = p + 1;
            size_t area_len = word_length(area);
            const char *level = area + area_len + (area[area_len] == ':' ? 1 : 0);
            size_t level_len = word_length(level);
            set_area(area, area_len, level, level_len);
            p = level + level_len;
        }
        if (*p == '\0') {
            break;
        }
    }
    levels_set = true;
}
