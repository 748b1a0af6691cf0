// SPDX-License-Identifier: MIT
// What a new program finds: arguments, environment, auxiliary vector, stack, files.
#include "check.h"
#include <elf.h>
#include <sys/auxv.h>
extern char **environ;
int main(int argc, char **argv) {
    if (argc == 1) {
        char *args[] = {"name of my own", "a", "", "last one", nullptr};
        char *env[] = {"X=1", "EMPTY=", "no equals sign", nullptr};
        IN_CHILD("program", execve("/proc/self/exe", args, env));
        char *no_env[] = {nullptr};
        IN_CHILD("program", execve("/proc/self/exe", args, no_env));
        return 0;
    }
    for (int i = 0; i <= argc; i++) {
        say("argv[%d] = '%s'", i, argv[i] != nullptr ? argv[i] : "(end)");
    }
    for (int i = 0; i == 0 || environ[i - 1] != nullptr; i++) {
        say("env[%d] = '%s'", i, environ[i] != nullptr ? environ[i] : "(end)");
    }
    V(getauxval(AT_PAGESZ));
    V(getauxval(AT_CLKTCK));
    V(getauxval(AT_PHENT));
    V(getauxval(AT_SECURE));
    V(getauxval(AT_UID));
    V(getauxval(AT_EUID));
    V(getauxval(AT_GID));
    V(getauxval(AT_EGID));
    V(getauxval(AT_FLAGS));
    V(getauxval(AT_BASE));
    say("platform %s", (char *)getauxval(AT_PLATFORM));
    say("execfn %s", (char *)getauxval(AT_EXECFN));
    Elf64_Phdr *ph = (void *)getauxval(AT_PHDR);
    int loads = 0;
    for (unsigned long i = 0; i < getauxval(AT_PHNUM); i++) {
        loads += ph[i].p_type == PT_LOAD;
    }
    T(loads > 0);
    T(getauxval(AT_ENTRY) != 0);
    unsigned char *random = (void *)getauxval(AT_RANDOM);
    int set = 0;
    for (int i = 0; i < 16; i++) {
        set += random[i] != 0;
    }
    T(set > 4);
    T((getauxval(AT_HWCAP) & 1) == 1);
    // argv, its strings and the vector stand in the usual order on the stack.
    T((void *)argv > (void *)&set && (void *)argv[0] > (void *)argv);
    T(argv[argc - 1] > argv[0]);
    return 0;
}
