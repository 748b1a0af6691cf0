src := gaia.c mounts.c session.c batch.c shutdown.c
bin := gaia
