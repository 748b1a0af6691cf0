src := acpi.c irq.c mmio.c
