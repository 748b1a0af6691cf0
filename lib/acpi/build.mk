src := tables.c aml.c
test := acpi_test.c
fuzz := acpi_fuzz.c
