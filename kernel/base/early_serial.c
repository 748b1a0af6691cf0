// SPDX-License-Identifier: MIT
// Source: 16550D data sheet, section 8.
#include <arch/x86_64/cpu.h>
#include <kernel/base/early_serial.h>
#include <kernel/base/log.h>
#include <kernel/base/panic.h>

constexpr u16 COM1 = 0x3f8;
enum uart_register : u16 {
    DATA = 0,
    IRQ_ENABLE = 1,
    FIFO = 2,
    LINE = 3,
    MODEM = 4,
    STATUS = 5,
    SCRATCH = 7
};
constexpr u32 FIFO_BYTES = 16;

static bool present;
static bool released;
static u32 room; // bytes the FIFO takes before the status must be asked again

static void put(u8 byte) {
    if (room == 0) {
        for (u32 tries = 0; (io_in8(COM1 + STATUS) & 0x20) == 0; tries++) {
            if (tries > 1000000) {
                present = false; // nobody takes the bytes
                return;
            }
            cpu_pause();
        }
        room = FIFO_BYTES;
    }
    io_out8(COM1 + DATA, byte);
    room--;
}

void early_serial_write(const char *text, size_t bytes) {
    room = 0;
    for (size_t i = 0; present && i < bytes; i++) {
        if (text[i] == '\n') {
            put('\r');
        }
        put((u8)text[i]);
    }
}

static void console_write(struct log_console *c, const char *text, size_t bytes) {
    unused_arg(c);
    if (!released || panic_active()) {
        early_serial_write(text, bytes);
    }
}

static struct log_console console = {.write = console_write, .max_level = LOG_DEBUG};

void early_serial_release(void) { released = true; }

void early_serial_init(void) {
    io_out8(COM1 + SCRATCH, 0x5a);
    present = io_in8(COM1 + SCRATCH) == 0x5a;
    if (!present) {
        return;
    }
    io_out8(COM1 + IRQ_ENABLE, 0);
    io_out8(COM1 + LINE, 0x80); // divisor latch
    io_out8(COM1 + DATA, 1);    // 115200
    io_out8(COM1 + IRQ_ENABLE, 0);
    io_out8(COM1 + LINE, 3); // 8N1
    io_out8(COM1 + FIFO, 7);
    io_out8(COM1 + MODEM, 3);
    log_console_add(&console);
}
