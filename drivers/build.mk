src := pci.c pci_message.c virtio.c virtio_queue.c rtc.c
