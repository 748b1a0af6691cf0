#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures the start of the kernel: bench.py BUILD-FOLDER

Counts the instructions executed from reset to the first one of a user program: QEMU with -icount shift=0,sleep=off, started by
PVH, one CPU, and the plugin insn_count.c. With hornet.bench=boot the kernel ends QEMU there. (The time-stamp counter would
count idle time too: with sleep=off virtual time jumps to the next timer while the disk works.)
Linux: Debian's 6.1 cloud kernel with a static program as /init, which has no disk to wait for; its time-stamp counter.
"""
import os
import subprocess
import sys
import tempfile

LINUX_INSTRUCTIONS = 1.52e9
LINUX_IMAGE_BYTES = 14.19e6
MARK = b"bench: first user instruction"
LIMIT_SECONDS = 300


def build_plugin(build):
    plugin = os.path.abspath(os.path.join(build, "insn_count.so"))
    subprocess.run(["clang-19", "-std=c23", "-I.", "-Wall", "-Wextra", "-Werror", "-O2", "-shared", "-fPIC",
                    "tools/insn_count.c", "-o", plugin], check=True)
    return plugin


def count_instructions(build):
    plugin = build_plugin(build)
    with tempfile.TemporaryDirectory() as folder:
        log, disk, count = (os.path.join(folder, name) for name in ("log", "disk", "count"))
        subprocess.run(["cp", "--sparse=always", os.path.join(build, "bench.img"), disk], check=True)
        command = ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg", "-icount", "shift=0,sleep=off",
                   "-cpu", "max,-erms,-fsrm", "-smp", "1", "-m", "512", "-nodefaults", "-display", "none", "-no-reboot",
                   "-kernel", os.path.join(build, "kernel-release/hornet"), "-append", "hornet.bench=boot loglevel=2",
                   "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", "-serial", "file:" + log,
                   "-drive", f"file={disk},format=raw,if=none,id=disk0",
                   "-device", "virtio-blk-pci,drive=disk0,disable-legacy=on", "-plugin", f"{plugin},out={count}"]
        try:
            subprocess.run(command, timeout=LIMIT_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            pass
        with open(log, "rb") as lines:
            text = lines.read()
        if MARK not in text:
            sys.exit("bench: the kernel did not reach a user program; the end of its log:\n"
                     + text[-1500:].decode(errors="replace"))
        with open(count, encoding="ascii") as number:
            return int(number.read())


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
