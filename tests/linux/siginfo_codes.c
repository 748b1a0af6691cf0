// SPDX-License-Identifier: MIT
// SA_SIGINFO: who sent what; si_code of kill, tgkill, sigqueue, alarm, child.
#include "check.h"

static siginfo_t last;
static void on_signal(int sig, siginfo_t *info, void *context) {
    (void)sig;
    (void)context;
    last = *info;
}
static void show(const char *what, pid_t from) {
    say("%s: %s code %d sender right %d uid %d", what, signal_name(last.si_signo), last.si_code,
        last.si_pid == from, last.si_uid);
    memset(&last, 0, sizeof last);
}
int main(void) {
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, nullptr);
    sigaction(SIGCHLD, &action, nullptr);
    sigaction(SIGRTMIN + 3, &action, nullptr);
    sigaction(SIGALRM, &action, nullptr);
    kill(getpid(), SIGUSR1);
    show("kill", getpid());
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1);
    show("tgkill", getpid());
    sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = 4711});
    int value = last.si_value.sival_int;
    show("sigqueue", getpid());
    V(value);
    pid_t parent = getpid();
    sigset_t set;
    sigset_t old;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, &old);
    pid_t child = MUST(fork());
    if (child == 0) {
        kill(parent, SIGUSR1);
        _exit(12);
    }
    sigset_t wait_usr1 = old;
    sigaddset(&wait_usr1, SIGCHLD);
    sigsuspend(&wait_usr1);
    show("from the child", child);
    sigsuspend(&old);
    say("child ended: code %d status %d", last.si_code, last.si_status);
    show("SIGCHLD", child);
    reap("child", child);
    child = MUST(fork());
    if (child == 0) {
        raise(SIGKILL);
    }
    sigsuspend(&old);
    say("child killed: code %d status %d", last.si_code, last.si_status);
    reap("child", child);
    child = MUST(fork());
    if (child == 0) {
        raise(SIGSTOP);
        _exit(0);
    }
    sigsuspend(&old);
    say("child stopped: code %d status %d", last.si_code, last.si_status);
    kill(child, SIGCONT);
    sigsuspend(&old);
    say("child continued or ended: %d",
        last.si_code == CLD_CONTINUED || last.si_code == CLD_EXITED);
    reap("child", child);
    signal(SIGCHLD, SIG_DFL);
    struct itimerval timer = {.it_value = {0, 10000}};
    setitimer(ITIMER_REAL, &timer, nullptr);
    while (last.si_signo != SIGALRM) {
        pause();
    }
    say("alarm: code %d", last.si_code);
    return 0;
}
