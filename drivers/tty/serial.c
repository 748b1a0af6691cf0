// SPDX-License-Identifier: MIT
// Theory: four PC serial lines (16550 or better). Received bytes leave the FIFO in the interrupt,
// up to a bound a turn, and go to tty_input. Output goes through a ring that the transmit interrupt
// empties; writers wait for room in tty.c. The kernel log prints synchronously past the ring. The
// console lock guards the ring and the registers, and nobody logs while he holds it: the log's own
// lock comes first there. Panics do not come here at all (kernel/base/early_serial.c). Without an
// IOAPIC a timer takes the interrupt's place. Source: National PC16550D data sheet.
#include "tty_impl.h"
#include <arch/x86_64/cpu.h>
#include <io/dev/irq.h>
#include <kernel/base/early_serial.h>
#include <kernel/base/panic.h>
#include <kernel/sched/timer.h>
#include <mm/heap/heap.h>

enum uart_register : u16 {
    DATA = 0,
    DIVISOR_LOW = 0,
    IRQ_ENABLE = 1,
    DIVISOR_HIGH = 1,
    IRQ_ID = 2,
    FIFO = 2,
    LINE = 3,
    MODEM = 4,
    STATUS = 5,
    MODEM_STATUS = 6,
    SCRATCH = 7
};
enum uart_bits : u8 {
    IRQ_RECEIVED = 1,
    IRQ_SENT = 2,
    IRQ_LINE = 4,
    ID_NONE = 1,
    STATUS_DATA = 1,
    STATUS_BREAK = 0x10,
    STATUS_ROOM = 0x20,
    STATUS_IDLE = 0x40,
    LINE_DIVISOR = 0x80,
    LINE_8N1 = 3,
    MODEM_ON = 0x0b,
    MODEM_BUSY = 0x09, // without RTS

    MODEM_LOOP = 0x1a,
    FIFO_ON = 0x47, // receive trigger at 4 bytes
};
constexpr u32 LINES = 4, FIFO_BYTES = 16, RING_BYTES = 4096, RECEIVE_MAX = 256, SPIN_MAX = 200000;
constexpr u32 B115200 = 0x1002; // termios
constexpr u64 POLL_NS = 5 * NS_PER_MS;

struct uart {
    struct spinlock lock;
    u16 port;
    u32 irq;
    struct tty *tty;
    bool polled;
    u32 head, tail GUARDED_BY(lc_console); // ring: tail <= head <= tail + RING_BYTES
    bool sending GUARDED_BY(lc_console);   // the transmit interrupt is on
    bool throttled GUARDED_BY(lc_console); // received bytes stay in the FIFO: tty_input has no room
    char ring[RING_BYTES] GUARDED_BY(lc_console);
    struct timer timer;
    struct log_console log;
};
DECLARE_SPIN_CLASS(console, struct uart, lock)

static struct uart *uarts[LINES];

static u8 get(const struct uart *u, enum uart_register r) { return io_in8((u16)(u->port + r)); }
static void put(const struct uart *u, enum uart_register r, u8 v) {
    io_out8((u16)(u->port + r), v);
}

// ---- sending

static void irq_enable(struct uart *u, bool sending, bool throttled) REQUIRES(lc_console) {
    if (u->throttled != throttled) {
        put(u, MODEM, throttled ? MODEM_BUSY : MODEM_ON);
    }
    if ((u->sending != sending || u->throttled != throttled) && !u->polled) {
        u32 receiving = throttled ? 0 : IRQ_RECEIVED | IRQ_LINE;
        put(u, IRQ_ENABLE, (u8)(receiving | (sending ? IRQ_SENT : 0)));
    }
    u->sending = sending;
    u->throttled = throttled;
}

// Fills the FIFO when it is empty.
static void send(struct uart *u) REQUIRES(lc_console) {
    if (u->head != u->tail && (get(u, STATUS) & STATUS_ROOM) != 0) {
        for (u32 i = 0; i < FIFO_BYTES && u->tail != u->head; i++) {
            put(u, DATA, (u8)u->ring[u->tail++ % RING_BYTES]);
        }
    }
    irq_enable(u, u->head != u->tail, u->throttled);
}

static void uart_write(struct tty *t, const char *bytes, size_t n) {
    struct uart *u = t->driver;
    GUARD(console, u);
    assert(n <= RING_BYTES - (u->head - u->tail));
    for (size_t i = 0; i < n; i++) {
        u->ring[u->head++ % RING_BYTES] = bytes[i];
    }
    send(u);
}

static size_t uart_room(struct tty *t) {
    struct uart *u = t->driver;
    GUARD(console, u);
    return RING_BYTES - (u->head - u->tail);
}

static size_t uart_pending(struct tty *t) {
    struct uart *u = t->driver;
    GUARD(console, u);
    return u->head - u->tail;
}

static void uart_flush(struct tty *t) {
    struct uart *u = t->driver;
    GUARD(console, u);
    u->tail = u->head;
}

// ---- receiving

static u32 receive(struct uart *u, char *out, size_t room) REQUIRES(lc_console) {
    u32 n = 0;
    for (u32 i = 0; i < RECEIVE_MAX && n < room; i++) {
        u8 status = get(u, STATUS);
        if ((status & STATUS_DATA) == 0) {
            break;
        }
        u8 c = get(u, DATA);
        if ((status & STATUS_BREAK) == 0) { // a break brings a zero byte: not typed
            out[n++] = (char)c;
        }
    }
    return n;
}

// Received bytes stay in the FIFO while nobody takes them. The question is asked again after the
// interrupt is off: room that came in between would otherwise go unnoticed.
static void throttle(struct uart *u) {
    console_lock(u);
    irq_enable(u, u->sending, true);
    console_unlock(u);
    if (tty_input_room(u->tty) > 0) {
        GUARD(console, u);
        irq_enable(u, u->sending, false);
    }
}

static void uart_resume(struct tty *t) {
    struct uart *u = t->driver;
    GUARD(console, u);
    irq_enable(u, u->sending, false); // what waits in the FIFO interrupts at once
}

static void uart_turn(struct uart *u) {
    char received[RECEIVE_MAX];
    size_t room = tty_input_room(u->tty);
    if (room == 0) {
        throttle(u);
    }
    console_lock(u);
    u32 before = u->head - u->tail;
    u32 n = receive(u, received, room);
    send(u);
    u32 after = u->head - u->tail;
    console_unlock(u);
    if (n > 0) {
        tty_input(u->tty, received, n);
    }
    if (before != after && (after == 0 || (before > RING_BYTES / 2 && after <= RING_BYTES / 2))) {
        tty_output_ready(u->tty);
    }
}

// The lines share interrupts and those are edges: go on until no line of this number asks any more.
static void uart_irq(void *arg) {
    const struct uart *first = arg;
    for (u32 round = 0; round < 16; round++) {
        bool asked = false;
        for (u32 i = 0; i < LINES; i++) {
            struct uart *u = uarts[i];
            if (u != nullptr && u->irq == first->irq && (get(u, IRQ_ID) & ID_NONE) == 0) {
                asked = true;
                uart_turn(u);
                (void)get(u, MODEM_STATUS); // clears a modem line's reason
            }
        }
        if (!asked) {
            return;
        }
    }
}

static void uart_poll(struct timer *t) {
    struct uart *u = container_of(t, struct uart, timer);
    uart_turn(u);
    timer_start(t, time_now_ns() + POLL_NS);
}

// ---- settings

static void uart_set_termios(struct tty *t, const struct tty_termios *tio) {
    static const u32 divisors[16] = {0,   2304, 1536, 1047, 857, 768, 576, 384,
                                     192, 96,   64,   48,   24,  12,  6,   3};
    static const u32 fast[] = {0, 2, 1};
    struct uart *u = t->driver;
    u32 speed = tio->cflag & 0xf;
    u32 divisor = (tio->cflag & 0x1000) == 0 ? divisors[speed]
                  : speed < countof(fast)    ? fast[speed]
                                             : 1;
    u8 line = (u8)((tio->cflag & TTY_CSIZE) >> 4);
    line |= (tio->cflag & TTY_CSTOPB) != 0 ? 4 : 0;
    line |= (tio->cflag & TTY_PARENB) != 0 ? ((tio->cflag & TTY_PARODD) != 0 ? 8 : 0x18) : 0;
    GUARD(console, u);
    if (divisor != 0) { // 0: hang up, which nobody is at the other end to notice
        put(u, LINE, line | LINE_DIVISOR);
        put(u, DIVISOR_LOW, (u8)divisor);
        put(u, DIVISOR_HIGH, (u8)(divisor >> 8));
    }
    put(u, LINE, line);
}

static const struct tty_hw uart_hw = {
    .write = uart_write,
    .room = uart_room,
    .pending = uart_pending,
    .flush = uart_flush,
    .set_termios = uart_set_termios,
    .resume = uart_resume,
};

// ---- the kernel log

static void print_byte(const struct uart *u, char c) {
    for (u32 i = 0; i < SPIN_MAX && (get(u, STATUS) & STATUS_ROOM) == 0; i++) {
        cpu_pause();
    }
    put(u, DATA, (u8)c);
}

static void log_print(struct log_console *c, const char *text, size_t bytes) {
    struct uart *u = container_of(c, struct uart, log);
    if (panic_active()) {
        return;
    }
    GUARD(console, u);
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] == '\n') {
            print_byte(u, '\r');
        }
        print_byte(u, text[i]);
    }
}

static void log_skip(struct log_console *c, const char *text,
                     size_t bytes) { // what early serial has printed
    unused_arg(c);
    unused_arg(text);
    unused_arg(bytes);
}

// Only the first line carries the log, and it takes over from the early console.
static void log_take_over(struct uart *u) {
    u->log.write = log_skip;
    u->log.max_level = tty_log_level();
    log_console_add(&u->log);
    u->log.write = log_print;
    early_serial_release();
}

void serial_quiet(void) {
    if (uarts[0] != nullptr) {
        uarts[0]->log.max_level = tty_log_level();
    }
}

// ---- start

// A scratch register that keeps what is written, and a loopback that shows the modem lines.
static bool uart_present(const struct uart *u) {
    put(u, SCRATCH, 0xa5);
    if (get(u, SCRATCH) != 0xa5) {
        return false;
    }
    for (u32 i = 0; i < SPIN_MAX && (get(u, STATUS) & STATUS_IDLE) == 0; i++) {
        cpu_pause(); // the log may still be leaving
    }
    put(u, MODEM, MODEM_LOOP);
    bool loops = (get(u, MODEM_STATUS) & 0xf0) == 0x90;
    put(u, MODEM, MODEM_ON);
    return loops;
}

static void uart_start(struct uart *u) {
    struct tty_termios tio = u->tty->termios;
    tio.cflag = (tio.cflag & ~(u32)TTY_CBAUD) | B115200;
    tty_lock(u->tty);
    line_set(&tty_state(u->tty)->core, &tio);
    tty_publish(u->tty);
    tty_unlock(u->tty);
    uart_set_termios(u->tty, &tio);
    put(u, FIFO, FIFO_ON);
    put(u, MODEM, MODEM_ON);
    err_t err = irq_register_isa(u->irq, uart_irq, u);
    if (err != ERR_OK) {
        u->polled = true;
        u->timer.fn = uart_poll;
        timer_start(&u->timer, time_now_ns() + POLL_NS);
    }
    put(u, IRQ_ENABLE, u->polled ? 0 : IRQ_RECEIVED | IRQ_LINE);
    log(TTY, INFO, "%s: 16550 port=%x irq=%u%s", u->tty->dev.name, u->port, u->irq,
        u->polled ? " polled" : "");
}

static void uart_probe(u32 idx, u16 port, u32 irq) {
    struct uart *u = nullptr;
    if (heap_new(&u) != ERR_OK) {
        return;
    }
    u->port = port;
    u->irq = irq;
    char name[8];
    text_format(name, sizeof name, "ttyS%u", idx);
    if (!uart_present(u) || tty_create(name, 4, 64 + idx, &uart_hw, u, &u->tty) != ERR_OK) {
        heap_free(&u);
        return;
    }
    uarts[idx] = u;
    uart_start(u);
    if (idx == 0) {
        log_take_over(u);
    }
    tty_set_console(u->tty);
}

void serial_init(void) {
    static const struct {
        u16 port;
        u8 irq;
    } lines[LINES] = {{0x3f8, 4}, {0x2f8, 3}, {0x3e8, 4}, {0x2e8, 3}};
    for (u32 i = 0; i < LINES; i++) {
        uart_probe(i, lines[i].port, lines[i].irq);
    }
}
