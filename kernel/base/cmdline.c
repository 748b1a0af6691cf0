// SPDX-License-Identifier: MIT
#include <abi/boot.h>
#include <kernel/base/cmdline.h>
#include <lib/mem.h>
#include <lib/text.h>

static char line[BOOT_CMDLINE_BYTES];

void cmdline_init(const char *text) { (void)text_copy(line, sizeof(line), text); }

const char *cmdline(void) { return line; }

// The last word `key` or `key=...`: what follows the key. Null: there is none.
static const char *find(const char *key) {
    size_t key_len = strlen(key);
    const char *found = nullptr;
    for (const char *p = line; *p != '\0';) {
        while (*p == ' ') {
            p++;
        }
        if (text_equal_n(p, key, key_len) && key_len != 0) {
            char after = p[key_len];
            if (after == '\0' || after == ' ' || after == '=') {
                found = p + key_len;
            }
        }
        while (*p != '\0' && *p != ' ') {
            p++;
        }
    }
    return found;
}

bool cmdline_has(const char *key) { return find(key) != nullptr; }

bool cmdline_get(const char *key, char *value, size_t capacity) {
    const char *p = find(key);
    if (p == nullptr || *p != '=') {
        return false;
    }
    struct text t;
    text_init(&t, value, capacity);
    for (p++; *p != '\0' && *p != ' '; p++) {
        text_put(&t, *p);
    }
    return !t.cut;
}

u64 cmdline_u64(const char *key, u64 otherwise) {
    char value[32];
    const char *end = nullptr;
    u64 number = 0;
    if (!cmdline_get(key, value, sizeof(value)) || text_to_u64(value, &end, &number) != ERR_OK ||
        *end != '\0') {
        return otherwise;
    }
    return number;
}
