// SPDX-License-Identifier: MIT
// Any bytes as any table.
#include <lib/acpi/tables.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes);

static void reads(const u8 *p, size_t bytes) {
    static struct acpi_madt madt;
    struct acpi_mcfg mcfg;
    struct acpi_fadt fadt;
    struct acpi_root root;
    u8 a, b;
    u32 gsi;
    bool level, low;
    if (acpi_madt_read(p, bytes, &madt) == ERR_OK) {
        acpi_madt_route(&madt, 9, &gsi, &level, &low);
    }
    if (acpi_mcfg_read(p, bytes, &mcfg) == ERR_OK && mcfg.count > ACPI_ECAM_MAX) {
        abort();
    }
    unused_arg(acpi_fadt_read(p, bytes, &fadt));
    unused_arg(acpi_root_read(p, bytes, &root));
    if (acpi_find_s5(p, bytes, &a, &b) == ERR_OK && (a > 7 || b > 7)) {
        abort();
    }
    for (u32 i = 0; i < acpi_root_count(bytes, 8) + 2; i++) {
        unused_arg(acpi_root_entry(p, bytes, 8, i));
        unused_arg(acpi_root_entry(p, bytes, 4, i));
    }
}

// The first byte picks a signature, so that the fuzzer need not find it.
int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes) {
    static const char *const signatures[] = {"APIC", "MCFG", "FACP", "DSDT"};
    if (bytes == 0) {
        return 0;
    }
    u8 *copy = malloc(bytes); // exact size: reads past the end are seen
    memcpy(copy, data + 1, bytes - 1);
    if (bytes > 4) {
        memcpy(copy, signatures[data[0] % 4], 4);
    }
    if (acpi_table_check(copy, bytes - 1) == ERR_OK) {
        reads(copy, bytes - 1);
    }
    u8 *tight = malloc(bytes);
    memcpy(tight + 1, copy, bytes - 1);
    reads(tight + 1, bytes - 1);
    free(tight);
    free(copy);
    return 0;
}
