src := log.c early_serial.c panic.c symbols.c cmdline.c lock.c entropy.c
