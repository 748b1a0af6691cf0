// SPDX-License-Identifier: MIT
// The part of UEFI that the loader uses, under our own names. Source: UEFI specification 2.10;
// sections named below. The loader is compiled for the Windows target, so functions have the
// calling convention of UEFI without attributes. Members that are not used are `void *`
// placeholders: only their place counts.
#pragma once
#include <lib/types.h>

typedef u64 efi_status; // appendix D: 0 or, with the top bit set, an error
typedef void *efi_handle;
typedef u16 char16;

constexpr u64 EFI_ERROR_BIT = (u64)1 << 63;
constexpr efi_status EFI_OK = 0;
constexpr efi_status EFI_INVALID_PARAMETER = EFI_ERROR_BIT | 2;
constexpr efi_status EFI_BUFFER_TOO_SMALL = EFI_ERROR_BIT | 5;
constexpr efi_status EFI_NOT_FOUND = EFI_ERROR_BIT | 14;

struct efi_guid {
    u32 a;
    u16 b, c;
    u8 d[8];
};

struct efi_table_header {
    u64 signature;
    u32 revision, header_bytes, crc32, reserved;
};

// Section 7.2: memory.
enum efi_allocate : u32 { EFI_ALLOCATE_ANY = 0, EFI_ALLOCATE_MAX = 1, EFI_ALLOCATE_AT = 2 };
enum efi_memory_type : u32 {
    EFI_MEM_RESERVED = 0,
    EFI_MEM_LOADER_CODE = 1,
    EFI_MEM_LOADER_DATA = 2,
    EFI_MEM_BOOT_CODE = 3,
    EFI_MEM_BOOT_DATA = 4,
    EFI_MEM_RUNTIME_CODE = 5,
    EFI_MEM_RUNTIME_DATA = 6,
    EFI_MEM_CONVENTIONAL = 7,
    EFI_MEM_UNUSABLE = 8,
    EFI_MEM_ACPI = 9,
    EFI_MEM_ACPI_NVS = 10,
    EFI_MEM_MMIO = 11,
    EFI_MEM_MMIO_PORTS = 12,
};
struct efi_memory_descriptor {
    enum efi_memory_type type;
    u32 pad;
    u64 physical_start, virtual_start, pages, attributes;
};

// Sections 12.3 and 12.4: text in and out.
struct efi_key {
    u16 scan_code; // EFI_SCAN_*, or 0
    char16 letter;
};
constexpr u16 EFI_SCAN_UP = 1, EFI_SCAN_DOWN = 2;
struct efi_text_in {
    efi_status (*reset)(struct efi_text_in *, bool extended);
    efi_status (*read_key)(struct efi_text_in *, struct efi_key *);
    void *wait_for_key;
};
struct efi_text_out {
    void *reset;
    efi_status (*output)(struct efi_text_out *, const char16 *);
    void *test_string, *query_mode, *set_mode;
    efi_status (*set_attribute)(struct efi_text_out *, u64 attribute);
    efi_status (*clear_screen)(struct efi_text_out *);
    efi_status (*set_cursor)(struct efi_text_out *, u64 column, u64 row);
    efi_status (*enable_cursor)(struct efi_text_out *, bool visible);
    void *mode;
};

struct efi_time { // section 8.3
    u16 year;
    u8 month, day, hour, minute, second, pad1;
    u32 nanosecond;
    i16 time_zone;
    u8 daylight, pad2;
};

enum efi_reset : u32 { EFI_RESET_COLD = 0, EFI_RESET_WARM = 1, EFI_RESET_SHUTDOWN = 2 };
constexpr u32 EFI_VARIABLE_STORED = 7; // non-volatile, boot service and run-time access

struct efi_runtime_services { // section 4.5
    struct efi_table_header header;
    efi_status (*get_time)(struct efi_time *, void *capabilities);
    void *set_time, *get_wakeup_time, *set_wakeup_time;
    void *set_virtual_address_map, *convert_pointer;
    efi_status (*get_variable)(const char16 *name, const struct efi_guid *, u32 *attributes,
                               u64 *bytes, void *data);
    void *get_next_variable_name;
    efi_status (*set_variable)(const char16 *name, const struct efi_guid *, u32 attributes,
                               u64 bytes, const void *data);
    void *get_next_high_count;
    void (*reset_system)(enum efi_reset, efi_status, u64 bytes, const void *data);
};

struct efi_boot_services { // section 4.4
    struct efi_table_header header;
    void *raise_tpl, *restore_tpl;
    efi_status (*allocate_pages)(enum efi_allocate, enum efi_memory_type, u64 pages, u64 *pa);
    efi_status (*free_pages)(u64 pa, u64 pages);
    efi_status (*get_memory_map)(u64 *bytes, void *map, u64 *key, u64 *descriptor_bytes,
                                 u32 *descriptor_version);
    efi_status (*allocate_pool)(enum efi_memory_type, u64 bytes, void **out);
    efi_status (*free_pool)(void *);
    void *create_event, *set_timer, *wait_for_event, *signal_event, *close_event, *check_event;
    void *install_protocol, *reinstall_protocol, *uninstall_protocol;
    efi_status (*handle_protocol)(efi_handle, const struct efi_guid *, void **out);
    void *reserved, *register_protocol_notify, *locate_handle, *locate_device_path;
    void *install_configuration_table, *load_image, *start_image, *exit, *unload_image;
    efi_status (*exit_boot_services)(efi_handle image, u64 map_key);
    void *get_next_monotonic_count;
    efi_status (*stall)(u64 microseconds);
    efi_status (*set_watchdog_timer)(u64 seconds, u64 code, u64 bytes, const char16 *data);
    void *connect_controller, *disconnect_controller, *open_protocol, *close_protocol;
    void *open_protocol_information, *protocols_per_handle, *locate_handle_buffer;
    efi_status (*locate_protocol)(const struct efi_guid *, void *registration, void **out);
};

struct efi_configuration_table { // section 4.6
    struct efi_guid guid;
    void *table;
};

struct efi_system_table { // section 4.3
    struct efi_table_header header;
    char16 *firmware_vendor;
    u32 firmware_revision;
    efi_handle console_in_handle;
    struct efi_text_in *text_in;
    efi_handle console_out_handle;
    struct efi_text_out *text_out;
    efi_handle console_error_handle;
    void *text_error;
    struct efi_runtime_services *runtime;
    struct efi_boot_services *boot;
    u64 table_count;
    struct efi_configuration_table *tables;
};

struct efi_loaded_image { // section 9.1
    u32 revision;
    efi_handle parent;
    struct efi_system_table *system_table;
    efi_handle device;
    void *file_path, *reserved;
    u32 load_options_bytes;
    void *load_options;
    void *image_base;
    u64 image_bytes;
};

// Section 13.4 and 13.5: files.
constexpr u64 EFI_FILE_READ = 1;
struct efi_file {
    u64 revision;
    efi_status (*open)(struct efi_file *, struct efi_file **out, const char16 *name, u64 mode,
                       u64 attributes);
    efi_status (*close)(struct efi_file *);
    void *remove;
    efi_status (*read)(struct efi_file *, u64 *bytes, void *buffer);
    void *write, *get_position;
    efi_status (*set_position)(struct efi_file *, u64 position);
    efi_status (*get_info)(struct efi_file *, const struct efi_guid *, u64 *bytes, void *buffer);
};
struct efi_file_info {
    u64 info_bytes, file_bytes, stored_bytes;
    struct efi_time created, accessed, modified;
    u64 attributes; // EFI_FILE_DIRECTORY
    char16 name[256];
};
constexpr u64 EFI_FILE_DIRECTORY = 0x10;
struct efi_file_system {
    u64 revision;
    efi_status (*open_volume)(struct efi_file_system *, struct efi_file **out);
};

// Section 12.9: graphics output.
enum efi_pixels : u32 {
    EFI_PIXELS_RGBX = 0,
    EFI_PIXELS_BGRX = 1,
    EFI_PIXELS_MASKS = 2,
    EFI_PIXELS_NONE = 3,
};
struct efi_graphics_info {
    u32 version, width, height;
    enum efi_pixels format;
    u32 red_mask, green_mask, blue_mask, reserved_mask;
    u32 pixels_per_line;
};
struct efi_graphics_mode {
    u32 mode_count, mode;
    struct efi_graphics_info *info;
    u64 info_bytes;
    u64 framebuffer_pa, framebuffer_bytes;
};
struct efi_graphics {
    efi_status (*query_mode)(struct efi_graphics *, u32 mode, u64 *info_bytes,
                             struct efi_graphics_info **out);
    efi_status (*set_mode)(struct efi_graphics *, u32 mode);
    void *blit;
    struct efi_graphics_mode *mode;
};

struct efi_rng { // section 37.5
    void *get_info;
    efi_status (*get)(struct efi_rng *, const struct efi_guid *algorithm, u64 bytes, u8 *out);
};

#define EFI_GUID_(a, b, c, ...) ((struct efi_guid){a, b, c, {__VA_ARGS__}})
#define EFI_GUID_LOADED_IMAGE                                                                      \
    EFI_GUID_(0x5b1b31a1, 0x9562, 0x11d2, 0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b)
#define EFI_GUID_FILE_SYSTEM                                                                       \
    EFI_GUID_(0x964e5b22, 0x6459, 0x11d2, 0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b)
#define EFI_GUID_FILE_INFO                                                                         \
    EFI_GUID_(0x09576e92, 0x6d3f, 0x11d2, 0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b)
#define EFI_GUID_GRAPHICS                                                                          \
    EFI_GUID_(0x9042a9de, 0x23dc, 0x4a38, 0x96, 0xfb, 0x7a, 0xde, 0xd0, 0x80, 0x51, 0x6a)
#define EFI_GUID_RNG                                                                               \
    EFI_GUID_(0x3152bca5, 0xeade, 0x433d, 0x86, 0x2e, 0xc0, 0x1c, 0xdc, 0x29, 0x1f, 0x44)
#define EFI_GUID_ACPI_20                                                                           \
    EFI_GUID_(0x8868e871, 0xe4f1, 0x11d3, 0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81)
#define EFI_GUID_ACPI_10                                                                           \
    EFI_GUID_(0xeb9d2d30, 0x2d88, 0x11d3, 0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d)
#define EFI_GUID_SMBIOS3                                                                           \
    EFI_GUID_(0xf2fd1544, 0x9794, 0x4a2c, 0x99, 0x2e, 0xe5, 0xbb, 0xcf, 0x20, 0xe3, 0x94)
#define EFI_GUID_SMBIOS                                                                            \
    EFI_GUID_(0xeb9d2d31, 0x2d88, 0x11d3, 0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d)
#define EFI_GUID_GLOBAL_VARIABLE                                                                   \
    EFI_GUID_(0x8be4df61, 0x93ca, 0x11d2, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c)

static_assert(offsetof(struct efi_boot_services, allocate_pages) == 40);
static_assert(offsetof(struct efi_boot_services, handle_protocol) == 152);
static_assert(offsetof(struct efi_boot_services, exit_boot_services) == 232);
static_assert(offsetof(struct efi_boot_services, stall) == 248);
static_assert(offsetof(struct efi_boot_services, locate_protocol) == 320);
static_assert(offsetof(struct efi_runtime_services, get_variable) == 72);
static_assert(offsetof(struct efi_runtime_services, reset_system) == 104);
static_assert(offsetof(struct efi_system_table, boot) == 96);
static_assert(offsetof(struct efi_loaded_image, image_base) == 64);
static_assert(sizeof(struct efi_memory_descriptor) == 40);
