// SPDX-License-Identifier: MIT
// Text goes to the firmware's console and to COM1. Many firmwares copy their console to a serial
// port themselves; their variables ConOut and ConIn then hold a device path with a UART node, and
// we leave the port alone.
#include <boot/uefi/loader.h>
#include <lib/mem.h>
#include <lib/text.h>

constexpr u16 COM1 = 0x3f8, COM2 = 0x2f8;
constexpr u32 WAIT_LIMIT = 100000; // polls of the line status before a byte is given up
constexpr u8 LINE_RECEIVED = 1, LINE_CAN_SEND = 0x20;

static bool serial_out, serial_in; // drive COM1 directly
static bool firmware_left;

static u8 port_in(u16 port) {
    u8 value = 0;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static void port_out(u16 port, u8 value) {
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static bool serial_present(u16 base) {
    u8 kept = port_in(base + 7);
    port_out(base + 7, 0x5a);
    bool present = port_in(base + 7) == 0x5a;
    port_out(base + 7, kept);
    return present;
}

// 115200 baud, 8 data bits, FIFO on, no interrupts. Source: data sheet of the 16550.
static void serial_init(void) {
    static const u8 steps[][2] = {{1, 0}, {3, 0x80}, {0, 1}, {1, 0}, {3, 3}, {2, 7}, {4, 3}};
    for (size_t i = 0; i < countof(steps); i++) {
        port_out((u16)(COM1 + steps[i][0]), steps[i][1]);
    }
}

static void port_send(u16 base, char c) {
    for (u32 i = 0; i < WAIT_LIMIT && (port_in(base + 5) & LINE_CAN_SEND) == 0; i++) {
    }
    port_out(base, (u8)c);
}

static void serial_put(char c) { port_send(COM1, c); }

// Does the device path in a firmware variable have a UART node (type 3, subtype 14)? UEFI 10.3.4.
static bool variable_names_uart(const char16 *name) {
    static u8 path[2048];
    u64 bytes = sizeof(path);
    u32 attributes = 0;
    struct efi_guid guid = EFI_GUID_GLOBAL_VARIABLE;
    if (efi->runtime->get_variable(name, &guid, &attributes, &bytes, path) != EFI_OK) {
        return false;
    }
    for (u64 at = 0; at + 4 <= bytes;) {
        u16 node_bytes = (u16)(path[at + 2] | path[at + 3] << 8);
        if (path[at] == 3 && path[at + 1] == 14) {
            return true;
        }
        at += MAX(node_bytes, (u16)4);
    }
    return false;
}

void console_init(void) {
    bool present = serial_present(COM1);
    bool firmware_out = variable_names_uart(u"ConOut");
    bool firmware_in = variable_names_uart(u"ConIn");
    serial_out = present && !firmware_out;
    serial_in = present && !firmware_in;
    if (serial_out && serial_in) {
        serial_init();
    }
    efi->text_out->enable_cursor(efi->text_out, false);
}

void console_leave_firmware(void) {
    firmware_left = true;
    serial_out = serial_present(COM1);
}

void console_mark_exec(void) {
    if (serial_present(COM2)) {
        for (const char *s = "\r\n<hornet.exec>\n"; *s; s++) {
            port_send(COM2, *s);
        }
    }
}

static void put_text(const char *s) {
    char16 wide[2] = {};
    for (; *s; s++) {
        if (*s == '\n') {
            put_text("\r");
        }
        if (serial_out) {
            serial_put(*s);
        }
        if (!firmware_left) {
            wide[0] = (u8)*s < 0x80 ? (char16)*s : '?';
            efi->text_out->output(efi->text_out, wide);
        }
    }
}

void print(const char *format, ...) {
    char buf[512];
    struct text t;
    va_list args;
    text_init(&t, buf, sizeof(buf));
    va_start(args, format);
    text_vprintf(&t, format, args);
    va_end(args);
    put_text(buf);
}

// The direct serial line gets the same picture by ANSI escapes.
static void serial_escape(const char *s) {
    for (; serial_out && *s; s++) {
        serial_put(*s);
    }
}

void console_clear(void) {
    efi->text_out->clear_screen(efi->text_out);
    serial_escape("\x1b[0m\x1b[2J\x1b[H");
}

void console_colour(enum console_colour colour) {
    efi->text_out->set_attribute(efi->text_out, colour);
    serial_escape(colour == COLOUR_CHOSEN ? "\x1b[0;7m" : "\x1b[0m");
}

void console_go(u32 column, u32 row) {
    char escape[24];
    efi->text_out->set_cursor(efi->text_out, column, row);
    text_format(escape, sizeof(escape), "\x1b[%u;%uH", row + 1, column + 1);
    serial_escape(escape);
}

static int serial_get(void) {
    // A byte of an escape sequence follows within a few milliseconds at 115200 baud.
    for (u32 i = 0; i < 20; i++) {
        if ((port_in(COM1 + 5) & LINE_RECEIVED) != 0) {
            return port_in(COM1);
        }
        efi->boot->stall(1000);
    }
    return -1;
}

static enum key serial_key(void) {
    if (!serial_in || (port_in(COM1 + 5) & LINE_RECEIVED) == 0) {
        return KEY_NONE;
    }
    int byte = serial_get();
    if (byte == '\n') {
        return KEY_ENTER;
    }
    if (byte != 0x1b) {
        return (enum key)byte;
    }
    if (serial_get() != '[') {
        return (enum key)0x1b;
    }
    int letter = serial_get();
    return letter == 'A' ? KEY_UP : letter == 'B' ? KEY_DOWN : KEY_NONE;
}

enum key console_key(void) {
    struct efi_key key = {};
    if (efi->text_in->read_key(efi->text_in, &key) != EFI_OK) {
        return serial_key();
    }
    if (key.scan_code == EFI_SCAN_UP || key.scan_code == EFI_SCAN_DOWN) {
        return key.scan_code == EFI_SCAN_UP ? KEY_UP : KEY_DOWN;
    }
    return key.letter == '\n' ? KEY_ENTER : (enum key)key.letter;
}
