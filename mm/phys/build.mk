src := phys.c boot.c shadow.c
nosan += mm/phys/shadow.c
