// SPDX-License-Identifier: MIT
// /proc/cpuinfo. All CPUs of the machine are taken to be alike. Source: Intel SDM 2A, CPUID; names
// of features as Linux prints them.
#include "procfs_impl.h"
#include <arch/x86_64/cpu.h>

enum cpuid_register : u8 { REG_A, REG_B, REG_C, REG_D };
struct feature_word {
    u32 leaf, sub;
    enum cpuid_register reg;
    const char *names[32]; // null: not shown
};
static const struct feature_word words[] = {
    {1, 0, REG_D, {"fpu",  "vme",   "de",    "pse",     "tsc",   "msr", "pae",  "mce",
                   "cx8",  "apic",  nullptr, "sep",     "mtrr",  "pge", "mca",  "cmov",
                   "pat",  "pse36", "pn",    "clflush", nullptr, "dts", "acpi", "mmx",
                   "fxsr", "sse",   "sse2",  "ss",      "ht",    "tm",  "ia64", "pbe"}},
    {0x80000001,
     0,
     REG_D,
     {[11] = "syscall",
      [20] = "nx",
      [22] = "mmxext",
      [25] = "fxsr_opt",
      [26] = "pdpe1gb",
      [27] = "rdtscp",
      [29] = "lm",
      [30] = "3dnowext",
      [31] = "3dnow"}},
    {1, 0, REG_C, {"pni",    "pclmulqdq", "dtes64", "monitor", "ds_cpl",
                   "vmx",    "smx",       "est",    "tm2",     "ssse3",
                   "cid",    "sdbg",      "fma",    "cx16",    "xtpr",
                   "pdcm",   nullptr,     "pcid",   "dca",     "sse4_1",
                   "sse4_2", "x2apic",    "movbe",  "popcnt",  "tsc_deadline_timer",
                   "aes",    "xsave",     nullptr,  "avx",     "f16c",
                   "rdrand", "hypervisor"}},
    {0x80000001,
     0,
     REG_C,
     {"lahf_lm", "cmp_legacy", "svm", "extapic", "cr8_legacy", "abm", "sse4a", "misalignsse",
      "3dnowprefetch", "osvw", "ibs", "xop", "skinit", "wdt", nullptr, "lwp", "fma4", "tce"}},
    {7, 0, REG_B, {"fsgsbase", "tsc_adjust", "sgx",      "bmi1",       "hle",      "avx2",
                   nullptr,    "smep",       "bmi2",     "erms",       "invpcid",  "rtm",
                   "cqm",      nullptr,      "mpx",      "rdt_a",      "avx512f",  "avx512dq",
                   "rdseed",   "adx",        "smap",     "avx512ifma", nullptr,    "clflushopt",
                   "clwb",     "intel_pt",   "avx512pf", "avx512er",   "avx512cd", "sha_ni",
                   "avx512bw", "avx512vl"}},
    {7,
     0,
     REG_C,
     {[1] = "avx512vbmi",
      [2] = "umip",
      [3] = "pku",
      [4] = "ospke",
      [8] = "gfni",
      [9] = "vaes",
      [10] = "vpclmulqdq",
      [16] = "la57",
      [22] = "rdpid"}},
};

static void add_features(struct text *t) {
    for (size_t i = 0; i < countof(words); i++) {
        const struct feature_word *w = &words[i];
        u32 top[4], regs[4];
        cpu_id(w->leaf & 0x80000000, 0, top);
        if (w->leaf > top[REG_A]) {
            continue;
        }
        cpu_id(w->leaf, w->sub, regs);
        for (u32 bit = 0; bit < 32; bit++) {
            if ((regs[w->reg] >> bit & 1) && w->names[bit] != nullptr) {
                text_printf(t, " %s", w->names[bit]);
            }
        }
    }
}

static void add_identity(struct text *t) {
    u32 r[4], v[4];
    cpu_id(0, 0, v);
    cpu_id(1, 0, r);
    char vendor[13] = {};
    memcpy(vendor, &v[REG_B], 4);
    memcpy(vendor + 4, &v[REG_D], 4);
    memcpy(vendor + 8, &v[REG_C], 4);
    u32 family = r[REG_A] >> 8 & 15, model = r[REG_A] >> 4 & 15;
    if (family == 15 || family == 6) {
        model |= r[REG_A] >> 12 & 0xf0;
    }
    if (family == 15) {
        family += r[REG_A] >> 20 & 0xff;
    }
    text_printf(t, "vendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\nmodel name\t: %s\n", vendor,
                family, model, cpu_model());
    text_printf(t, "stepping\t: %u\n", r[REG_A] & 15);
}

static void add_address_sizes(struct text *t) {
    u32 r[4];
    cpu_id(0x80000008, 0, r);
    text_printf(t, "clflush size\t: 64\ncache_alignment\t: 64\n");
    text_printf(t, "address sizes\t: %u bits physical, %u bits virtual\n", r[REG_A] & 0xff,
                r[REG_A] >> 8 & 0xff);
}

err_t proc_cpuinfo_show(const struct proc_node *n, struct text *t) {
    unused_arg(n);
    u64 khz = cpu_tsc_hz() / 1000;
    for (u32 i = 0; i < cpu_count && !t->cut; i++) {
        const struct cpu_local *cpu = cpu_by_idx(i);
        text_printf(t, "processor\t: %u\n", i);
        add_identity(t);
        text_printf(t, "cpu MHz\t\t: %lu.%03lu\n", khz / 1000, khz % 1000);
        text_printf(t, "physical id\t: 0\nsiblings\t: %u\ncore id\t\t: %u\ncpu cores\t: %u\n",
                    cpu_count, i, cpu_count);
        text_printf(t, "apicid\t\t: %u\n", cpu == nullptr ? 0 : cpu->apic_id);
        text_printf(t, "fpu\t\t: yes\nfpu_exception\t: yes\nwp\t\t: yes\nflags\t\t:");
        add_features(t);
        text_printf(t, "\nbogomips\t: %lu.%02lu\n", khz / 500, khz % 500 / 5);
        add_address_sizes(t);
        text_put(t, '\n');
    }
    return ERR_OK;
}
