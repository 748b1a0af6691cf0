// SPDX-License-Identifier: MIT
// \EFI\hornet\hornet.cfg: one key=value a line; empty lines and lines with # are skipped. See
// docs/boot.md.
#include <boot/uefi/loader.h>
#include <lib/mem.h>
#include <lib/text.h>

constexpr u32 TIMEOUT_SECONDS_MAX = 3600;

void config_default(struct config *out) {
    memset(out, 0, sizeof(*out));
    out->timeout_seconds = 3;
    text_copy(out->kernel, sizeof(out->kernel), "\\EFI\\hornet\\kernel");
}

struct line {
    const char *key, *value;
    size_t key_bytes, value_bytes;
};

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static struct line split(const char *data, size_t bytes) {
    struct line line = {};
    while (bytes > 0 && is_blank(data[bytes - 1])) {
        bytes--;
    }
    while (bytes > 0 && is_blank(*data)) {
        data++;
        bytes--;
    }
    line.key = data;
    while (line.key_bytes < bytes && data[line.key_bytes] != '=') {
        line.key_bytes++;
    }
    if (line.key_bytes < bytes) {
        line.value = data + line.key_bytes + 1;
        line.value_bytes = bytes - line.key_bytes - 1;
    }
    return line;
}

static bool key_is(const struct line *line, const char *key) {
    return strlen(key) == line->key_bytes && memcmp(line->key, key, line->key_bytes) == 0;
}

static bool copy_value(const struct line *line, char *out, size_t capacity) {
    if (line->value_bytes >= capacity) {
        return fail("hornet.cfg: the value of %.16s is longer than %u bytes", line->key,
                    (u32)capacity - 1);
    }
    memcpy(out, line->value, line->value_bytes);
    out[line->value_bytes] = 0;
    return true;
}

static bool parse_timeout(const struct line *line, struct config *out) {
    char digits[16];
    const char *end = nullptr;
    u64 seconds = 0;
    if (!copy_value(line, digits, sizeof(digits))) {
        return false;
    }
    if (text_to_u64(digits, &end, &seconds) != ERR_OK || *end != 0 ||
        seconds > TIMEOUT_SECONDS_MAX) {
        return fail("hornet.cfg: timeout=%s is not a number of seconds up to %u", digits,
                    TIMEOUT_SECONDS_MAX);
    }
    out->timeout_seconds = (u32)seconds;
    return true;
}

static bool parse_line(const struct line *line, struct config *out) {
    if (line->key_bytes == 0 || *line->key == '#') {
        return true;
    }
    if (!line->value) {
        return fail("hornet.cfg: a line without '=': %.*s", (int)MIN(line->key_bytes, (size_t)60),
                    line->key);
    }
    if (key_is(line, "timeout")) {
        return parse_timeout(line, out);
    }
    if (key_is(line, "kernel")) {
        return copy_value(line, out->kernel, sizeof(out->kernel));
    }
    if (key_is(line, "cmdline")) {
        return copy_value(line, out->cmdline, sizeof(out->cmdline));
    }
    if (!key_is(line, "module")) {
        return fail("hornet.cfg: unknown key %.*s", (int)MIN(line->key_bytes, (size_t)60),
                    line->key);
    }
    if (out->module_count == BOOT_MAX_MODULES) {
        return fail("hornet.cfg: more than %u modules", BOOT_MAX_MODULES);
    }
    return copy_value(line, out->modules[out->module_count++], LOADER_PATH_BYTES);
}

bool config_parse(const char *data, size_t bytes, struct config *out) {
    for (size_t at = 0; at < bytes;) {
        size_t line_bytes = 0;
        while (at + line_bytes < bytes && data[at + line_bytes] != '\n') {
            line_bytes++;
        }
        struct line line = split(data + at, line_bytes);
        if (!parse_line(&line, out)) {
            return false;
        }
        at += line_bytes + 1;
    }
    return true;
}
