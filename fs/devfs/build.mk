src := devfs.c memory.c disk.c
