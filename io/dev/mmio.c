// SPDX-License-Identifier: MIT
#include <io/dev/mmio.h>
#include <mm/vm/kmap.h>

err_t mmio_map(struct pa pa, size_t bytes, bool write_combine, struct mmio *out) {
    u64 end;
    if (bytes == 0 || __builtin_add_overflow(pa.v, bytes, &end) || end > (u64)1 << 52) {
        return ERR_INVAL;
    }
    void *va = nullptr;
    TRY(kmap_device(pa, bytes, write_combine, &va));
    *out = (struct mmio){va, bytes};
    return ERR_OK;
}

err_t mmio_part(const struct mmio *m, u64 at, u64 bytes, struct mmio *out) {
    u64 end;
    if (bytes == 0 || __builtin_add_overflow(at, bytes, &end) || end > m->bytes) {
        return ERR_INVAL;
    }
    *out = (struct mmio){m->base + at, bytes};
    return ERR_OK;
}
