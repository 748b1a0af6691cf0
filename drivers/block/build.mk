src := virtio_blk.c
