#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures the start of the kernel: bench.py BUILD-FOLDER

Counts instructions from reset to the first one of a user program. QEMU runs with -icount shift=0,sleep=off, where one
instruction takes one nanosecond of virtual time and the time-stamp counter counts it, so the number hardly depends on the
machine. With hornet.bench=boot the kernel logs "bench: first user instruction tsc=N" there and ends QEMU.
Linux: Debian's 6.1 cloud kernel with a static program as /init, measured in the same way.
"""
import os
import re
import subprocess
import sys
import tempfile

LINUX_INSTRUCTIONS = 1.52e9
LINUX_IMAGE_BYTES = 14.19e6
MARK = re.compile(rb"bench: first user instruction tsc=(\d+)")
LIMIT_SECONDS = 300


def count_instructions(build):
    with tempfile.TemporaryDirectory() as folder:
        log, disk = os.path.join(folder, "log"), os.path.join(folder, "disk")
        subprocess.run(["cp", "--sparse=always", os.path.join(build, "bench.img"), disk], check=True)
        command = ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg", "-icount", "shift=0,sleep=off",
                   "-cpu", "max,-erms,-fsrm", "-smp", "1", "-m", "512", "-nodefaults", "-display", "none", "-no-reboot",
                   "-kernel", os.path.join(build, "kernel-release/hornet"), "-append", "hornet.bench=boot",
                   "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", "-serial", "file:" + log,
                   "-drive", f"file={disk},format=raw,if=none,id=disk0",
                   "-device", "virtio-blk-pci,drive=disk0,disable-legacy=on"]
        try:
            subprocess.run(command, timeout=LIMIT_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            pass
        with open(log, "rb") as lines:
            text = lines.read()
    found = MARK.search(text)
    if not found:
        sys.exit("bench: the kernel did not reach a user program; the end of its log:\n"
                 + text[-1500:].decode(errors="replace"))
    return int(found.group(1))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    instructions = count_instructions(sys.argv[1])
    image_bytes = os.path.getsize(os.path.join(sys.argv[1], "kernel-release/hornet"))
    print(f"instructions from reset to the first user instruction: {instructions / 1e6:.1f} M "
          f"({instructions / LINUX_INSTRUCTIONS:.3f} of Linux)")
    print(f"kernel image: {image_bytes / 1e6:.2f} MB ({image_bytes / LINUX_IMAGE_BYTES:.3f} of Linux, which is compressed)")


if __name__ == "__main__":
    main()
