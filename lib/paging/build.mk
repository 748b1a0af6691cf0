src := paging.c
test := paging_test.c
