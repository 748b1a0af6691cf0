src := table.c fork.c exit.c wait.c signal.c sigstate.c fds.c exec.c exec_args.c exec_map.c jobs.c timers.c trace.c uts.c oom.c
