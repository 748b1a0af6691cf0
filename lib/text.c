// SPDX-License-Identifier: MIT
#include <lib/mem.h>
#include <lib/text.h>

void text_init(struct text *t, char *buf, size_t capacity) {
    *t = (struct text){.buf = buf, .capacity = capacity};
    buf[0] = '\0';
}

void text_put(struct text *t, char c) {
    if (t->len + 1 >= t->capacity) {
        t->cut = true;
        return;
    }
    t->buf[t->len++] = c;
    t->buf[t->len] = '\0';
}

void text_add_bytes(struct text *t, const char *s, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        text_put(t, s[i]);
    }
}

void text_add(struct text *t, const char *s) { text_add_bytes(t, s, strlen(s)); }

struct spec { // one conversion, parsed
    bool left, zero;
    int width, precision; // -1: none
    int long_count;       // -2 hh, -1 h, 0, 1 l z j, 2 ll
};

static void pad(struct text *t, const struct spec *s, size_t used, char with) {
    for (size_t i = used; i < (size_t)MAX(s->width, 0); i++) {
        text_put(t, with);
    }
}

static void put_field(struct text *t, const struct spec *s, const char *sign, const char *body,
                      size_t len) {
    size_t used = len + strlen(sign);
    if (!s->left && !s->zero) {
        pad(t, s, used, ' ');
    }
    text_add(t, sign);
    if (!s->left && s->zero) {
        pad(t, s, used, '0');
    }
    text_add_bytes(t, body, len);
    if (s->left) {
        pad(t, s, used, ' ');
    }
}

static void put_number(struct text *t, const struct spec *s, u64 value, bool negative,
                       char conversion) {
    const char *digits = conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    u64 base = conversion == 'x' || conversion == 'X' ? 16 : conversion == 'o' ? 8 : 10;
    char body[24];
    size_t at = sizeof(body);
    do {
        body[--at] = digits[value % base];
        value /= base;
    } while (value != 0);
    put_field(t, s, negative ? "-" : "", body + at, sizeof(body) - at);
}

static const char *parse_spec(const char *f, struct spec *s, va_list *args) {
    *s = (struct spec){.width = -1, .precision = -1};
    for (;; f++) {
        if (*f == '-') {
            s->left = true;
        } else if (*f == '0') {
            s->zero = true;
        } else {
            break;
        }
    }
    int *field = &s->width;
    for (;; f++) {
        if (*f == '*') {
            *field = va_arg(*args, int);
        } else if (*f >= '0' && *f <= '9') {
            *field = MAX(*field, 0) * 10 + (*f - '0');
        } else if (*f == '.' && field == &s->width) {
            field = &s->precision;
            s->precision = 0;
        } else {
            break;
        }
    }
    for (;; f++) {
        if (*f == 'l') {
            s->long_count++;
        } else if (*f == 'z' || *f == 'j') {
            s->long_count = 2;
        } else if (*f == 'h') {
            s->long_count--;
        } else {
            return f;
        }
    }
}

static i64 take_signed(const struct spec *s, va_list *args) {
    if (s->long_count >= 2) {
        return va_arg(*args, long long);
    }
    return s->long_count == 1 ? va_arg(*args, long) : va_arg(*args, int);
}

static u64 take_unsigned(const struct spec *s, va_list *args) {
    if (s->long_count >= 2) {
        return va_arg(*args, unsigned long long);
    }
    u64 v = s->long_count == 1 ? va_arg(*args, unsigned long) : va_arg(*args, unsigned);
    return s->long_count == -1 ? (u16)v : s->long_count == -2 ? (u8)v : v;
}

static void put_string(struct text *t, const struct spec *s, const char *text) {
    if (text == nullptr) {
        text = "(null)";
    }
    size_t len = 0;
    while ((s->precision < 0 || len < (size_t)s->precision) && text[len] != '\0') {
        len++;
    }
    struct spec plain = *s;
    plain.zero = false;
    put_field(t, &plain, "", text, len);
}

static void put_conversion(struct text *t, const struct spec *s, char conversion, va_list *args) {
    switch (conversion) {
    case 'd':
    case 'i': {
        i64 v = take_signed(s, args);
        put_number(t, s, v < 0 ? -(u64)v : (u64)v, v < 0, 'd');
        break;
    }
    case 'u':
    case 'x':
    case 'X':
    case 'o':
        put_number(t, s, take_unsigned(s, args), false, conversion);
        break;
    case 'c': {
        char c = (char)va_arg(*args, int);
        put_field(t, s, "", &c, 1);
        break;
    }
    case 's':
        put_string(t, s, va_arg(*args, const char *));
        break;
    case 'p':
        text_add(t, "0x");
        put_number(t, s, (u64)(uintptr_t)va_arg(*args, void *), false, 'x');
        break;
    default:
        text_put(t, conversion);
        break;
    }
}

void text_vprintf(struct text *t, const char *format, va_list args) {
    va_list rest;
    va_copy(rest, args);
    for (const char *f = format; *f != '\0'; f++) {
        if (*f != '%') {
            text_put(t, *f);
            continue;
        }
        struct spec s;
        f = parse_spec(f + 1, &s, &rest);
        if (*f == '\0') {
            break;
        }
        put_conversion(t, &s, *f, &rest);
    }
    va_end(rest);
}

void text_printf(struct text *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    text_vprintf(t, format, args);
    va_end(args);
}

size_t text_format(char *buf, size_t capacity, const char *format, ...) {
    struct text t;
    text_init(&t, buf, capacity);
    va_list args;
    va_start(args, format);
    text_vprintf(&t, format, args);
    va_end(args);
    return t.len;
}

bool text_equal(const char *a, const char *b) {
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

bool text_equal_n(const char *a, const char *b, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        if (a[i] != b[i]) {
            return false;
        }
        if (a[i] == '\0') {
            return true;
        }
    }
    return true;
}

bool text_copy(char *dst, size_t capacity, const char *src) {
    struct text t;
    text_init(&t, dst, capacity);
    text_add(&t, src);
    return !t.cut;
}

static int digit_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

err_t text_to_u64(const char *s, const char **end, u64 *out) {
    int base = 10;
    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X') && digit_value(s[2]) < 16) {
        base = 16;
        s += 2;
    }
    if (digit_value(*s) >= base) {
        return ERR_INVAL;
    }
    u64 value = 0;
    for (; digit_value(*s) < base; s++) {
        if (__builtin_mul_overflow(value, (u64)base, &value) ||
            __builtin_add_overflow(value, (u64)digit_value(*s), &value)) {
            return ERR_OVERFLOW;
        }
    }
    *end = s;
    *out = value;
    return ERR_OK;
}
