src := env.c volume.c node.c data.c names.c attr.c past.c
