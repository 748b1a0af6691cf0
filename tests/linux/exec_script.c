// SPDX-License-Identifier: MIT
// #! scripts: arguments, one optional argument, scripts run by scripts, limits.
#include "check.h"

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "main") != 0) {
        for (int i = 1; i < argc; i++) {
            say("  arg %d: '%s'", i, argv[i]);
        }
        return argc;
    }
    char exe[512] = "";
    MUST(readlink("/proc/self/exe", exe, sizeof exe - 1));
    MUST(symlink(exe, "prog"));
    put_file("plain", "#!./prog\nrest is ignored\n");
    put_file("one", "#! ./prog   two words  \n");
    put_file("noline", "#!./prog x");
    put_file("nested", "#!./one\n");
    put_file("crlf", "#!./prog\r\n");
    put_file("tabs", "#!\t./prog\targ\t\n");
    const char *names[] = {"plain", "one", "noline", "nested", "crlf", "tabs"};
    for (int i = 0; i < 6; i++) {
        MUST(chmod(names[i], 0755));
        char path[32];
        snprintf(path, sizeof path, "./%s", names[i]);
        say("%s", path);
        IN_CHILD(path, E(execl(path, "zero", "first", "", "third", nullptr)));
    }
    IN_CHILD("no arguments at all", char *none[] = {nullptr}; E(execv("./plain", none)));
    // Five interpreters in a row are the most.
    char from[8] = "./prog";
    for (int i = 0; i < 8; i++) {
        char name[8];
        char text[32];
        snprintf(name, sizeof name, "./s%d", i);
        snprintf(text, sizeof text, "#!%s\n", from);
        put_file(name, text);
        MUST(chmod(name, 0755));
        strcpy(from, name);
    }
    for (int i = 3; i < 8; i++) {
        char name[8];
        snprintf(name, sizeof name, "./s%d", i);
        IN_CHILD(name, execl(name, name, "x", nullptr); say("%s: %s", name, error_name(errno)));
    }
    return 0;
}
