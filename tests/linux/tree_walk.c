// SPDX-License-Identifier: MIT
// A tree of directories and files: made, walked, compared, renamed, removed.
#include "check.h"
#include <ftw.h>
static int files;
static int directories;
static long bytes;
static int count(const char *path, const struct stat *st, int kind, struct FTW *w) {
    (void)w;
    (void)path;
    files += kind == FTW_F;
    directories += kind == FTW_DP;
    bytes += kind == FTW_F ? st->st_size : 0;
    return 0;
}
static int removes(const char *path, const struct stat *st, int kind, struct FTW *w) {
    (void)st;
    (void)kind;
    (void)w;
    return remove(path);
}
static void walk(const char *what, const char *top) {
    files = directories = 0;
    bytes = 0;
    nftw(top, count, 20, FTW_DEPTH | FTW_PHYS);
    say("%s: %d files %d directories %ld bytes", what, files, directories, bytes);
}
int main(void) {
    char path[128];
    static char data[70000];
    MUST(mkdir("tree", 0755));
    for (int d = 0; d < 20; d++) {
        snprintf(path, sizeof path, "tree/dir%d", d);
        MUST(mkdir(path, 0755));
        for (int f = 0; f < 25; f++) {
            snprintf(path, sizeof path, "tree/dir%d/file%d", d, f);
            int fd = MUST(open(path, O_CREAT | O_EXCL | O_WRONLY, 0644));
            // From empty over inline sizes to many blocks.
            size_t size = (size_t)(d * 25 + f) * (size_t)(f * 5);
            memset(data, d * 25 + f, size);
            MUST(write(fd, data, size) == (ssize_t)size ? 0 : -1);
            close(fd);
        }
    }
    walk("made", "tree");
    int wrong = 0;
    for (int d = 0; d < 20; d++) {
        for (int f = 0; f < 25; f++) {
            snprintf(path, sizeof path, "tree/dir%d/file%d", d, f);
            int fd = MUST(open(path, O_RDONLY));
            size_t size = (size_t)(d * 25 + f) * (size_t)(f * 5);
            memset(data, 0xee, sizeof data);
            wrong += read(fd, data, sizeof data) != (ssize_t)size;
            for (size_t i = 0; i < size; i++) {
                wrong += data[i] != (char)(d * 25 + f);
            }
            close(fd);
        }
    }
    say("wrong: %d", wrong);
    for (int d = 19; d > 0; d--) {
        char to[128];
        snprintf(path, sizeof path, "tree/dir%d", d);
        snprintf(to, sizeof to, "tree/dir%d/renamed%d", d - 1, d);
        MUST(rename(path, to));
    }
    walk("nested", "tree");
    E(rmdir("tree"));
    nftw("tree", removes, 20, FTW_DEPTH | FTW_PHYS);
    say("gone: %d", access("tree", F_OK));
    return 0;
}
