// SPDX-License-Identifier: MIT
// Dates use the proleptic Gregorian calendar: days are counted in years that start in March, so
// that the leap day is the last of its year and month lengths follow one formula.
#include <lib/text.h>
#include <lib/time_words.h>

struct cursor {
    const char *at, *end;
};

static bool take_char(struct cursor *c, char wanted) {
    if (c->at < c->end && *c->at == wanted) {
        c->at++;
        return true;
    }
    return false;
}

// At least one digit and at most max_digits.
static bool take_number(struct cursor *c, u32 max_digits, u64 *out, u32 *digits) {
    u64 n = 0;
    u32 count = 0;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9' && count < max_digits) {
        n = n * 10 + (u64)(*c->at++ - '0');
        count++;
    }
    *out = n;
    if (digits != nullptr) {
        *digits = count;
    }
    return count != 0;
}

static bool take_fixed(struct cursor *c, u32 wanted_digits, u64 low, u64 high, u64 *out) {
    u32 digits;
    return take_number(c, wanted_digits, out, &digits) && digits == wanted_digits && *out >= low &&
           *out <= high;
}

// ".25" -> 250000000; nothing there is fine too.
static bool take_fraction(struct cursor *c, u64 *ns) {
    *ns = 0;
    if (!take_char(c, '.')) {
        return true;
    }
    u32 digits;
    if (!take_number(c, 9, ns, &digits)) {
        return false;
    }
    for (; digits < 9; digits++) {
        *ns *= 10;
    }
    return true;
}

static u64 unit_seconds(char c) {
    switch (c) {
    case 's':
        return 1;
    case 'm':
        return 60;
    case 'h':
        return 3600;
    case 'd':
        return 86400;
    case 'w':
        return 604800;
    default:
        return 0;
    }
}

static err_t parse_relative(struct cursor c, u64 now_ns, struct time_words *out) {
    u64 back = 0;
    do {
        u64 n;
        u64 unit = 1;
        if (!take_number(&c, 12, &n, nullptr)) {
            return ERR_INVAL;
        }
        if (c.at < c.end) {
            unit = unit_seconds(*c.at++);
            if (unit == 0) {
                return ERR_INVAL;
            }
        }
        u64 add;
        if (__builtin_mul_overflow(n, unit * NS_PER_SEC, &add) ||
            __builtin_add_overflow(back, add, &back)) {
            back = ~(u64)0;
            break;
        }
    } while (c.at < c.end);
    *out = (struct time_words){.relative = true, .value = back > now_ns ? 0 : now_ns - back};
    return ERR_OK;
}

static u32 month_days(u64 year, u64 month) {
    static const u8 days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return (u32)days[month - 1] + (month == 2 && leap ? 1 : 0);
}

static u64 days_since_1970(u64 year, u64 month, u64 day) {
    u64 y = month <= 2 ? year - 1 : year;
    u64 m = month <= 2 ? month + 9 : month - 3; // March is 0
    return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static err_t parse_iso(struct cursor c, struct time_words *out) {
    u64 year;
    u64 month;
    u64 day;
    u64 hour = 0;
    u64 minute = 0;
    u64 second = 0;
    u64 ns = 0;
    if (!take_fixed(&c, 4, 1970, 2500, &year) || !take_char(&c, '-') ||
        !take_fixed(&c, 2, 1, 12, &month) || !take_char(&c, '-') ||
        !take_fixed(&c, 2, 1, month_days(year, month), &day)) {
        return ERR_INVAL;
    }
    if (take_char(&c, 'T') || take_char(&c, ' ')) {
        if (!take_fixed(&c, 2, 0, 23, &hour) || !take_char(&c, ':') ||
            !take_fixed(&c, 2, 0, 59, &minute)) {
            return ERR_INVAL;
        }
        if (take_char(&c, ':') && (!take_fixed(&c, 2, 0, 60, &second) || !take_fraction(&c, &ns))) {
            return ERR_INVAL;
        }
        (void)take_char(&c, 'Z');
    }
    if (c.at != c.end) {
        return ERR_INVAL;
    }
    u64 seconds = days_since_1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    *out = (struct time_words){.value = seconds * NS_PER_SEC + ns};
    return ERR_OK;
}

err_t time_words_parse(const char *text, size_t len, u64 now_ns, struct time_words *out) {
    struct cursor c = {text, text + len};
    if (take_char(&c, '-')) {
        return parse_relative(c, now_ns, out);
    }
    if (take_char(&c, '#')) {
        u64 seq;
        if (!take_number(&c, 18, &seq, nullptr) || c.at != c.end) {
            return ERR_INVAL;
        }
        *out = (struct time_words){.is_seq = true, .value = seq};
        return ERR_OK;
    }
    if (take_char(&c, '@')) {
        u64 seconds;
        u64 ns;
        if (!take_number(&c, 10, &seconds, nullptr) || !take_fraction(&c, &ns) || c.at != c.end) {
            return ERR_INVAL;
        }
        *out = (struct time_words){.value = seconds * NS_PER_SEC + ns};
        return ERR_OK;
    }
    return parse_iso(c, out);
}

size_t time_words_format(u64 ns, char *buf, size_t capacity) {
    u64 seconds = ns / NS_PER_SEC;
    u64 z = seconds / 86400 + 719468;
    u64 era = z / 146097;
    u64 day_of_era = z % 146097;
    u64 year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    u64 day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    u64 mp = (5 * day_of_year + 2) / 153;
    u32 day = (u32)(day_of_year - (153 * mp + 2) / 5 + 1);
    u32 month = (u32)(mp < 10 ? mp + 3 : mp - 9);
    u32 year = (u32)(year_of_era + era * 400 + (month <= 2 ? 1 : 0));
    u32 rest = (u32)(seconds % 86400);
    return text_format(buf, capacity, "%04u-%02u-%02uT%02u:%02u:%02u.%09u", year, month, day,
                       rest / 3600, rest / 60 % 60, rest % 60, (u32)(ns % NS_PER_SEC));
}
