// SPDX-License-Identifier: MIT
// The kernel log: a ring in memory plus the consoles that registered. log(AREA, LEVEL, "text key=%u", ...).
// Safe in every context, interrupt and panic included. Command line: log=area:level,... and loglevel=.
#pragma once
#include <lib/text.h>
#include <lib/types.h>

enum log_level : u8 { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
#define LOG_AREA(name) LOG_AREA_##name,
enum log_area : u8 {
#include <kernel/base/log_areas.def>
    LOG_AREA_COUNT
};
#undef LOG_AREA
#define log(area, level, ...) log_write(LOG_AREA_##area, LOG_##level, __VA_ARGS__)
[[gnu::format(printf, 3, 4)]] void log_write(enum log_area area, enum log_level level,
                                             const char *format, ...);
void log_configure(const char *cmdline);

// A sink: early serial, framebuffer. write is called with interrupts off, one call at a time; it must not log, and whoever holds a
// lock that write takes must not log either. While panic_active() it must not wait for locks.
struct log_console {
    void (*write)(struct log_console *c, const char *text, size_t bytes);
    enum log_level max_level;
    struct log_console *next;
};
void log_console_add(struct log_console *c); // first writes what the ring holds
// Copies the newest bytes of the ring that fit, whole lines; returns bytes (dmesg, /proc/kmsg, panic tail).
size_t log_tail(char *buf, size_t capacity);
u64 log_total_bytes(void); // ever written
size_t log_read(u64 *position, char *buf,
                size_t capacity); // sequential reader; skips what was overwritten
