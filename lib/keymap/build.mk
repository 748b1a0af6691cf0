src := keymap.c
test := keymap_test.c
