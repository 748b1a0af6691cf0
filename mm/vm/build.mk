src := kmap.c radix.c object.c write_back.c reclaim.c
src += space.c map.c remap.c advise.c fork.c fault.c entries.c copy.c
