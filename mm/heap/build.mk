src := heap.c
