// SPDX-License-Identifier: MIT
// The start menu and the failure screen, on screen and serial line.
#include <boot/uefi/loader.h>
#include <lib/mem.h>
#include <lib/text.h>

constexpr u64 POLL_US = 20000;
constexpr u32 POLLS_PER_SECOND = 50;
constexpr u32 FIRST_ROW = 3;
constexpr u64 OS_INDICATION_FIRMWARE_MENU = 1;

struct entry {
    const char *title;
    const char *words; // added to the kernel's command line; null: not a kernel
};

static const struct entry ENTRIES[] = {
    {"Hornet", ""},
    {"Hornet, safe drivers", " safe"},
    {"Hornet, verbose", " loglevel=3"},
    {"Firmware setup", nullptr},
};

static void enter_firmware_setup(void) {
    struct efi_guid guid = EFI_GUID_GLOBAL_VARIABLE;
    u64 supported = 0, wanted = 0, bytes = sizeof(supported);
    u32 attributes = 0;
    efi_status status = efi->runtime->get_variable(u"OsIndicationsSupported", &guid, &attributes,
                                                   &bytes, &supported);
    if (status != EFI_OK || (supported & OS_INDICATION_FIRMWARE_MENU) == 0) {
        print("\nThis firmware cannot be told to open its setup; restart and press its key.\n");
        return;
    }
    bytes = sizeof(wanted);
    if (efi->runtime->get_variable(u"OsIndications", &guid, &attributes, &bytes, &wanted) !=
        EFI_OK) {
        wanted = 0;
    }
    wanted |= OS_INDICATION_FIRMWARE_MENU;
    status = efi->runtime->set_variable(u"OsIndications", &guid, EFI_VARIABLE_STORED,
                                        sizeof(wanted), &wanted);
    if (status != EFI_OK) {
        print("\nThe firmware did not take the wish: %s.\n", efi_status_text(status));
        return;
    }
    print("\nRestarting into the firmware's setup\n");
    efi->runtime->reset_system(EFI_RESET_COLD, EFI_OK, 0, nullptr);
}

static void draw(u32 chosen) {
    for (u32 i = 0; i < countof(ENTRIES); i++) {
        console_go(2, FIRST_ROW + i);
        console_colour(i == chosen ? COLOUR_CHOSEN : COLOUR_NORMAL);
        print(" %-24s ", ENTRIES[i].title);
    }
    console_colour(COLOUR_NORMAL);
}

static void draw_countdown(u32 seconds_left) {
    console_go(2, FIRST_ROW + countof(ENTRIES) + 1);
    if (seconds_left > 0) {
        print("Starts in %u s; arrow keys and Enter choose.   ", seconds_left);
    } else {
        print("Arrow keys and Enter choose.                   ");
    }
}

static u32 choose(u32 timeout_seconds) {
    u32 chosen = 0, polls_left = timeout_seconds * POLLS_PER_SECOND;
    console_clear();
    console_go(2, 1);
    console_colour(COLOUR_BRIGHT);
    print("Hornet loader core64");
    draw(chosen);
    draw_countdown(timeout_seconds);
    for (;;) {
        enum key key = console_key();
        if (key == KEY_ENTER) {
            return chosen;
        }
        if (key == KEY_UP || key == KEY_DOWN) {
            u32 step = key == KEY_UP ? countof(ENTRIES) - 1 : 1;
            chosen = (chosen + step) % countof(ENTRIES);
            draw(chosen);
        }
        if (key != KEY_NONE) {
            polls_left = 0;
            draw_countdown(0);
            continue;
        }
        efi->boot->stall(POLL_US);
        if (polls_left > 0 && --polls_left == 0) {
            return chosen;
        }
        if (polls_left > 0 && polls_left % POLLS_PER_SECOND == 0) {
            draw_countdown(polls_left / POLLS_PER_SECOND);
        }
    }
}

enum menu_choice menu_run(struct config *config) {
    if (config->timeout_seconds == 0 && console_key() == KEY_NONE) {
        return MENU_BOOT;
    }
    u32 chosen = choose(config->timeout_seconds);
    const struct entry *entry = &ENTRIES[chosen];
    console_go(0, FIRST_ROW + countof(ENTRIES) + 3);
    if (!entry->words) {
        enter_firmware_setup();
        efi->boot->stall(3000000);
        return MENU_AGAIN;
    }
    size_t used = strlen(config->cmdline);
    if (!text_copy(config->cmdline + used, sizeof(config->cmdline) - used, entry->words)) {
        print("The command line is full: the entry's own words were left out.\n");
    }
    return MENU_BOOT;
}

void menu_failure(const char *sentence) {
    print("\nHornet cannot start: %s.\n", sentence);
    for (;;) {
        print("  R  try again\n  F  firmware setup\n  B  restart the machine\n");
        enum key key = KEY_NONE;
        while (key == KEY_NONE) {
            efi->boot->stall(POLL_US);
            key = console_key();
        }
        if (key == 'r' || key == 'R' || key == KEY_ENTER) {
            return;
        }
        if (key == 'f' || key == 'F') {
            enter_firmware_setup();
        }
        if (key == 'b' || key == 'B') {
            efi->runtime->reset_system(EFI_RESET_COLD, EFI_OK, 0, nullptr);
        }
    }
}
