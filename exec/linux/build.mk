src := dispatch.c trace.c paths.c file.c open.c stat.c names.c memory.c ids.c process.c signal.c sigframe.c time.c futex.c poll.c misc.c \
  mounts.c event.c
