src := vnode.c name.c walk.c open.c names.c rename.c attr.c xattr.c mount.c file.c vnode_file.c pipe.c fifo.c locks.c
