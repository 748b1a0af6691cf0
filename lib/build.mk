src := text.c tree.c
test := tree_test.c
