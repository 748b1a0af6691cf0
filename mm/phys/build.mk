src := phys.c boot.c
