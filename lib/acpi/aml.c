// SPDX-License-Identifier: MIT
// Theory: switching the power off needs two numbers that ACPI keeps in byte code: NameOp "_S5_"
// PackageOp PkgLength NumElements Element... The elements are constants on every machine we know,
// so the object is found by its bytes (the name right after a NameOp, with or without the root
// prefix) and read by hand. No code is run.
#include <lib/acpi/tables.h>
#include <lib/mem.h>

enum aml_op : u8 {
    AML_ZERO = 0x00,
    AML_ONE = 0x01,
    AML_NAME = 0x08,
    AML_BYTE = 0x0a,
    AML_WORD = 0x0b,
    AML_DWORD = 0x0c,
    AML_QWORD = 0x0e,
    AML_PACKAGE = 0x12,
    AML_ROOT = 0x5c,
    AML_ONES = 0xff,
};

struct cursor {
    const u8 *p;
    size_t left;
};

static bool next_byte(struct cursor *c, u8 *out) {
    if (c->left == 0) {
        return false;
    }
    *out = *c->p++;
    c->left--;
    return true;
}

// One integer constant; only its low byte matters for SLP_TYP.
static bool constant(struct cursor *c, u8 *out) {
    u8 op;
    if (!next_byte(c, &op)) {
        return false;
    }
    size_t bytes = 0;
    switch (op) {
    case AML_ZERO:
    case AML_ONE:
    case AML_ONES:
        *out = op;
        return true;
    case AML_BYTE:
        bytes = 1;
        break;
    case AML_WORD:
        bytes = 2;
        break;
    case AML_DWORD:
        bytes = 4;
        break;
    case AML_QWORD:
        bytes = 8;
        break;
    default:
        return false;
    }
    if (c->left < bytes) {
        return false;
    }
    *out = c->p[0];
    c->p += bytes;
    c->left -= bytes;
    return true;
}

// c stands behind the name.
static bool package(struct cursor c, u8 *type_a, u8 *type_b) {
    u8 op, lead, count;
    if (!next_byte(&c, &op) || op != AML_PACKAGE || !next_byte(&c, &lead)) {
        return false;
    }
    u32 more = lead >> 6; // further bytes of the length
    if (c.left < more) {
        return false;
    }
    c.p += more;
    c.left -= more;
    u8 a, b = 0;
    if (!next_byte(&c, &count) || count == 0 || !constant(&c, &a)) {
        return false;
    }
    if (count > 1 && !constant(&c, &b)) {
        return false;
    }
    *type_a = a & 7;
    *type_b = b & 7;
    return true;
}

err_t acpi_find_s5(const u8 *p, size_t bytes, u8 *type_a, u8 *type_b) {
    for (size_t i = ACPI_HEADER_BYTES; i + 4 <= bytes; i++) {
        if (p[i] != '_' || memcmp(p + i, "_S5_", 4) != 0) {
            continue;
        }
        bool named = p[i - 1] == AML_NAME || (p[i - 1] == AML_ROOT && p[i - 2] == AML_NAME);
        if (named && package((struct cursor){p + i + 4, bytes - i - 4}, type_a, type_b)) {
            return ERR_OK;
        }
    }
    return ERR_NOENT;
}
