src := vt.c csi.c draw.c
test := vt_test.c
fuzz := vt_fuzz.c
