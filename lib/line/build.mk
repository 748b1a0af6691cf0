src := line.c output.c
test := line_test.c
fuzz := line_fuzz.c
