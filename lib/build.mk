src := error.c text.c tree.c path.c time_words.c
test := tree_test.c path_test.c time_words_test.c
