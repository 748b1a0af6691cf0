// SPDX-License-Identifier: MIT
// What the parts of the loader share. One thread, no interrupts of ours, so no locks; everything
// may wait for the firmware. Failures are sentences: a function that can fail returns false after
// `fail()` recorded what went wrong and why; the main loop shows it and offers what to do.
#pragma once
#include <abi/boot.h>
#include <boot/uefi/efi.h>

constexpr u32 LOADER_PATH_BYTES = 200;

// ---- main.c: state
// --------------------------------------------------------------------------------
extern struct efi_system_table *efi; // set first thing; boot services are gone after handover_exit
extern efi_handle loader_image;

// Records the failure's one sentence; returns false for `return fail(...)`.
[[gnu::format(printf, 1, 2)]] bool fail(const char *format, ...);
// A firmware status as words, for use in a sentence.
const char *efi_status_text(efi_status status);

// ---- console.c: screen through the firmware, COM1 directly unless the firmware already writes
// there ------
enum key : u32 { KEY_NONE = 0, KEY_ENTER = '\r', KEY_UP = 0x100, KEY_DOWN = 0x101 };
enum console_colour : u32 { COLOUR_NORMAL = 0x07, COLOUR_BRIGHT = 0x0f, COLOUR_CHOSEN = 0x70 };
void console_init(void);
[[gnu::format(printf, 1, 2)]] void print(const char *format, ...);
void console_clear(void);
void console_colour(enum console_colour colour);
void console_go(u32 column, u32 row);
enum key console_key(void); // a key that waits, or KEY_NONE
// After boot services are gone only COM1 is left.
void console_leave_firmware(void);
// For hornet.exec=1: after boot services, tells whoever reads the second serial line that the
// firmware's own text ends here.
void console_mark_exec(void);

// ---- config.c
// ---------------------------------------------------------------------------------------
struct config {
    u32 timeout_seconds;
    char kernel[LOADER_PATH_BYTES];
    char cmdline[BOOT_CMDLINE_BYTES];
    u32 module_count;
    char modules[BOOT_MAX_MODULES][LOADER_PATH_BYTES];
};
void config_default(struct config *out);
// Reads "key=value" lines; bytes need not end with NUL. False: the sentence names the line.
bool config_parse(const char *data, size_t bytes, struct config *out);

// ---- files.c: the volume the loader was started from
// --------------------------------------------------
struct file {
    u64 pa; // pages of EFI_MEM_LOADER_DATA; the bytes after the file's end are zero
    u64 bytes;
};
bool files_open(void);
// found_out, if not null, turns a missing file into success with *found_out == false.
bool files_read(const char *path, struct file *out, bool *found_out);
void files_free(struct file *file);

// ---- memory.c
// -------------------------------------------------------------------------------------------
bool memory_allocate(u64 pages, const char *what, u64 *pa_out); // below 4 GiB, zeroed
// Physically contiguous, 2 MiB-aligned, below 4 GiB.
bool memory_allocate_kernel(u64 bytes, u64 *pa_out);
bool memory_get_map(
    u64 *key_out);        // false without a sentence when the firmware refuses: callers know more
u64 memory_ram_end(void); // above the last byte of RAM in the last map
// Turns the last map into info->memory; the kernel's range becomes BOOT_MEM_KERNEL. False: does not
// fit.
bool memory_describe(struct boot_info *info);

// ---- entropy.c
// ------------------------------------------------------------------------------------------
void entropy_collect(void);
u64 entropy_u64(void);
void entropy_bytes(u8 *out, size_t bytes);

// ---- graphics.c, tables.c
// -------------------------------------------------------------------------------
void graphics_init(struct boot_framebuffer *out);
void tables_find(struct boot_info *info); // RSDP, SMBIOS

// ---- kernel.c: image, modules, page tables
// ----------------------------------------------------------------
struct kernel {
    u64 entry_va;
    u64 identity_pa; // the page of the jump
};
// Is `word` one of the space-separated words of a command line?
bool kernel_cmdline_has(const char *cmdline, const char *word);
// Fills everything of info but the memory map.
bool kernel_load(const struct config *config, struct boot_info *info, struct kernel *out);

// ---- handover.c
// -----------------------------------------------------------------------------------------
bool handover_prepare(struct kernel *kernel); // places the jump's code
// Leaves boot services and enters the kernel. Returns only when the firmware refuses at the first
// attempt.
bool handover(struct boot_info *info, const struct kernel *kernel);

// ---- menu.c
// ---------------------------------------------------------------------------------------------
enum menu_choice : u32 { MENU_BOOT, MENU_AGAIN };
// Shows the menu if there is a reason to; adds the entry's words to config->cmdline.
enum menu_choice menu_run(struct config *config);
void menu_failure(const char *sentence); // returns when the user wants another attempt
