src := crc32c.c siphash.c error.c text.c tree.c path.c time_words.c utf8.c partitions.c
test := crc32c_test.c tree_test.c path_test.c time_words_test.c utf8_test.c partitions_test.c
