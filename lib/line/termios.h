// SPDX-License-Identifier: MIT
// Terminal settings with Linux's x86-64 numbers. Source: POSIX.1-2017 ch. 11, Linux termios(3).
#pragma once
#include <lib/types.h>

constexpr u32 TTY_NCCS = 19;
struct tty_termios { // Linux kernel's struct termios
    u32 iflag, oflag, cflag, lflag;
    u8 line;
    u8 cc[TTY_NCCS];
};
static_assert(sizeof(struct tty_termios) == 36);

enum tty_iflag : u32 {
    TTY_IGNBRK = 1,
    TTY_BRKINT = 2,
    TTY_IGNPAR = 4,
    TTY_PARMRK = 8,
    TTY_INPCK = 0x10,
    TTY_ISTRIP = 0x20,
    TTY_INLCR = 0x40,
    TTY_IGNCR = 0x80,
    TTY_ICRNL = 0x100,
    TTY_IUCLC = 0x200,
    TTY_IXON = 0x400,
    TTY_IXANY = 0x800,
    TTY_IXOFF = 0x1000,
    TTY_IMAXBEL = 0x2000,
    TTY_IUTF8 = 0x4000,
};
enum tty_oflag : u32 {
    TTY_OPOST = 1,
    TTY_OLCUC = 2,
    TTY_ONLCR = 4,
    TTY_OCRNL = 8,
    TTY_ONOCR = 0x10,
    TTY_ONLRET = 0x20,
    TTY_TABDLY = 0x1800,
    TTY_XTABS = 0x1800,
};
enum tty_cflag : u32 {
    TTY_CBAUD = 0x100f,
    TTY_CSIZE = 0x30,
    TTY_CS5 = 0,
    TTY_CS6 = 0x10,
    TTY_CS7 = 0x20,
    TTY_CS8 = 0x30,
    TTY_CSTOPB = 0x40,
    TTY_CREAD = 0x80,
    TTY_PARENB = 0x100,
    TTY_PARODD = 0x200,
    TTY_HUPCL = 0x400,
    TTY_CLOCAL = 0x800,
};
enum tty_lflag : u32 {
    TTY_ISIG = 1,
    TTY_ICANON = 2,
    TTY_ECHO = 8,
    TTY_ECHOE = 0x10,
    TTY_ECHOK = 0x20,
    TTY_ECHONL = 0x40,
    TTY_NOFLSH = 0x80,
    TTY_TOSTOP = 0x100,
    TTY_ECHOCTL = 0x200,
    TTY_ECHOPRT = 0x400,
    TTY_ECHOKE = 0x800,
    TTY_IEXTEN = 0x8000,
};
enum tty_cc : u8 { // 0 in such a place: no character does it
    TTY_VINTR = 0,
    TTY_VQUIT,
    TTY_VERASE,
    TTY_VKILL,
    TTY_VEOF,
    TTY_VTIME,
    TTY_VMIN,
    TTY_VSWTC,
    TTY_VSTART,
    TTY_VSTOP,
    TTY_VSUSP,
    TTY_VEOL,
    TTY_VREPRINT,
    TTY_VDISCARD,
    TTY_VWERASE,
    TTY_VLNEXT,
    TTY_VEOL2,
};
