src := block.c wait.c partitions.c
