// SPDX-License-Identifier: MIT
// The first CPU to panic stops the others and tells all it knows; a second one halts. A panic
// inside a panic says so on the serial port and ends at once. From the start of a panic locks are
// best effort (lock_check_off) and the log's lock is broken open, because their holders may be
// stopped.
#include "base_impl.h"
#include <abi/boot.h>
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/trap.h>
#include <arch/x86_64/upcalls.h>
#include <kernel/base/cmdline.h>
#include <kernel/base/early_serial.h>
#include <kernel/base/lock.h>
#include <kernel/base/log.h>
#include <kernel/base/panic.h>
#include <lib/mem.h>
#include <lib/text.h>

constexpr u32 BACKTRACE_MAX = 24;

static _Atomic u32 panic_cpu; // index + 1
static char cause[256];       // not on the stack: it may be nearly full

bool panic_active(void) { return panic_cpu != 0; }

[[noreturn]] static void finish(void) {
    char how[8];
    bool leave = cmdline_has("hornet.exec");
    leave = leave || (cmdline_get("panic", how, sizeof(how)) && text_equal(how, "exit"));
    if (leave) {
        cpu_debug_exit(PANIC_EXIT_CODE);
    }
    cpu_halt();
}

static void say_raw(const char *text) { early_serial_write(text, strlen(text)); }

// Only the first caller comes back from here.
static void begin(const char *why) {
    cpu_irq_off();
    u32 me = cpu_this()->idx + 1, nobody = 0;
    if (!__c11_atomic_compare_exchange_strong(&panic_cpu, &nobody, me, __ATOMIC_SEQ_CST,
                                              __ATOMIC_SEQ_CST)) {
        if (nobody != me) {
            cpu_halt();
        }
        say_raw("panic inside a panic: ");
        say_raw(why);
        say_raw("\n");
        finish();
    }
    lock_check_off = true;
    cpu_ipi_stop_others();
    cpu_delay_us(200);
    log_break_lock();
}

static void print_registers(const struct trap_frame *f) {
    log(PANIC, ERROR, "rip=%016lx rflags=%08lx cs=%04lx ss=%04lx rsp=%016lx error=%lx", f->rip,
        f->rflags, f->cs, f->ss, f->rsp, f->error);
    log(PANIC, ERROR, "rax=%016lx rbx=%016lx rcx=%016lx rdx=%016lx", f->rax, f->rbx, f->rcx,
        f->rdx);
    log(PANIC, ERROR, "rsi=%016lx rdi=%016lx rbp=%016lx r8 =%016lx", f->rsi, f->rdi, f->rbp, f->r8);
    log(PANIC, ERROR, "r9 =%016lx r10=%016lx r11=%016lx r12=%016lx", f->r9, f->r10, f->r11, f->r12);
    log(PANIC, ERROR, "r13=%016lx r14=%016lx r15=%016lx", f->r13, f->r14, f->r15);
    u64 cr2, cr3, cr4;
    cpu_control_registers(&cr2, &cr3, &cr4);
    log(PANIC, ERROR, "cr2=%016lx cr3=%016lx cr4=%08lx", cr2, cr3, cr4);
    if (f->vector == TRAP_DOUBLE_FAULT && cr2 - f->rsp + PAGE_SIZE < 2 * PAGE_SIZE) {
        log(PANIC, ERROR, "cr2 is near rsp: the kernel stack overflowed");
    }
}

static void print_backtrace(u64 rip, u64 rbp) {
    static u64 at[BACKTRACE_MAX];
    static char name[96];
    u32 count = 0;
    if (rip != 0) {
        symbol_print(rip, name, sizeof(name));
        log(PANIC, ERROR, "at   %s", name);
    }
    cpu_backtrace(rbp, at, BACKTRACE_MAX, &count);
    for (u32 i = 0; i < count; i++) {
        symbol_print(at[i] - 1, name, sizeof(name)); // the call, not what follows it
        log(PANIC, ERROR, "from %s", name);
    }
}

[[noreturn]] static void report(const struct trap_frame *f, u64 rbp) {
    static char id[48];
    log(PANIC, ERROR, "%s", cause);
    if (f != nullptr) {
        print_registers(f);
    }
    print_backtrace(f != nullptr ? f->rip : 0, rbp);
    lock_print_held();
    build_id_print(id, sizeof(id));
    log(PANIC, ERROR, "cpu=%u image_start=%p build_id=%s", cpu_this()->idx,
        (const void *)kernel_image_start, id);
    finish();
}

[[noreturn]] void panic(const char *format, ...) {
    begin(format);
    struct text t;
    text_init(&t, cause, sizeof(cause));
    va_list args;
    va_start(args, format);
    text_vprintf(&t, format, args);
    va_end(args);
    report(nullptr, (u64)__builtin_frame_address(0));
}

[[noreturn]] void panic_trap(const struct trap_frame *frame, const char *what, u64 address) {
    begin(what);
    (void)text_format(cause, sizeof(cause), "%s address=%lx", what, address);
    report(frame, frame->rbp);
}

[[noreturn]] void panic_assert(const char *file, int line, const char *text, u64 a, u64 b) {
    begin(text);
    (void)text_format(cause, sizeof(cause), "%s:%d: not true: %s (%lu 0x%lx, %lu 0x%lx)", file,
                      line, text, a, a, b, b);
    report(nullptr, (u64)__builtin_frame_address(0));
}

// ---- what arch/x86_64 asks for
[[noreturn]] void upcall_fatal(const char *why) { panic("%s", why); }

void upcall_log(const char *text) { log(CPU, INFO, "%s", text); }

void upcall_boot_console(const struct boot_info *boot) {
    cmdline_init(boot->cmdline);
    log_configure(cmdline());
    early_serial_init();
}
