// SPDX-License-Identifier: MIT
// The mode the firmware chose is most often the panel's own: it is kept when large enough.
// Otherwise the mode nearest above 1024x768 is taken, never one larger than 1920x1200.
#include <boot/uefi/loader.h>

constexpr u32 WIDTH_MIN = 1024, HEIGHT_MIN = 768, WIDTH_MAX = 1920, HEIGHT_MAX = 1200;
constexpr u32 MODES_MAX = 512;

static enum boot_pixel_format pixel_format(const struct efi_graphics_info *info) {
    switch (info->format) {
    case EFI_PIXELS_RGBX:
        return BOOT_PIXEL_RGBX;
    case EFI_PIXELS_BGRX:
        return BOOT_PIXEL_BGRX;
    case EFI_PIXELS_MASKS:
        if (info->green_mask != 0xff00) {
            return BOOT_PIXEL_NONE;
        }
        return info->red_mask == 0xff       ? BOOT_PIXEL_RGBX
               : info->red_mask == 0xff0000 ? BOOT_PIXEL_BGRX
                                            : BOOT_PIXEL_NONE;
    default:
        return BOOT_PIXEL_NONE;
    }
}

static bool large_enough(const struct efi_graphics_info *info) {
    return info->width >= WIDTH_MIN && info->height >= HEIGHT_MIN &&
           pixel_format(info) != BOOT_PIXEL_NONE;
}

static void choose_mode(struct efi_graphics *graphics) {
    u32 best = graphics->mode->mode;
    u64 best_pixels = ~(u64)0;
    if (large_enough(graphics->mode->info)) {
        return;
    }
    for (u32 i = 0; i < MIN(graphics->mode->mode_count, MODES_MAX); i++) {
        struct efi_graphics_info *info = nullptr;
        u64 bytes = 0;
        if (graphics->query_mode(graphics, i, &bytes, &info) != EFI_OK) {
            continue;
        }
        u64 pixels = (u64)info->width * info->height;
        if (large_enough(info) && info->width <= WIDTH_MAX && info->height <= HEIGHT_MAX &&
            pixels < best_pixels) {
            best = i;
            best_pixels = pixels;
        }
        efi->boot->free_pool(info);
    }
    if (best != graphics->mode->mode) {
        (void)graphics->set_mode(graphics,
                                 best); // on failure the old mode stays, which we describe
    }
}

void graphics_init(struct boot_framebuffer *out) {
    struct efi_guid guid = EFI_GUID_GRAPHICS;
    struct efi_graphics *graphics = nullptr;
    *out = (struct boot_framebuffer){};
    if (efi->boot->locate_protocol(&guid, nullptr, (void **)&graphics) != EFI_OK ||
        !graphics->mode || !graphics->mode->info) {
        return;
    }
    choose_mode(graphics);
    const struct efi_graphics_info *info = graphics->mode->info;
    enum boot_pixel_format format = pixel_format(info);
    u64 pitch_bytes = (u64)info->pixels_per_line * 4;
    if (format == BOOT_PIXEL_NONE ||
        pitch_bytes * info->height > graphics->mode->framebuffer_bytes) {
        return;
    }
    *out = (struct boot_framebuffer){
        .start = graphics->mode->framebuffer_pa,
        .bytes = graphics->mode->framebuffer_bytes,
        .width = info->width,
        .height = info->height,
        .pitch_bytes = (u32)pitch_bytes,
        .format = format,
    };
}
