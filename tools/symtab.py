#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the kernel's own symbol table for backtraces: symtab.py LINKED-KERNEL OUT.S

Format, all in section .symtab_kernel, which the linker script keeps behind the text so that no text address moves between
the first link (without it) and the second (with it):
  kernel_symtab_count   u64: number of entries
  kernel_symtab         entries sorted by address: u32 offset from kernel_image_start, u32 offset into the names
  kernel_symtab_names   NUL-terminated names
The values are plain numbers, not relocations: offsets from kernel_image_start do not change with the slide. For the first
link the linker script provides the three symbols itself: PROVIDE(kernel_symtab = .) and so on.
To find a name: the last entry whose offset is not above the address's. Only text symbols (t, T, w, W of nm) are listed.
"""
import subprocess
import sys


def read_symbols(kernel):
    """[(offset, name)] sorted by offset, one name an address, global names preferred."""
    out = subprocess.run(["llvm-nm-19", "--defined-only", kernel], check=True, capture_output=True, text=True).stdout
    start, found = None, {}
    for line in out.splitlines():
        address, kind, name = line.split(maxsplit=2)
        if name == "kernel_image_start":
            start = int(address, 16)
        elif kind in "tTwW" and (kind in "TW" or int(address, 16) not in found):
            found[int(address, 16)] = name
    if start is None:
        sys.exit(f"symtab.py: {kernel} has no symbol kernel_image_start")
    return [(address - start, found[address]) for address in sorted(found) if address >= start]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    symbols = read_symbols(sys.argv[1])
    if symbols and symbols[-1][0] >= 1 << 32:
        sys.exit("symtab.py: the image is larger than 4 GiB")
    with open(sys.argv[2], "w") as out:
        out.write('.section .symtab_kernel,"a"\n.balign 8\n')
        out.write(".globl kernel_symtab_count, kernel_symtab, kernel_symtab_names\n")
        out.write(".hidden kernel_symtab_count, kernel_symtab, kernel_symtab_names\n")
        out.write(f"kernel_symtab_count: .quad {len(symbols)}\nkernel_symtab:\n")
        name_at = 0
        for offset, name in symbols:
            out.write(f".long {offset:#x}, {name_at}\n")
            name_at += len(name) + 1
        out.write("kernel_symtab_names:\n")
        for _, name in symbols:
            out.write(f'.asciz "{name}"\n')


if __name__ == "__main__":
    main()
