// SPDX-License-Identifier: MIT
#include <lib/path.h>

void path_next(const char **rest, struct path_part *part) {
    const char *s = *rest;
    while (*s == '/') {
        s++;
    }
    const char *end = s;
    while (*end != '/' && *end != 0) {
        end++;
    }
    const char *after = end;
    while (*after == '/') {
        after++;
    }
    *part = (struct path_part){
        .bytes = s,
        .len = (size_t)(end - s),
        .last = *after == 0,
        .trailing_slash = *after == 0 && (after != end || (end == s && s != *rest)),
    };
    *rest = end;
}

bool path_split_moment(const char *name, size_t len, size_t *at) {
    for (size_t i = len < 4 ? 0 : len - 3; i >= 1; i--) { // at least one byte on either side
        if (name[i] == '@' && name[i + 1] == '@') {
            // "x@@@5" is x at "@5": of three the first two are the separator.
            *at = i > 1 && name[i - 1] == '@' ? i - 1 : i;
            return true;
        }
    }
    return false;
}
