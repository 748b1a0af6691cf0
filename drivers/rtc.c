// SPDX-License-Identifier: MIT
#include <arch/x86_64/cpu.h>
#include <drivers/rtc.h>
#include <io/dev/acpi.h>
#include <lib/mem.h>

constexpr u16 PORT_INDEX = 0x70, PORT_DATA = 0x71;
constexpr u8 NMI_OFF = 0x80, REG_A = 0x0a, REG_B = 0x0b;
constexpr u8 A_UPDATING = 0x80, B_BINARY = 4, B_24_HOURS = 2, HOUR_PM = 0x80;
constexpr u32 UPDATE_US_MAX = 10000, READS_MAX = 5;

struct fields {
    u8 second, minute, hour, day, month, year, century;
};

static u8 cmos(u8 idx) {
    io_out8(PORT_INDEX, NMI_OFF | idx);
    u8 v = io_in8(PORT_DATA);
    io_out8(PORT_INDEX, 0x0d); // NMI on again
    return v;
}

// Waits until no update runs, then reads everything. False: the chip never stops updating.
static bool read_fields(u8 century_idx, struct fields *f) {
    for (u32 us = 0; (cmos(REG_A) & A_UPDATING) != 0; us += 10) {
        if (us >= UPDATE_US_MAX) {
            return false;
        }
        cpu_delay_us(10);
    }
    *f = (struct fields){cmos(0),
                         cmos(2),
                         cmos(4),
                         cmos(7),
                         cmos(8),
                         cmos(9),
                         century_idx != 0 ? cmos(century_idx) : 0};
    return true;
}

static u8 from_bcd(u8 v) { return (u8)((v >> 4) * 10 + (v & 15)); }

static void decode(struct fields *f, u8 mode) {
    bool pm = (f->hour & HOUR_PM) != 0;
    f->hour &= (u8)~HOUR_PM;
    if ((mode & B_BINARY) == 0) {
        u8 *all[] = {&f->second, &f->minute, &f->hour, &f->day, &f->month, &f->year, &f->century};
        for (u32 i = 0; i < countof(all); i++) {
            *all[i] = from_bcd(*all[i]);
        }
    }
    if ((mode & B_24_HOURS) == 0) {
        f->hour = (u8)(f->hour % 12 + (pm ? 12 : 0));
    }
}

// Days from 1970-01-01 in the Gregorian calendar; months are counted from March so that leap days
// come last.
static u64 days_since_1970(u32 year, u32 month, u32 day) {
    u32 y = month <= 2 ? year - 1 : year;
    u32 m = month <= 2 ? month + 9 : month - 3;
    u64 days = (u64)y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
    return days - 719468;
}

err_t rtc_read(u64 *wall_ns) {
    struct fields f = {}, again = {};
    u8 century_idx = acpi_century_idx();
    bool stable = false;
    for (u32 i = 0; i < READS_MAX && !stable; i++) {
        if (!read_fields(century_idx, &f) || !read_fields(century_idx, &again)) {
            return ERR_IO;
        }
        stable = memcmp(&f, &again, sizeof f) == 0;
    }
    decode(&f, cmos(REG_B));
    u32 century = f.century >= 19 && f.century <= 22 ? f.century : f.year >= 70 ? 19 : 20;
    u32 year = century * 100 + f.year;
    if (!stable || f.second > 60 || f.minute > 59 || f.hour > 23 || f.day < 1 || f.day > 31 ||
        f.month < 1 || f.month > 12 || f.year > 99 || year < 1970) {
        return ERR_IO;
    }
    u64 seconds =
        days_since_1970(year, f.month, f.day) * 86400 + f.hour * 3600u + f.minute * 60u + f.second;
    *wall_ns = seconds * NS_PER_SEC;
    return ERR_OK;
}
