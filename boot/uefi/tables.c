// SPDX-License-Identifier: MIT
#include <boot/uefi/loader.h>
#include <lib/mem.h>

static u64 find(struct efi_guid guid) {
    for (u64 i = 0; i < efi->table_count; i++) {
        if (memcmp(&efi->tables[i].guid, &guid, sizeof(guid)) == 0) {
            return (u64)(uintptr_t)efi->tables[i].table;
        }
    }
    return 0;
}

void tables_find(struct boot_info *info) {
    info->rsdp = find(EFI_GUID_ACPI_20);
    if (info->rsdp == 0) {
        info->rsdp = find(EFI_GUID_ACPI_10);
    }
    info->smbios = find(EFI_GUID_SMBIOS3);
    if (info->smbios == 0) {
        info->smbios = find(EFI_GUID_SMBIOS);
    }
    info->uefi_system_table = (u64)(uintptr_t)efi;
}
