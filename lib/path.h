// SPDX-License-Identifier: MIT
// Path text: cut into components, without copying.
// Environments: all.
#pragma once
#include <lib/types.h>

struct path_part { // one component, borrowed from the text
    const char *bytes;
    size_t len;          // 0: there is none (the path is empty or only slashes)
    bool last;           // nothing but slashes follows
    bool trailing_slash; // last, and a slash follows (or is all there is): a directory is wanted
};
// Takes the next component off *rest. Afterwards *rest stands right behind it (at '/' or NUL).
void path_next(const char **rest, struct path_part *part);
static inline bool path_part_is_dot(const struct path_part *p) {
    return p->len == 1 && p->bytes[0] == '.';
}
static inline bool path_part_is_dot_dot(const struct path_part *p) {
    return p->len == 2 && p->bytes[0] == '.' && p->bytes[1] == '.';
}
// Position of the last "@@" with something before and behind it; false: no such name.
bool path_split_moment(const char *name, size_t len, size_t *at);
