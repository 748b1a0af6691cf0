// SPDX-License-Identifier: MIT
#include <kernel/base/lock.h>
#include <lib/mem.h>
#include <proc/uts.h>

struct uts {
    struct spinlock lock;
    char names[2][UTS_BYTES] GUARDED_BY(lc_uts);
};
DECLARE_SPIN_CLASS(uts, struct uts, lock)
static struct uts uts = {.names = {[UTS_HOST] = "hornet", [UTS_DOMAIN] = "(none)"}};

const char uts_sysname[] = "Linux", uts_release[] = "6.1.0-hornet",
           uts_version[] = "#1 SMP PREEMPT Hornet", uts_machine[] = "x86_64";

void uts_get(enum uts_name which, char out[UTS_BYTES]) {
    GUARD(uts, &uts);
    memcpy(out, uts.names[which], UTS_BYTES);
}

err_t uts_set(enum uts_name which, const char *name, size_t bytes) {
    if (bytes >= UTS_BYTES) {
        return ERR_INVAL;
    }
    GUARD(uts, &uts);
    memset(uts.names[which], 0, UTS_BYTES);
    memcpy(uts.names[which], name, bytes);
    return ERR_OK;
}
