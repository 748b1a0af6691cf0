src := node.c alloc.c tree.c commit.c super.c record.c view.c history.c timeline.c inode.c dir.c name.c file.c xattr.c check.c check_names.c
test := core_test.c model_test.c
fuzz := image_fuzz.c
