// SPDX-License-Identifier: MIT
// Disks and interrupts.
#include "procfs_impl.h"
#include <arch/x86_64/cpu.h>
#include <io/block/block.h>
#include <io/dev/irq.h>

static u32 major_of(u32 number) { return number >> 8 & 0xfff; }
static u32 minor_of(u32 number) { return (number & 0xff) | (number >> 12 & 0xfff00); }

static bool add_partition(struct block_device *d, void *arg) {
    text_printf(arg, "%4u  %7u %10lu %s\n", major_of(d->number), minor_of(d->number),
                d->sectors / 2, d->name);
    return true;
}

err_t proc_partitions_show(const struct proc_node *n, struct text *t) {
    unused_arg(n);
    text_add(t, "major minor  #blocks  name\n\n");
    block_each(add_partition, t);
    return ERR_OK;
}

// Times are not measured: 0. Fields as Documentation/admin-guide/iostats of Linux names them.
static bool add_disk(struct block_device *d, void *arg) {
    text_printf(arg, "%4u %7u %s %lu 0 %lu 0 %lu 0 %lu 0 0 0 0 0 0 0 0 %lu 0\n",
                major_of(d->number), minor_of(d->number), d->name, (u64)d->reads,
                (u64)d->read_bytes / 512, (u64)d->writes, (u64)d->written_bytes / 512,
                (u64)d->flushes);
    return true;
}

err_t proc_diskstats_show(const struct proc_node *n, struct text *t) {
    unused_arg(n);
    block_each(add_disk, t);
    return ERR_OK;
}

struct major_lines {
    struct text *t;
    u32 last;
};

static bool add_major(struct block_device *d, void *arg) {
    struct major_lines *l = arg;
    u32 major = major_of(d->number);
    if (major != l->last && d->parent == nullptr) {
        size_t len = strlen(d->name);
        text_printf(l->t, "%3u %.*s\n", major, (int)(len - 1), d->name); // "vda": vd
        l->last = major;
    }
    return true;
}

err_t proc_devices_show(const struct proc_node *n, struct text *t) {
    unused_arg(n);
    text_add(t, "Character devices:\n  1 mem\n  4 tty\n  4 ttyS\n  5 /dev/tty\n"
                "  5 /dev/console\n\nBlock devices:\n");
    struct major_lines l = {.t = t};
    block_each(add_major, &l);
    return ERR_OK;
}

// One line for each vector that was ever used.
err_t proc_interrupts_show(const struct proc_node *n, struct text *t) {
    unused_arg(n);
    text_add(t, "    ");
    for (u32 cpu = 0; cpu < cpu_count; cpu++) {
        text_printf(t, "       CPU%-3u", cpu);
    }
    text_put(t, '\n');
    for (u32 v = IRQ_VECTOR_FIRST; v <= IRQ_VECTOR_LAST; v++) {
        if (irq_count(v) == 0) {
            continue;
        }
        text_printf(t, "%3u:", v);
        for (u32 cpu = 0; cpu < cpu_count; cpu++) {
            text_printf(t, " %12lu", irq_count_on(cpu, v));
        }
        u32 gsi;
        if (irq_gsi(v, &gsi)) {
            text_printf(t, "   IO-APIC %u\n", gsi);
        } else {
            text_add(t, "   message\n");
        }
    }
    return ERR_OK;
}
