// SPDX-License-Identifier: MIT
// wakeup: from a running scheduler to the first process, as a list.
#include "init_impl.h"
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/upcalls.h>
#include <drivers/block/virtio_blk.h>
#include <drivers/pci.h>
#include <drivers/rtc.h>
#include <drivers/tty/tty.h>
#include <exec/linux/linux.h>
#include <fs/devfs/devfs.h>
#include <fs/procfs/procfs.h>
#include <fs/tfs/mount/tfs_mount.h>
#include <fs/tmpfs/tmpfs.h>
#include <io/block/block.h>
#include <io/dev/acpi.h>
#include <kernel/base/cmdline.h>
#include <kernel/base/log.h>
#include <kernel/base/panic.h>
#include <kernel/sched/timer.h>
#include <lib/error.h>
#include <mm/phys/page.h>
#include <proc/process.h>
#include <vfs/path.h>

struct step {
    const char *name;
    void (*run)(void);
};

// ---- the steps that need more than one call

static void start_cpus(void) {
    struct acpi_cpu cpus[CPU_MAX];
    u32 found = acpi_cpus(cpus, CPU_MAX);
    u32 wanted = cmdline_has("safe") ? 1 : (u32)cmdline_u64("cpus", CPU_MAX);
    for (u32 i = 1; i < found && i < wanted; i++) {
        void *stack;
        err_t err = thread_stack_alloc(THREAD_STACK_BYTES, &stack);
        if (err == ERR_OK) {
            err = cpu_start_secondary(i, cpus[i].apic_id, (u8 *)stack + THREAD_STACK_BYTES);
        }
        if (err != ERR_OK) {
            log(INIT, ERROR, "cpu idx=%u apic_id=%u did not start err=%d", i, cpus[i].apic_id, err);
            return; // indices stay dense
        }
    }
    log(INIT, INFO, "cpus online=%u found=%u", cpu_count, found);
}

void upcall_cpu_started(u32 cpu_idx) {
    phys_init_cpu(cpu_idx);
    sched_init_secondary(cpu_idx);
    sched_idle();
}

static void set_clock(void) {
    u64 wall_ns = 0;
    if (rtc_read(&wall_ns) != ERR_OK) {
        log(INIT, WARN, "no usable clock: time starts at 1970-01-01");
    }
    time_set_wall(wall_ns);
}

static void list_disks_and_stop(const char *why) {
    log(INIT, ERROR, "%s", why);
    wakeup_stop("no root file system: pass root=DEVICE, or make a disk with `./hornet image`");
}

static void start_terminals(void) {
    tty_init();
    tty_init_screen(&boot.framebuffer);
}

static void start_procfs(void) {
    procfs_init();
    procfs_set_modules(&boot);
}

static void mount_root(void) {
    char name[32];
    struct block_device *d;
    if (cmdline_get("root", name, sizeof(name))) {
        d = block_find(name);
        if (d == nullptr) {
            list_disks_and_stop("the device named by root= is not there");
        }
    } else {
        d = block_find_type(gpt_type_tfs);
        if (d == nullptr) {
            list_disks_and_stop("no disk has a Hornet partition");
        }
    }
    char options[64] = "";
    (void)cmdline_get("rootopts", options, sizeof(options));
    err_t err = vfs_mount_root("tfs", d->name, cmdline_has("ro") ? MOUNT_RDONLY : 0, options);
    if (err != ERR_OK) {
        wakeup_stop("the root file system on %s cannot be mounted (%s)", d->name, err_text(err));
    }
}

// The first process finds its console there.
static void mount_devices(void) {
    struct path root = vfs_root();
    struct walk_base base = {.cred = &cred_root, .root = root, .cwd = root};
    err_t err = vfs_mount(&base, "devtmpfs", "/dev", "devtmpfs", 0, "");
    if (err != ERR_OK) {
        log(INIT, WARN, "/dev cannot be mounted (%s)", err_text(err));
    }
    path_put(&root);
}

static void power_off(void) {
    acpi_power_off();
    log(INIT, ERROR, "power-off did not work: it is safe to switch off");
    cpu_halt();
}

static void restart(void) {
    acpi_reset();
    cpu_reset();
}

static void halt(void) { cpu_halt(); }

// A damaged program, a damaged disk, or somebody's mistake: no panic, what is on the disk is made safe.
static void first_failed(const char *why) {
    err_t err = vfs_sync_all();
    log(INIT, ERROR, "the first process is gone: %s; files %s; restart the machine", why,
        err == ERR_OK ? "are synced" : "could not all be synced");
    if (cmdline_has("hornet.exec")) {
        cpu_debug_exit(1);
    }
    for (;;) {
        err = sleep_until(DEADLINE_NEVER, WAIT_SOLID);
    }
}

static void start_first_process(void) {
    proc_first_failed = first_failed;
    proc_power_off = power_off;
    proc_restart = restart;
    proc_halt = halt;
    char path[128] = "/sbin/init";
    (void)cmdline_get("init", path, sizeof(path));
    static char kept[128];
    text_copy(kept, sizeof(kept), path);
    static const char *argv[2] = {kept};
    static const char *const envp[] = {"HOME=/", "PATH=/bin:/sbin:/usr/bin:/usr/sbin", nullptr};
    err_t err = process_start_first(kept, argv, envp);
    if (err != ERR_OK) {
        wakeup_stop("the first program %s cannot be started (%s)", kept, err_text(err));
    }
}

static void self_test(void) {
    char name[32];
    if (cmdline_get("hornet.test", name, sizeof(name)) && text_equal(name, "panic")) {
        panic("asked for by hornet.test=panic");
    }
}

// ---- the list

static const struct step steps[] = {
    {"other CPUs", start_cpus},
    {"clock", set_clock},
    {"self test", self_test},
    {"vfs", vfs_init},
    {"tmpfs", tmpfs_init},
    {"devfs", devfs_init},
    {"tfs", tfs_mount_init},
    {"terminals", start_terminals},
    {"PCI", pci_init},
    {"virtio disks", virtio_blk_init},
    {"processes", proc_init},
    {"Linux layer", linux_init},
    {"procfs", start_procfs},
    {"root file system", mount_root},
    {"device files", mount_devices},
    {"first process", start_first_process},
};

void wakeup_stop(const char *format, ...) {
    char why[256];
    struct text t;
    text_init(&t, why, sizeof(why));
    va_list args;
    va_start(args, format);
    text_vprintf(&t, format, args);
    va_end(args);
    log(INIT, ERROR, "start-up stopped: %s", why);
    if (cmdline_has("hornet.exec") || cmdline_has("panic")) {
        cpu_debug_exit(1);
    }
    thread_exit(); // the machine stays up, so that the message can be read
}

void wakeup(void *unused) {
    unused_arg(unused);
    for (u32 i = 0; i < countof(steps); i++) {
        log(INIT, DEBUG, "wakeup step=\"%s\"", steps[i].name);
        steps[i].run();
    }
}
