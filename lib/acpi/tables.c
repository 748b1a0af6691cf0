// SPDX-License-Identifier: MIT
#include <lib/acpi/tables.h>
#include <lib/mem.h>

constexpr size_t TABLE_BYTES_MAX = 16 * 1024 * 1024;

static u16 get16(const u8 *p) { return (u16)(p[0] | p[1] << 8); }
static u32 get32(const u8 *p) { return get16(p) | (u32)get16(p + 2) << 16; }
static u64 get64(const u8 *p) { return get32(p) | (u64)get32(p + 4) << 32; }

u8 acpi_sum(const u8 *p, size_t bytes) {
    u8 sum = 0;
    for (size_t i = 0; i < bytes; i++) {
        sum = (u8)(sum + p[i]);
    }
    return sum;
}

err_t acpi_root_read(const u8 *p, size_t bytes, struct acpi_root *out) {
    if (bytes < 20 || memcmp(p, "RSD PTR ", 8) != 0 || acpi_sum(p, 20) != 0) {
        return ERR_INVAL;
    }
    struct acpi_root r = {.rsdt_pa = get32(p + 16)};
    if (p[15] >= 2 && bytes >= ACPI_RSDP_BYTES && acpi_sum(p, ACPI_RSDP_BYTES) == 0) {
        r.xsdt_pa = get64(p + 24);
    }
    if (r.rsdt_pa == 0 && r.xsdt_pa == 0) {
        return ERR_INVAL;
    }
    *out = r;
    return ERR_OK;
}

err_t acpi_table_bytes(const u8 *header, size_t bytes, size_t *out) {
    if (bytes < ACPI_HEADER_BYTES) {
        return ERR_INVAL;
    }
    u32 length = get32(header + 4);
    if (length < ACPI_HEADER_BYTES || length > TABLE_BYTES_MAX) {
        return ERR_INVAL;
    }
    *out = length;
    return ERR_OK;
}

err_t acpi_table_check(const u8 *p, size_t bytes) {
    size_t length = 0;
    TRY(acpi_table_bytes(p, bytes, &length));
    return length == bytes && acpi_sum(p, bytes) == 0 ? ERR_OK : ERR_INVAL;
}

bool acpi_table_is(const u8 *p, size_t bytes, const char signature[4]) {
    return bytes >= ACPI_HEADER_BYTES && memcmp(p, signature, 4) == 0;
}

u32 acpi_root_count(size_t bytes, u32 entry_bytes) {
    return bytes < ACPI_HEADER_BYTES ? 0 : (u32)((bytes - ACPI_HEADER_BYTES) / entry_bytes);
}

u64 acpi_root_entry(const u8 *p, size_t bytes, u32 entry_bytes, u32 idx) {
    if (idx >= acpi_root_count(bytes, entry_bytes)) {
        return 0;
    }
    const u8 *e = p + ACPI_HEADER_BYTES + (size_t)idx * entry_bytes;
    return entry_bytes == 8 ? get64(e) : get32(e);
}

// ---- MADT

static void madt_cpu(struct acpi_madt *m, u32 apic_id, u32 acpi_id, u32 flags) {
    bool enabled = (flags & 1) != 0;
    if (!enabled && (flags & 2) == 0) {
        return; // neither there nor pluggable
    }
    for (u32 i = 0; i < m->cpu_count; i++) {
        if (m->cpus[i].apic_id == apic_id) {
            return; // listed as LAPIC and x2APIC
        }
    }
    if (m->cpu_count == ACPI_CPUS_MAX) {
        m->damaged++;
        return;
    }
    m->cpus[m->cpu_count++] = (struct acpi_madt_cpu){apic_id, acpi_id, enabled};
}

static void madt_ioapic(struct acpi_madt *m, const u8 *e) {
    if (m->ioapic_count == ACPI_IOAPICS_MAX || get32(e + 4) == 0) {
        m->damaged++;
        return;
    }
    m->ioapics[m->ioapic_count++] = (struct acpi_madt_ioapic){e[2], get32(e + 8), get32(e + 4)};
}

static void madt_override(struct acpi_madt *m, const u8 *e) {
    u16 flags = get16(e + 8);
    if (e[2] != 0 || e[3] > 15 || m->override_count == ACPI_OVERRIDES_MAX) {
        m->damaged++;
        return;
    }
    m->overrides[m->override_count++] = (struct acpi_madt_override){
        .isa_irq = e[3],
        .level = ((flags >> 2) & 3) == 3,
        .active_low = (flags & 3) == 3,
        .gsi = get32(e + 4),
    };
}

static void madt_entry(struct acpi_madt *m, const u8 *e, u8 bytes) {
    switch (e[0]) {
    case 0: // processor local APIC
        if (bytes >= 8) {
            madt_cpu(m, e[3], e[2], get32(e + 4));
            return;
        }
        break;
    case 1:
        if (bytes >= 12) {
            madt_ioapic(m, e);
            return;
        }
        break;
    case 2: // interrupt source override
        if (bytes >= 10) {
            madt_override(m, e);
            return;
        }
        break;
    case 5: // local APIC address override
        if (bytes >= 12) {
            m->lapic_pa = get64(e + 4);
            return;
        }
        break;
    case 9: // processor local x2APIC
        if (bytes >= 16) {
            madt_cpu(m, get32(e + 4), get32(e + 12), get32(e + 8));
            return;
        }
        break;
    default:
        return;
    }
    m->damaged++;
}

err_t acpi_madt_read(const u8 *p, size_t bytes, struct acpi_madt *out) {
    if (!acpi_table_is(p, bytes, "APIC") || bytes < 44) {
        return ERR_INVAL;
    }
    memset(out, 0, sizeof *out);
    out->lapic_pa = get32(p + 36);
    out->has_8259 = (get32(p + 40) & 1) != 0;
    for (size_t at = 44; at + 2 <= bytes;) {
        u8 length = p[at + 1];
        if (length < 2 || at + length > bytes) {
            out->damaged++;
            break;
        }
        madt_entry(out, p + at, length);
        at += length;
    }
    return ERR_OK;
}

void acpi_madt_route(const struct acpi_madt *m, u32 isa_irq, u32 *gsi, bool *level, bool *low) {
    *gsi = isa_irq;
    *level = *low = false;
    for (u32 i = 0; i < m->override_count; i++) {
        if (m->overrides[i].isa_irq == isa_irq) {
            *gsi = m->overrides[i].gsi;
            *level = m->overrides[i].level;
            *low = m->overrides[i].active_low;
            return;
        }
    }
}

// ---- MCFG, FADT

err_t acpi_mcfg_read(const u8 *p, size_t bytes, struct acpi_mcfg *out) {
    if (!acpi_table_is(p, bytes, "MCFG")) {
        return ERR_INVAL;
    }
    *out = (struct acpi_mcfg){};
    for (size_t at = 44; at + 16 <= bytes && out->count < ACPI_ECAM_MAX; at += 16) {
        struct acpi_ecam_range r = {get64(p + at), get16(p + at + 8), p[at + 10], p[at + 11]};
        bool good =
            r.pa != 0 && r.pa % MIB(1) == 0 && r.pa < (u64)1 << 52 && r.first_bus <= r.last_bus;
        if (good) {
            out->ranges[out->count++] = r;
        }
    }
    return ERR_OK;
}

// A Generic Address Structure at `at`, if the table has it.
static struct acpi_register gas(const u8 *p, size_t bytes, size_t at) {
    if (at + 12 > bytes || p[at] > ACPI_SPACE_PCI) {
        return (struct acpi_register){};
    }
    return (struct acpi_register){(enum acpi_space)p[at], p[at + 1], get64(p + at + 4)};
}

// PM1 control: the extended field wins over the old port number.
static struct acpi_register pm1(const u8 *p, size_t bytes, size_t extended_at, size_t port_at) {
    struct acpi_register r = gas(p, bytes, extended_at);
    if (r.address == 0) {
        r = (struct acpi_register){ACPI_SPACE_IO, 16, get32(p + port_at)};
    }
    return r;
}

err_t acpi_fadt_read(const u8 *p, size_t bytes, struct acpi_fadt *out) {
    if (!acpi_table_is(p, bytes, "FACP") || bytes < 116) {
        return ERR_INVAL;
    }
    u32 flags = get32(p + 112);
    u8 revision = p[8];
    u16 boot_flags = get16(p + 109);
    struct acpi_fadt f = {
        .dsdt_pa = get32(p + 40),
        .smi_command_port = get32(p + 48),
        .acpi_enable = p[52],
        .acpi_disable = p[53],
        .pm1a_control = pm1(p, bytes, 172, 64),
        .pm1b_control = pm1(p, bytes, 184, 68),
        .century_idx = p[108] < 128 ? p[108] : 0,
        .i8042_present = revision < 2 || (boot_flags & 2) != 0,
        .msi_forbidden = revision >= 4 && (boot_flags & 8) != 0,
        .hardware_reduced = (flags & 1u << 20) != 0,
    };
    if (bytes >= 129 && (flags & 1u << 10) != 0) {
        f.reset = gas(p, bytes, 116);
        f.reset_value = p[128];
        f.reset_usable = f.reset.address != 0;
    }
    if (bytes >= 148 && get64(p + 140) != 0) {
        f.dsdt_pa = get64(p + 140);
    }
    *out = f;
    return ERR_OK;
}
