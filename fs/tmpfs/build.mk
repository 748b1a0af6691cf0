src := tmpfs.c names.c data.c
