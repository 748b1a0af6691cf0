// SPDX-License-Identifier: MIT
// Theory: the i8042 is brought up with bounded waits; a machine without one simply has no keyboard
// here. The controller translates to scan code set 1; where it refuses, set 2 is translated in
// software. The interrupt runs the pure key map and hands bytes to the terminal. LEDs need a
// two-step talk (command, acknowledge, value, acknowledge) that the interrupt drives as well.
// Source: IBM PS/2 Technical Reference, keyboard and controller sections.
#include "tty_impl.h"
#include <arch/x86_64/cpu.h>
#include <io/dev/acpi.h>
#include <io/dev/irq.h>
#include <kernel/base/cmdline.h>
#include <kernel/base/lock.h>
#include <kernel/sched/timer.h>
#include <lib/keymap/keymap.h>

constexpr u16 PORT_DATA = 0x60, PORT_STATUS = 0x64;
constexpr u8 STATUS_OUTPUT = 1, STATUS_INPUT = 2, STATUS_MOUSE = 0x20;
constexpr u8 CONFIG_IRQ1 = 1, CONFIG_IRQ12 = 2, CONFIG_TRANSLATE = 0x40, CONFIG_CLOCK_OFF = 0x10;
constexpr u8 ACKNOWLEDGE = 0xfa, RESEND = 0xfe;
constexpr u32 WAIT_US_MAX = 50000, RESET_US_MAX = 700000;
constexpr u64 POLL_NS = 10 * NS_PER_MS;

static struct keyboard { // console lock, but for what is named
    struct spinlock lock;
    struct tty *tty; // [I] null: no keyboard
    struct keymap map GUARDED_BY(lc_console);
    bool set2;                          // [I]
    u8 led_step GUARDED_BY(lc_console); // 0 idle, 1 command sent, 2 value sent
    u8 leds_shown GUARDED_BY(lc_console);
    _Atomic bool reboot_pressed; // [a]
    struct timer timer;          // polling where there is no interrupt
} kb;
DECLARE_SPIN_CLASS(console, struct keyboard, lock)

// ---- controller

static bool wait_status(u8 mask, u8 value, u32 us_max) {
    for (u32 us = 0; us < us_max; us += 10) {
        if ((io_in8(PORT_STATUS) & mask) == value) {
            return true;
        }
        cpu_delay_us(10);
    }
    return false;
}

static bool command(u8 c) {
    bool ready = wait_status(STATUS_INPUT, 0, WAIT_US_MAX);
    io_out8(PORT_STATUS, c);
    return ready;
}

static bool data_out(u8 v) {
    bool ready = wait_status(STATUS_INPUT, 0, WAIT_US_MAX);
    io_out8(PORT_DATA, v);
    return ready;
}

static bool data_in(u8 *v, u32 us_max) {
    bool ready = wait_status(STATUS_OUTPUT, STATUS_OUTPUT, us_max);
    *v = io_in8(PORT_DATA);
    return ready;
}

static void drain(void) {
    for (u32 i = 0; i < 64 && (io_in8(PORT_STATUS) & STATUS_OUTPUT) != 0; i++) {
        (void)io_in8(PORT_DATA);
    }
}

static bool config_read(u8 *v) { return command(0x20) && data_in(v, WAIT_US_MAX); }
static bool config_write(u8 v) { return command(0x60) && data_out(v); }

// One byte to the keyboard, acknowledged.
static bool keyboard_send(u8 v) {
    for (u32 tries = 0; tries < 3; tries++) {
        u8 answer = 0;
        if (!data_out(v)) {
            return false;
        }
        for (u32 i = 0; i < 8 && data_in(&answer, WAIT_US_MAX); i++) {
            if (answer == ACKNOWLEDGE) {
                return true;
            }
            if (answer == RESEND) {
                break;
            }
        }
    }
    return false;
}

static bool controller_start(void) {
    u8 config = 0, answer = 0;
    if (!acpi_has_i8042() || io_in8(PORT_STATUS) == 0xff) {
        return false;
    }
    command(0xad); // both devices off while we talk
    command(0xa7);
    drain();
    if (!config_read(&config)) {
        return false;
    }
    config &= (u8) ~(CONFIG_IRQ1 | CONFIG_IRQ12 | CONFIG_CLOCK_OFF);
    config |= CONFIG_TRANSLATE;
    if (!config_write(config) || !command(0xaa) || !data_in(&answer, WAIT_US_MAX) ||
        answer != 0x55) {
        return false;
    }
    config_write(config); // the self-test may have reset it
    if (!command(0xab) || !data_in(&answer, WAIT_US_MAX) || answer != 0) {
        return false;
    }
    return command(0xae);
}

static bool keyboard_start(void) {
    u8 answer = 0;
    if (!keyboard_send(0xff) || !data_in(&answer, RESET_US_MAX) || answer != 0xaa) {
        log(TTY, DEBUG, "keyboard: no answer to reset (%x), used as it is", answer);
    }
    drain();
    if (!keyboard_send(0xf0) ||
        !keyboard_send(2)) { // scan code set 2, which the controller translates
        log(TTY, DEBUG, "keyboard: scan code set not settable");
    }
    return keyboard_send(0xf4);
}

// ---- interrupt

// True: the byte belonged to the LED talk.
static bool led_talk(u8 code) REQUIRES(lc_console) {
    if (kb.led_step == 0 || (code != ACKNOWLEDGE && code != RESEND)) {
        return false;
    }
    if (kb.led_step == 1 && code == ACKNOWLEDGE) {
        kb.led_step = 2;
        kb.leds_shown = kb.map.locks;
        io_out8(PORT_DATA, kb.leds_shown);
    } else {
        kb.led_step = 0;
    }
    return true;
}

static void led_update(void) REQUIRES(lc_console) {
    if (kb.led_step == 0 && kb.leds_shown != kb.map.locks &&
        (io_in8(PORT_STATUS) & STATUS_INPUT) == 0) {
        kb.led_step = 1;
        io_out8(PORT_DATA, 0xed);
    }
}

// Takes one byte from the controller. False: there was none.
static bool take(struct keymap_out *out) {
    GUARD(console, &kb);
    u8 status = io_in8(PORT_STATUS);
    *out = (struct keymap_out){};
    if ((status & STATUS_OUTPUT) == 0) {
        return false;
    }
    u8 code = io_in8(PORT_DATA);
    if ((status & STATUS_MOUSE) == 0 && !led_talk(code) &&
        (!kb.set2 || keymap_from_set2(&kb.map, code, &code))) {
        keymap_input(&kb.map, code, out);
        led_update();
    }
    return true;
}

static void keyboard_irq(void *arg) {
    unused_arg(arg);
    struct keymap_out out;
    for (u32 i = 0; i < 32 && take(&out); i++) {
        if (out.count > 0) {
            tty_input(kb.tty, out.bytes, out.count);
        }
        if (out.reboot) {
            kb.reboot_pressed = true;
            tty_kick();
        }
    }
}

static void poll(struct timer *t) {
    keyboard_irq(nullptr);
    timer_start(t, time_now_ns() + POLL_NS);
}

void keyboard_work(void) {
    if (kb.reboot_pressed) {
        kb.reboot_pressed = false;
        log(TTY, WARN, "Ctrl-Alt-Del");
        if (tty_reboot_key != nullptr) {
            tty_reboot_key();
        }
    }
}

void keyboard_app_cursor(bool on) {
    GUARD(console, &kb);
    kb.map.app_cursor = on;
}

// ---- start

static bool layout_choose(const char *layout) {
    GUARD(console, &kb);
    return keymap_init(&kb.map, layout);
}

void keyboard_init(struct tty *t) {
    char layout[16] = "us";
    (void)cmdline_get("keyboard", layout, sizeof layout);
    if (!layout_choose(layout)) {
        log(TTY, WARN, "keyboard: no layout \"%s\", us is used (there are us and de)", layout);
    }
    if (!controller_start()) {
        log(TTY, INFO, "keyboard: no controller");
        return;
    }
    u8 config = 0;
    bool answers = keyboard_start();
    kb.tty = t;
    kb.set2 = config_read(&config) && (config & CONFIG_TRANSLATE) == 0;
    err_t err = irq_register_isa(1, keyboard_irq, nullptr);
    if (err == ERR_OK) {
        config_write(config | CONFIG_IRQ1);
    } else {
        kb.timer.fn = poll;
        timer_start(&kb.timer, time_now_ns() + POLL_NS);
    }
    log(TTY, INFO, "keyboard: layout=%s set=%u%s%s", layout, kb.set2 ? 2 : 1,
        answers ? "" : " silent", err == ERR_OK ? "" : " polled");
}
