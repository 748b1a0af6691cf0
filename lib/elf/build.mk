src := elf.c
test := elf_test.c
fuzz := elf_fuzz.c
