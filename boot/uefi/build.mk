src := main.c console.c config.c files.c memory.c entropy.c graphics.c tables.c kernel.c handover.c menu.c mem.c
