// SPDX-License-Identifier: MIT
// prctl: names, death signal, no new privileges, what is unknown.
#include "check.h"
#include <sys/prctl.h>
static void *thread(void *arg) {
    char name[16] = "";
    prctl(PR_GET_NAME, name);
    say("the thread inherits %s", name);
    prctl(PR_SET_NAME, "worker");
    prctl(PR_GET_NAME, name);
    say("thread %s", name);
    return arg;
}
int main(void) {
    char name[17] = "";
    V(prctl(PR_GET_NAME, name));
    say("%s", name);
    V(prctl(PR_SET_NAME, "a name that is far too long"));
    V(prctl(PR_GET_NAME, name));
    say("%s", name);
    say("comm: %s", file_text("/proc/self/comm"));
    pthread_t t;
    pthread_create(&t, nullptr, thread, nullptr);
    pthread_join(t, nullptr);
    prctl(PR_GET_NAME, name);
    say("%s", name);
    int sig = -1;
    V(prctl(PR_GET_PDEATHSIG, &sig));
    V(sig);
    V(prctl(PR_SET_PDEATHSIG, SIGUSR1));
    V(prctl(PR_GET_PDEATHSIG, &sig));
    V(sig);
    E(prctl(PR_SET_PDEATHSIG, 100));
    V(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    V(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    V(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    E(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
    V(prctl(PR_GET_DUMPABLE));
    V(prctl(PR_SET_DUMPABLE, 0));
    V(prctl(PR_GET_DUMPABLE));
    E(prctl(PR_SET_DUMPABLE, 7));
    E(prctl(PR_GET_NAME, 8));
    E(prctl(99999, 0, 0, 0, 0));
    V(prctl(PR_CAPBSET_READ, 0));
    E(prctl(PR_CAPBSET_READ, 1000));
    return 0;
}
