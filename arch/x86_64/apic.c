// SPDX-License-Identifier: MIT
// The local APIC: this CPU's timer, interrupts between CPUs, end of interrupt. x2APIC (registers as
// MSRs) where offered, else the memory window through the direct map; firmware's MTRRs make it
// uncached. The timer is TSC-deadline where offered, else the one-shot counter, which is too short
// for far deadlines: the interrupt then comes early and apic_timer_due sets it again. Source: Intel
// SDM 3A ch. 11.
#include "arch_impl.h"
#include <arch/x86_64/upcalls.h>

enum apic_register : u32 {
    APIC_ID = 0x20,
    APIC_TPR = 0x80,
    APIC_EOI = 0xb0,
    APIC_SPURIOUS = 0xf0,
    APIC_ICR = 0x300,
    APIC_ICR_HIGH = 0x310,
    APIC_LVT_TIMER = 0x320,
    APIC_LVT_LINT0 = 0x350,
    APIC_LVT_LINT1 = 0x360,
    APIC_LVT_ERROR = 0x370,
    APIC_TIMER_START = 0x380,
    APIC_TIMER_NOW = 0x390,
    APIC_DIVIDE = 0x3e0,
};
constexpr u32 LVT_MASKED = 1 << 16, LVT_TSC_DEADLINE = 2 << 17, DELIVER_NMI = 4 << 8;
constexpr u32 ICR_BUSY = 1 << 12, ICR_ASSERT = 1 << 14;
constexpr u32 DIVIDE_BY_16 = 3;
constexpr u64 BASE_ENABLE = 1 << 11, BASE_X2 = 1 << 10;
constexpr u64 CALIBRATE_NS = 1000000;

static volatile u8 *window;
static bool x2, ready;
static u64 ticks_per_ns_32; // of the one-shot counter, 32 fraction bits
u32 cpu_count = 1;

static u32 apic_read(enum apic_register r) {
    return x2 ? (u32)msr_read(0x800 + (r >> 4)) : *(volatile u32 *)(window + r);
}
static void apic_write(enum apic_register r, u32 v) {
    if (x2) {
        msr_write(0x800 + (r >> 4), v);
    } else {
        *(volatile u32 *)(window + r) = v;
    }
}

void apic_eoi(void) { apic_write(APIC_EOI, 0); }

void apic_send(u32 apic_id, u32 command) {
    cpu_irq_off();
    if (x2) {
        __asm__ volatile("mfence" ::: "memory"); // x2APIC writes do not order earlier stores
        msr_write(0x800 + (APIC_ICR >> 4), (u64)apic_id << 32 | command);
    } else {
        apic_write(APIC_ICR_HIGH, apic_id << 24);
        apic_write(APIC_ICR, command);
        while ((apic_read(APIC_ICR) & ICR_BUSY) != 0) {
            cpu_pause();
        }
    }
    cpu_irq_restore();
}

// ---- timer
struct sample {
    u64 tsc, window;
    u32 count;
};

static struct sample take_sample(void) {
    struct sample best = {.window = ~(u64)0};
    for (u32 i = 0; i < 5; i++) {
        u64 before = cpu_tsc();
        u32 count = apic_read(APIC_TIMER_NOW);
        u64 after = cpu_tsc();
        if (after - before < best.window) {
            best = (struct sample){before + (after - before) / 2, after - before, count};
        }
    }
    return best;
}

static void calibrate_timer(void) {
    apic_write(APIC_DIVIDE, DIVIDE_BY_16);
    apic_write(APIC_LVT_TIMER, LVT_MASKED);
    apic_write(APIC_TIMER_START, ~(u32)0);
    struct sample first = take_sample();
    cpu_delay_us(CALIBRATE_NS / NS_PER_US);
    struct sample last = take_sample();
    apic_write(APIC_TIMER_START, 0);
    u64 ticks = first.count - last.count;
    u64 ns = mul_div(last.tsc - first.tsc, NS_PER_SEC, cpu_tsc_hz());
    if (ticks == 0 || ns == 0) {
        upcall_fatal("the local APIC's timer does not count");
    }
    ticks_per_ns_32 = (ticks << 32) / ns;
}

static void set_hardware(u64 deadline_ns) {
    if (cpu_features.tsc_deadline) {
        u64 tsc = deadline_ns == ~(u64)0 ? 0 : MAX(time_ns_to_tsc(deadline_ns), (u64)1);
        msr_write(MSR_TSC_DEADLINE, tsc);
        return;
    }
    if (deadline_ns == ~(u64)0) {
        apic_write(APIC_TIMER_START, 0);
        return;
    }
    u64 now = cpu_time_ns();
    u64 delta = deadline_ns > now ? deadline_ns - now : 0;
    u128 ticks = ((u128)delta * ticks_per_ns_32 >> 32) + 1;
    apic_write(APIC_TIMER_START, ticks > ~(u32)0 ? ~(u32)0 : (u32)ticks);
}

void cpu_timer_set(u64 deadline_ns) {
    cpu_irq_off();
    cpu_area_this()->timer_deadline_ns = deadline_ns;
    set_hardware(deadline_ns);
    cpu_irq_restore();
}

bool apic_timer_due(void) {
    struct cpu_area *a = cpu_area_this();
    if (a->timer_deadline_ns > cpu_time_ns()) {
        set_hardware(a->timer_deadline_ns);
        return false;
    }
    a->timer_deadline_ns = ~(u64)0;
    return true;
}

// ---- set-up
void pic_disable(void) { // its interrupts are moved away from the exceptions', then masked
    static const struct {
        u8 port, value;
    } steps[] = {{0x20, 0x11},
                 {0xa0, 0x11},
                 {0x21, VECTOR_PIC_FIRST},
                 {0xa1, VECTOR_PIC_FIRST + 8},
                 {0x21, 4},
                 {0xa1, 2},
                 {0x21, 1},
                 {0xa1, 1},
                 {0x21, 0xff},
                 {0xa1, 0xff}};
    for (u32 i = 0; i < countof(steps); i++) {
        io_out8(steps[i].port, steps[i].value);
    }
}

void apic_init_cpu(void) {
    u64 base = msr_read(MSR_APIC_BASE) | BASE_ENABLE;
    msr_write(MSR_APIC_BASE, base);
    if (x2) {
        msr_write(MSR_APIC_BASE, base | BASE_X2);
    }
    apic_write(APIC_TPR, 0);
    apic_write(APIC_LVT_LINT0, LVT_MASKED);
    apic_write(APIC_LVT_LINT1, DELIVER_NMI);
    apic_write(APIC_LVT_ERROR, LVT_MASKED);
    apic_write(APIC_SPURIOUS, 0x100 | VECTOR_SPURIOUS);
    apic_write(APIC_DIVIDE, DIVIDE_BY_16);
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER | (cpu_features.tsc_deadline ? LVT_TSC_DEADLINE : 0));
    if (cpu_features.tsc_deadline) {
        __asm__ volatile("mfence" ::: "memory"); // the mode must be set before the first deadline
    }
    u32 id = apic_read(APIC_ID);
    cpu_this()->apic_id = x2 ? id : id >> 24;
}

void cpu_apic_init(u64 lapic_pa) {
    x2 = cpu_features.x2apic;
    window = (volatile u8 *)(boot_facts.direct_map_base + lapic_pa);
    apic_init_cpu();
    if (!cpu_features.tsc_deadline) {
        calibrate_timer();
        apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
    }
    cpu_areas[0].online = true; // from here on it can be sent interrupts
    ready = true;
}

// ---- other CPUs
struct cpu_local *cpu_by_idx(u32 idx) {
    return idx < CPU_MAX && cpu_areas[idx].online ? &cpu_areas[idx].local : nullptr;
}

void cpu_ipi_mask(u64 cpu_mask, u8 vector) {
    for (u32 i = 0; cpu_mask != 0 && i < CPU_MAX; i++, cpu_mask >>= 1) {
        const struct cpu_local *c = cpu_by_idx(i);
        if ((cpu_mask & 1) != 0 && c != nullptr && c != cpu_this()) {
            apic_send(c->apic_id, ICR_ASSERT | vector);
        }
    }
}

void cpu_ipi_reschedule(u32 idx) { cpu_ipi_mask((u64)1 << idx, VECTOR_RESCHEDULE); }

void cpu_ipi_stop_others(void) {
    cpu_stopping = true;
    for (u32 i = 0; ready && i < CPU_MAX; i++) {
        const struct cpu_local *c = cpu_by_idx(i);
        if (c != nullptr && c != cpu_this()) {
            apic_send(c->apic_id, ICR_ASSERT | DELIVER_NMI);
        }
    }
}
