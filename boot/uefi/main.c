// SPDX-License-Identifier: MIT
// core64, the UEFI loader: reads \EFI\hornet\hornet.cfg, shows a menu, loads kernel and modules,
// hands the machine over. One attempt is one pass of `attempt`; a failure is shown and the user
// decides about another. Memory of a failed attempt is given back as far as it is large (kernel,
// modules); the rest goes with the reset or becomes BOOT_MEM_LOADER.
#include <boot/uefi/loader.h>
#include <lib/mem.h>
#include <lib/text.h>

struct efi_system_table *efi;
efi_handle loader_image;

static char failure[400];
static u64 tsc_at_entry;

efi_status efi_main(efi_handle image, struct efi_system_table *table);

bool fail(const char *format, ...) {
    struct text t;
    va_list args;
    text_init(&t, failure, sizeof(failure));
    va_start(args, format);
    text_vprintf(&t, format, args);
    va_end(args);
    return false;
}

const char *efi_status_text(efi_status status) {
    static const char *const texts[] = {
        [1] = "load error",      [2] = "invalid parameter",   [3] = "unsupported",
        [4] = "bad buffer size", [5] = "buffer too small",    [6] = "device not ready",
        [7] = "device error",    [8] = "write protected",     [9] = "out of memory",
        [10] = "damaged volume", [11] = "volume full",        [12] = "no medium",
        [13] = "medium changed", [14] = "no such file",       [15] = "access denied",
        [16] = "no response",    [17] = "no mapping",         [18] = "time-out",
        [19] = "not started",    [20] = "already started",    [21] = "aborted",
        [22] = "ICMP error",     [23] = "TFTP error",         [24] = "protocol error",
        [25] = "wrong version",  [26] = "security violation", [27] = "checksum error",
    };
    u64 code = status & ~EFI_ERROR_BIT;
    return code < countof(texts) && texts[code] ? texts[code] : "unknown firmware error";
}

static bool read_config(struct config *config) {
    struct file file = {};
    bool found = false;
    config_default(config);
    if (!files_read("\\EFI\\hornet\\hornet.cfg", &file, &found)) {
        return false;
    }
    if (!found) {
        print("No \\EFI\\hornet\\hornet.cfg: using defaults\n");
        return true;
    }
    bool ok = config_parse((const char *)(uintptr_t)file.pa, file.bytes, config);
    files_free(&file);
    return ok;
}

static void free_attempt(struct boot_info *info) {
    for (u32 i = 0; i < info->module_count; i++) {
        struct file file = {.pa = info->modules[i].start, .bytes = info->modules[i].bytes};
        files_free(&file);
    }
    if (info->kernel_pa != 0) {
        efi->boot->free_pages(info->kernel_pa, bytes_to_pages(info->kernel_bytes));
    }
}

static bool attempt(struct config *config, struct boot_info *info) {
    struct kernel kernel = {};
    memset(info, 0, sizeof(*info));
    info->tsc_at_entry = tsc_at_entry;
    if (!files_open() || !read_config(config)) {
        return false;
    }
    while (menu_run(config) == MENU_AGAIN) {
    }
    entropy_collect();
    graphics_init(&info->framebuffer);
    return kernel_load(config, info, &kernel) && handover(info, &kernel);
}

efi_status efi_main(efi_handle image, struct efi_system_table *table) {
    static struct config config;
    u64 info_pa = 0;
    tsc_at_entry = __builtin_readcyclecounter();
    efi = table;
    loader_image = image;
    efi->boot->set_watchdog_timer(0, 0, 0, nullptr);
    console_init();
    console_colour(COLOUR_NORMAL);
    while (!memory_allocate(bytes_to_pages(sizeof(struct boot_info)), "the boot information",
                            &info_pa)) {
        menu_failure(failure);
    }
    struct boot_info *info = (struct boot_info *)(uintptr_t)info_pa;
    while (!attempt(&config, info)) {
        free_attempt(info);
        menu_failure(failure);
    }
    return EFI_OK;
}
