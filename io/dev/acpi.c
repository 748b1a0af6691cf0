// SPDX-License-Identifier: MIT
// Theory: at start every table the firmware lists is checked (length, checksum) and remembered by
// pointer; the few tables the kernel uses are turned into plain structures by lib/acpi at once. A
// damaged table is logged and left out, never fatal. Tables lie in RAM or firmware memory below 4
// GiB, which the direct map covers; what lies above is not read.
#include <arch/x86_64/mmu.h>
#include <io/dev/acpi.h>
#include <io/dev/mmio.h>
#include <kernel/base/log.h>
#include <kernel/base/panic.h>
#include <lib/acpi/tables.h>
#include <lib/mem.h>

constexpr u32 TABLES_MAX = 64;
constexpr u64 REACH = GIB(4); // of the direct map for firmware memory
constexpr u32 CPUID_FEATURES = 1;
constexpr u16 PM1_SCI_ENABLE = 1, PM1_SLEEP_TYPE = 7 << 10, PM1_SLEEP_ENABLE = 1 << 13;
constexpr u32 ACPI_MODE_MS_MAX = 3000;

static struct { // written at start by the boot CPU only
    struct {
        const u8 *p;
        size_t bytes;
    } tables[TABLES_MAX];
    u32 count;
    struct acpi_madt madt;
    struct acpi_mcfg mcfg;
    struct acpi_fadt fadt;
    bool has_madt, has_fadt;
} acpi;

static const u8 *reach(u64 pa, size_t bytes) {
    return pa != 0 && pa < REACH && bytes <= REACH - pa ? pa_to_ptr((struct pa){pa}) : nullptr;
}

// Checks the table at pa; null when it is damaged (said in the log).
static const u8 *table_at(u64 pa, size_t *bytes) {
    const u8 *p = reach(pa, ACPI_HEADER_BYTES);
    if (p == nullptr) {
        log(DEV, WARN, "acpi: table out of reach pa=%llx", (unsigned long long)pa);
        return nullptr;
    }
    if (acpi_table_bytes(p, ACPI_HEADER_BYTES, bytes) != ERR_OK || reach(pa, *bytes) == nullptr ||
        acpi_table_check(p, *bytes) != ERR_OK) {
        char name[5] = {};
        for (u32 i = 0; i < 4; i++) {
            name[i] = p[i] >= ' ' && p[i] < 0x7f ? (char)p[i] : '?';
        }
        log(DEV, WARN, "acpi: table %s is damaged, left out", name);
        return nullptr;
    }
    return p;
}

static void remember(u64 pa) {
    size_t bytes = 0;
    const u8 *p = table_at(pa, &bytes);
    if (p == nullptr) {
        return;
    }
    if (acpi.count == TABLES_MAX) {
        log(DEV, WARN, "acpi: more than %u tables, the rest is left out", TABLES_MAX);
        return;
    }
    acpi.tables[acpi.count].p = p;
    acpi.tables[acpi.count++].bytes = bytes;
}

static bool list_from(u64 pa, const char *signature, u32 entry_bytes) {
    size_t bytes = 0;
    const u8 *p = pa != 0 ? table_at(pa, &bytes) : nullptr;
    if (p == nullptr || !acpi_table_is(p, bytes, signature)) {
        return false;
    }
    u32 count = MIN(acpi_root_count(bytes, entry_bytes), 4 * TABLES_MAX);
    for (u32 i = 0; i < count; i++) {
        remember(acpi_root_entry(p, bytes, entry_bytes, i));
    }
    return true;
}

static void read_known_tables(void) {
    size_t bytes = 0;
    const u8 *p = acpi_find("APIC", &bytes);
    acpi.has_madt = p != nullptr && acpi_madt_read(p, bytes, &acpi.madt) == ERR_OK;
    if (!acpi.has_madt) {
        log(DEV, WARN, "acpi: no MADT, one CPU and no IOAPIC");
    } else if (acpi.madt.damaged != 0) {
        log(DEV, WARN, "acpi: MADT entries skipped count=%u", acpi.madt.damaged);
    }
    p = acpi_find("MCFG", &bytes);
    if (p != nullptr && acpi_mcfg_read(p, bytes, &acpi.mcfg) != ERR_OK) {
        log(DEV, WARN, "acpi: MCFG is not valid");
    }
    p = acpi_find("FACP", &bytes);
    acpi.has_fadt = p != nullptr && acpi_fadt_read(p, bytes, &acpi.fadt) == ERR_OK;
    if (!acpi.has_fadt) {
        log(DEV, WARN, "acpi: no FADT, no power off");
    } else {
        remember(acpi.fadt.dsdt_pa);
    }
}

void acpi_init(u64 rsdp_pa) {
    const u8 *p = reach(rsdp_pa, ACPI_RSDP_BYTES);
    struct acpi_root root = {};
    if (p == nullptr || acpi_root_read(p, ACPI_RSDP_BYTES, &root) != ERR_OK) {
        log(DEV, WARN, "acpi: no tables (rsdp %s)", rsdp_pa == 0 ? "not found" : "damaged");
        return;
    }
    if (!list_from(root.xsdt_pa, "XSDT", 8) && !list_from(root.rsdt_pa, "RSDT", 4)) {
        log(DEV, WARN, "acpi: neither XSDT nor RSDT is usable");
        return;
    }
    read_known_tables();
    log(DEV, INFO, "acpi: tables=%u cpus=%u ioapics=%u ecam=%u", acpi.count, acpi.madt.cpu_count,
        acpi.madt.ioapic_count, acpi.mcfg.count);
}

const void *acpi_find(const char signature[4], size_t *bytes) {
    for (u32 i = 0; i < acpi.count; i++) {
        if (acpi_table_is(acpi.tables[i].p, acpi.tables[i].bytes, signature)) {
            *bytes = acpi.tables[i].bytes;
            return acpi.tables[i].p;
        }
    }
    return nullptr;
}

// The APIC number CPUID gives for the CPU that asks.
static u32 own_apic_id(void) {
    u32 a = CPUID_FEATURES, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return b >> 24;
}

u32 acpi_cpus(struct acpi_cpu *out, u32 capacity) {
    u32 own = own_apic_id(), count = 0;
    if (capacity == 0) {
        return 0;
    }
    out[count++] = (struct acpi_cpu){.apic_id = own};
    for (u32 i = 0; i < acpi.madt.cpu_count; i++) {
        const struct acpi_madt_cpu *c = &acpi.madt.cpus[i];
        if (c->apic_id == own) {
            out[0].acpi_id = c->acpi_id;
        } else if (c->enabled && count < capacity) {
            out[count++] = (struct acpi_cpu){c->apic_id, c->acpi_id};
        }
    }
    return count;
}

u64 acpi_lapic_pa(void) {
    return acpi.has_madt && acpi.madt.lapic_pa != 0 ? acpi.madt.lapic_pa : 0xfee00000;
}

u32 acpi_ioapics(struct acpi_ioapic *out, u32 capacity) {
    u32 count = MIN(acpi.madt.ioapic_count, capacity);
    for (u32 i = 0; i < count; i++) {
        out[i] = (struct acpi_ioapic){acpi.madt.ioapics[i].gsi_base, acpi.madt.ioapics[i].pa};
    }
    return count;
}

void acpi_isa_route(u32 isa_irq, u32 *gsi, bool *level, bool *active_low) {
    acpi_madt_route(&acpi.madt, isa_irq, gsi, level, active_low);
}

u64 acpi_ecam(u16 segment, u8 *first_bus, u8 *last_bus) {
    for (u32 i = 0; i < acpi.mcfg.count; i++) {
        const struct acpi_ecam_range *r = &acpi.mcfg.ranges[i];
        if (r->segment == segment) {
            *first_bus = r->first_bus;
            *last_bus = r->last_bus;
            return r->pa;
        }
    }
    return 0;
}

u8 acpi_century_idx(void) { return acpi.has_fadt ? acpi.fadt.century_idx : 0; }
bool acpi_has_i8042(void) { return !acpi.has_fadt || acpi.fadt.i8042_present; }

// ---- power off and reset

static bool register_usable(const struct acpi_register *r) {
    return r->address != 0 && (r->space == ACPI_SPACE_IO ? r->address <= 0xfffe : true);
}

static u16 pm1_read(const struct acpi_register *r) {
    if (!register_usable(r)) {
        return 0;
    }
    if (r->space == ACPI_SPACE_IO) {
        return io_in16((u16)r->address);
    }
    struct mmio m = {};
    return mmio_map((struct pa){r->address}, 2, false, &m) == ERR_OK ? mmio_read16(&m, 0) : 0;
}

static void pm1_write(const struct acpi_register *r, u16 v) {
    struct mmio m = {};
    if (!register_usable(r)) {
        return;
    }
    if (r->space == ACPI_SPACE_IO) {
        io_out16((u16)r->address, v);
    } else if (mmio_map((struct pa){r->address}, 2, false, &m) == ERR_OK) {
        mmio_write16(&m, 0, v);
    }
}

static bool find_s5(u8 *a, u8 *b) {
    static const char *const kinds[] = {"DSDT", "SSDT"};
    for (u32 k = 0; k < countof(kinds); k++) {
        for (u32 i = 0; i < acpi.count; i++) {
            const u8 *p = acpi.tables[i].p;
            size_t bytes = acpi.tables[i].bytes;
            if (acpi_table_is(p, bytes, kinds[k]) && acpi_find_s5(p, bytes, a, b) == ERR_OK) {
                return true;
            }
        }
    }
    return false;
}

// Sleep registers answer only in ACPI mode; firmware may have left the machine in legacy mode.
static void enter_acpi_mode(void) {
    const struct acpi_fadt *f = &acpi.fadt;
    bool on = (pm1_read(&f->pm1a_control) & PM1_SCI_ENABLE) != 0;
    if (on || f->smi_command_port == 0 || f->smi_command_port > 0xffff || f->acpi_enable == 0) {
        return;
    }
    io_out8((u16)f->smi_command_port, f->acpi_enable);
    for (u32 i = 0; i < ACPI_MODE_MS_MAX; i++) {
        if ((pm1_read(&f->pm1a_control) & PM1_SCI_ENABLE) != 0) {
            return;
        }
        cpu_delay_us(1000);
    }
}

void acpi_power_off(void) {
    u8 a = 0, b = 0;
    if (!acpi.has_fadt || acpi.fadt.hardware_reduced || !find_s5(&a, &b)) {
        log(DEV, WARN, "acpi: no way to switch the power off");
        return;
    }
    enter_acpi_mode();
    u16 keep_a = (u16)(pm1_read(&acpi.fadt.pm1a_control) & ~(PM1_SLEEP_TYPE | PM1_SLEEP_ENABLE));
    u16 keep_b = (u16)(pm1_read(&acpi.fadt.pm1b_control) & ~(PM1_SLEEP_TYPE | PM1_SLEEP_ENABLE));
    pm1_write(&acpi.fadt.pm1a_control, (u16)(keep_a | a << 10));
    pm1_write(&acpi.fadt.pm1b_control, (u16)(keep_b | b << 10));
    pm1_write(&acpi.fadt.pm1a_control, (u16)(keep_a | a << 10 | PM1_SLEEP_ENABLE));
    pm1_write(&acpi.fadt.pm1b_control, (u16)(keep_b | b << 10 | PM1_SLEEP_ENABLE));
    cpu_delay_us(1000 * 1000);
    log(DEV, WARN, "acpi: power off did not work");
}

void acpi_reset(void) {
    const struct acpi_register *r = &acpi.fadt.reset;
    struct mmio m = {};
    if (!acpi.has_fadt || !acpi.fadt.reset_usable || r->address == 0) {
        return;
    }
    if (r->space == ACPI_SPACE_IO && r->address <= 0xffff) {
        io_out8((u16)r->address, acpi.fadt.reset_value);
    } else if (r->space == ACPI_SPACE_MEMORY &&
               mmio_map((struct pa){r->address}, 1, false, &m) == ERR_OK) {
        mmio_write8(&m, 0, acpi.fadt.reset_value);
    }
    cpu_delay_us(100 * 1000);
}
