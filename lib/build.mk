src := text.c
