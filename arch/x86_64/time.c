// SPDX-License-Identifier: MIT
// The clock: the time stamp counter since entry, scaled to nanoseconds. Its frequency comes from
// CPUID or the hypervisor if they tell, else it is measured against the PIT. Each end of a
// measurement is sampled several times, and the sample whose port accesses were quickest counts, so
// that an interruption of the (virtual) machine spoils nothing. All CPUs' counters are taken to
// agree: they do on every CPU with an invariant TSC and in QEMU. Source: Intel SDM 3B 18.7.3, 2A
// CPUID 15H/16H; Intel 8254 data sheet.
#include "arch_impl.h"
#include <arch/x86_64/upcalls.h>

constexpr u64 PIT_HZ = 1193182;
constexpr u16 PIT_CHANNEL_2 = 0x42, PIT_COMMAND = 0x43, PORT_61 = 0x61;
constexpr u64 MEASURE_TICKS = PIT_HZ / 200; // 5 ms
constexpr u32 SAMPLES = 5;

static u64 tsc_hz = 2000000000;
static u64 ns_per_tick_32 = ((u64)1 << 32) / 2; // nanoseconds a tick, 32 fraction bits
static u64 ticks_per_ns_32 = (u64)2 << 32;      // until it is known: 2 GHz

struct sample {
    u64 tsc;
    u64 window;
    u32 pit;
};

static u32 pit_read(void) {
    io_out8(PIT_COMMAND, 0x80); // latch channel 2
    u32 low = io_in8(PIT_CHANNEL_2);
    return low | (u32)io_in8(PIT_CHANNEL_2) << 8;
}

static struct sample take_sample(void) {
    struct sample best = {.window = ~(u64)0};
    for (u32 i = 0; i < SAMPLES; i++) {
        u64 before = cpu_tsc();
        io_out8(PIT_COMMAND, 0x80);
        u64 after = cpu_tsc();
        u32 low = io_in8(PIT_CHANNEL_2);
        u32 pit = low | (u32)io_in8(PIT_CHANNEL_2) << 8;
        if (after - before < best.window) {
            best = (struct sample){
                .tsc = before + (after - before) / 2, .window = after - before, .pit = pit};
        }
    }
    return best;
}

// 0 if there is no PIT that counts.
static u64 measure_with_pit(void) {
    u8 port = io_in8(PORT_61);
    io_out8(PORT_61, (port & 0xfc) | 1); // gate on, speaker off
    io_out8(PIT_COMMAND, 0xb0);          // channel 2, both bytes, mode 0: counts down once
    io_out8(PIT_CHANNEL_2, 0xff);
    io_out8(PIT_CHANNEL_2, 0xff);
    struct sample first = take_sample();
    for (u32 tries = 0; tries < 1000000 && first.pit - pit_read() < MEASURE_TICKS; tries++) {
        cpu_pause();
    }
    struct sample last = take_sample();
    io_out8(PORT_61, port);
    u32 ticks = first.pit - last.pit;
    if (first.pit <= last.pit || ticks < MEASURE_TICKS) {
        return 0;
    }
    return (last.tsc - first.tsc) * PIT_HZ / ticks;
}

static u64 frequency_from_cpuid(void) {
    u32 top, a, b, c, d;
    cpuid(0, 0, &top, &b, &c, &d);
    if (top >= 0x15) {
        cpuid(0x15, 0, &a, &b, &c, &d);
        if (a != 0 && b != 0 && c != 0) {
            return (u64)c * b / a;
        }
    }
    if (cpu_features.hypervisor) {
        cpuid(0x40000000, 0, &top, &b, &c, &d);
        if (top >= 0x40000010 && top < 0x40010000) {
            cpuid(0x40000010, 0, &a, &b, &c, &d);
            return (u64)a * 1000;
        }
    }
    return 0;
}

static u64 frequency_guess(void) {
    u32 top, a, b, c, d;
    cpuid(0, 0, &top, &b, &c, &d);
    if (top >= 0x16) {
        cpuid(0x16, 0, &a, &b, &c, &d);
        if ((a & 0xffff) != 0) {
            return (u64)(a & 0xffff) * 1000000;
        }
    }
    upcall_log("the time stamp counter's frequency is unknown: 2 GHz assumed");
    return 2000000000;
}

void time_init(void) {
    u64 hz = frequency_from_cpuid();
    if (hz == 0) {
        hz = measure_with_pit();
    }
    if (hz == 0) {
        hz = frequency_guess();
    }
    tsc_hz = hz;
    ns_per_tick_32 = mul_div(NS_PER_SEC, (u64)1 << 32, hz);
    ticks_per_ns_32 = mul_div(hz, (u64)1 << 32, NS_PER_SEC);
}

u64 cpu_tsc_hz(void) { return tsc_hz; }

u64 cpu_time_ns(void) {
    u64 ticks = cpu_tsc() - boot_facts.tsc_at_entry;
    return (u64)(((u128)ticks * ns_per_tick_32) >> 32);
}

u64 time_ns_to_tsc(u64 ns) {
    u128 ticks = ((u128)ns * ticks_per_ns_32) >> 32;
    return ticks >> 63 != 0 ? ~(u64)0 >> 1 : (u64)ticks + boot_facts.tsc_at_entry;
}

void cpu_delay_us(u64 us) {
    u64 end = cpu_tsc() + us * (tsc_hz / 1000000 + 1);
    while (cpu_tsc() < end) {
        cpu_pause();
    }
}
