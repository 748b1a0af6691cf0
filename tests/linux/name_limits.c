// SPDX-License-Identifier: MIT
// Names and paths at their limits.
#include "check.h"

int main(void) {
    char name[300];
    memset(name, 'n', sizeof name);
    name[255] = 0;
    put_file(name, "long");
    say("%s", file_text(name));
    V(unlink(name));
    memset(name, 'n', sizeof name);
    name[256] = 0;
    E(open(name, O_CREAT | O_WRONLY, 0644));
    E(mkdir(name, 0755));
    E(stat(name, &(struct stat){}));
    E(access(name, F_OK));
    put_file("f", "x");
    E(rename("f", name));
    char path[5000];
    memset(path, '/', sizeof path);
    path[0] = '.';
    strcpy(path + 4094, "f");
    say("4095 bytes: %s", file_text(path));
    strcpy(path + 4095, "f");
    say("4096 bytes: %s", file_text(path));
    // Odd but legal names.
    const char *odd[] = {" ", "a b", "\xff\xfe", "new\nline", "-", "...", "\xc3\xa4"};
    for (int i = 0; i < 7; i++) {
        put_file(odd[i], "odd");
        say("%d: %s %d", i, file_text(odd[i]), unlink(odd[i]));
    }
    say("upper and lower case differ: %s", file_text("F"));
    char target[4200];
    memset(target, 't', sizeof target);
    target[4095] = 0;
    E(symlink(target, "s"));
    target[4095] = 't';
    target[4096] = 0;
    E(symlink(target, "s2"));
    return 0;
}
