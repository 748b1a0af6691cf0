// SPDX-License-Identifier: MIT
#include <boot/uefi/loader.h>
#include <lib/mem.h>

static struct efi_file *root;

bool files_open(void) {
    struct efi_guid image_guid = EFI_GUID_LOADED_IMAGE, fs_guid = EFI_GUID_FILE_SYSTEM;
    struct efi_loaded_image *image = nullptr;
    struct efi_file_system *fs = nullptr;
    if (root) {
        root->close(root);
        root = nullptr;
    }
    efi_status status = efi->boot->handle_protocol(loader_image, &image_guid, (void **)&image);
    if (status == EFI_OK) {
        status = efi->boot->handle_protocol(image->device, &fs_guid, (void **)&fs);
    }
    if (status == EFI_OK) {
        status = fs->open_volume(fs, &root);
    }
    return status == EFI_OK ||
           fail("the boot partition cannot be opened: %s", efi_status_text(status));
}

// Either slash separates, several are one.
static void widen(const char *path, char16 *out) {
    size_t len = 0;
    for (size_t i = 0; path[i] && len < LOADER_PATH_BYTES - 1; i++) {
        char16 letter = path[i] == '/' ? '\\' : (u8)path[i];
        if (letter != '\\' || len == 0 || out[len - 1] != '\\') {
            out[len++] = letter;
        }
    }
    out[len] = 0;
}

static bool read_open_file(struct efi_file *handle, const char *path, struct file *out) {
    static struct efi_file_info info;
    struct efi_guid guid = EFI_GUID_FILE_INFO;
    u64 bytes = sizeof(info);
    efi_status status = handle->get_info(handle, &guid, &bytes, &info);
    if (status != EFI_OK) {
        return fail("the size of %s cannot be read: %s", path, efi_status_text(status));
    }
    if ((info.attributes & EFI_FILE_DIRECTORY) != 0) {
        return fail("%s is a directory, not a file", path);
    }
    struct file file = {.bytes = info.file_bytes};
    if (!memory_allocate(MAX(bytes_to_pages(file.bytes), (u64)1), path, &file.pa)) {
        return false;
    }
    bytes = file.bytes;
    status = handle->read(handle, &bytes, (void *)(uintptr_t)file.pa);
    if (status != EFI_OK || bytes != file.bytes) {
        files_free(&file);
        return fail("%s cannot be read: %s", path,
                    status != EFI_OK ? efi_status_text(status)
                                     : "it is shorter than its size says");
    }
    *out = file;
    return true;
}

bool files_read(const char *path, struct file *out, bool *found_out) {
    static char16 wide[LOADER_PATH_BYTES];
    struct efi_file *handle = nullptr;
    widen(path, wide);
    efi_status status = root->open(root, &handle, wide, EFI_FILE_READ, 0);
    if (found_out) {
        *found_out = status == EFI_OK;
        if (status == EFI_NOT_FOUND) {
            return true;
        }
    }
    if (status != EFI_OK) {
        return fail("%s cannot be opened on the boot partition: %s", path, efi_status_text(status));
    }
    bool ok = read_open_file(handle, path, out);
    handle->close(handle);
    return ok;
}

void files_free(struct file *file) {
    if (file->pa != 0) {
        efi->boot->free_pages(file->pa, MAX(bytes_to_pages(file->bytes), (u64)1));
    }
    *file = (struct file){};
}
