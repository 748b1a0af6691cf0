// SPDX-License-Identifier: MIT
// The last steps: leave boot services, switch to the kernel's page tables, jump.
// ExitBootServices fails when the memory map changed since it was read (a timer of the firmware may
// have allocated); the specification then wants a fresh map and another attempt, and allows no
// other service in between (UEFI 7.4.6). The jump runs from a page of its own that the new tables
// map at its physical address.
#include <boot/uefi/loader.h>
#include <lib/mem.h>

constexpr u32 EXIT_ATTEMPTS = 8;
constexpr u32 MSR_EFER = 0xc0000080;
constexpr u32 EFER_NXE = (u32)1 << 11;
constexpr u64 CR4_LA57 = (u64)1 << 12;

typedef void jump_function(u64 page_tables_pa, u64 stack_top_va, u64 info_va, u64 entry_va);
extern const u8 jump_code[], jump_code_end[];

// RCX = CR3, RDX = stack, R8 = boot information, R9 = entry. Global pages of the firmware are
// flushed by clearing CR4.PGE; CR0.WP is set only now, since the firmware's tables need not be fit
// for it.
__asm__(".text\n"
        ".globl jump_code\njump_code:\n"
        "  movq %cr4, %rax\n"
        "  andq $~0x80, %rax\n"
        "  movq %rax, %cr4\n"
        "  movq %rcx, %cr3\n"
        "  movq %cr0, %rax\n"
        "  orq $0x10000, %rax\n"
        "  movq %rax, %cr0\n"
        "  movq %rdx, %rsp\n"
        "  movq %r8, %rdi\n"
        "  xorl %ebp, %ebp\n"
        "  pushq $0\n" // as after a call: RSP + 8 is 16-aligned, and a backtrace ends here
        "  cld\n"
        "  jmpq *%r9\n"
        ".globl jump_code_end\njump_code_end:\n");

static u64 read_cr4(void) {
    u64 value = 0;
    __asm__ volatile("movq %%cr4, %0" : "=r"(value));
    return value;
}

static void enable_nx(void) {
    u32 low = 0, high = 0;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(MSR_EFER));
    __asm__ volatile("wrmsr" : : "a"(low | EFER_NXE), "d"(high), "c"(MSR_EFER));
}

bool handover_prepare(struct kernel *kernel) {
    if ((read_cr4() & CR4_LA57) != 0) {
        return fail("the firmware runs with 5-level paging; switch it off in its setup");
    }
    if (!memory_allocate(1, "the jump to the kernel", &kernel->identity_pa)) {
        return false;
    }
    memcpy((void *)(uintptr_t)kernel->identity_pa, jump_code, (size_t)(jump_code_end - jump_code));
    return true;
}

[[noreturn]] static void give_up(const char *sentence) {
    console_leave_firmware();
    print("Hornet cannot start: %s. Restarting in 10 seconds.\n", sentence);
    u64 start = __builtin_readcyclecounter();
    while (__builtin_readcyclecounter() - start < 20000000000) {
        __asm__ volatile("pause");
    }
    efi->runtime->reset_system(EFI_RESET_COLD, EFI_OK, 0, nullptr);
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}

bool handover(struct boot_info *info, const struct kernel *kernel) {
    efi_status status = EFI_INVALID_PARAMETER;
    u64 key = 0;
    if (!memory_get_map(&key) || !memory_describe(info)) {
        return fail("the firmware's memory map has more than %u ranges", BOOT_MAX_MEMORY);
    }
    entropy_bytes(info->entropy, sizeof(info->entropy));
    print("Starting the kernel\n");
    for (u32 i = 0; i < EXIT_ATTEMPTS && status != EFI_OK; i++) {
        if (!memory_get_map(&key)) {
            give_up("the firmware stopped giving its memory map");
        }
        status = efi->boot->exit_boot_services(loader_image, key);
    }
    if (status != EFI_OK) {
        give_up("the firmware does not hand over the machine (ExitBootServices)");
    }
    __asm__ volatile("cli");
    if (!memory_describe(info)) {
        give_up("the firmware's memory map has too many ranges");
    }
    if (kernel_cmdline_has(info->cmdline, "hornet.exec=1")) {
        console_mark_exec();
    }
    enable_nx();
    u64 stack_top_va = info->direct_map_base + info->stack_pa + BOOT_STACK_BYTES;
    jump_function *jump = (jump_function *)(uintptr_t)kernel->identity_pa;
    jump(info->page_tables_pa, stack_top_va, info->direct_map_base + (u64)(uintptr_t)info,
         kernel->entry_va);
    return true;
}
