src := log.c early_serial.c panic.c symbols.c cmdline.c lock.c entropy.c ubsan.c kasan.c
# The sanitizers' own run time.
nosan += kernel/base/ubsan.c kernel/base/kasan.c
