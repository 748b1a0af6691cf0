# SPDX-License-Identifier: MIT
"""From power-on: OVMF, the loader, a disk as on a USB stick; and everything that can be wrong with that disk."""
import os
import random
import re

import harness
from expect import Terminal
from harness import check, fresh_disk, guest, host, tfsck, work_file


def uefi(cpus):
    disk = fresh_disk("boot")
    options = ("--memory", "256", "--cpus", str(cpus))
    first = guest("grep -c ^processor /proc/cpuinfo; echo kept > /root/file; uname -sm", disk,
                  options=options, fast=False).expect(0)
    check(first.out.split("\n")[:2] == [str(cpus), "Linux x86_64"], first.describe())
    second = guest("cat /root/file", disk, options=options, fast=False).expect(0)
    check(second.out == "kept\n", f"the file of the first start: {second.out!r}")
    tfsck(disk)


def loader_says(disk, pattern):
    """Starts the disk as it is and waits for a text on the serial line."""
    with Terminal(["./hornet", "run", "--no-build", "--as-is", "--disk", disk]) as terminal:
        terminal.expect(pattern)
        return terminal.text


def missing_kernel():
    disk = fresh_disk("boot")
    host("python3", "tools/image.py", "remove", disk, "/EFI/hornet/kernel")
    text = loader_says(disk, r"restart the machine")
    check(re.search(r"cannot start: .*kernel.*no such file", text), f"no clear reason\n{harness.tail(text)}")
    check("firmware setup" in text, f"the firmware's menu is not offered\n{harness.tail(text)}")


def damaged_kernel():
    disk = fresh_disk("boot")
    with open(os.path.join(harness.BUILD, "kernel-release/hornet"), "rb") as file:
        kernel = file.read()
    for name, data in (("empty", b""), ("short", kernel[:5000]), ("no-elf", b"This is no kernel.\n" * 1000),
                       ("header", kernel[:16] + b"\xff" * 48 + kernel[64:])):
        with open(work_file("bad-kernel"), "wb") as file:
            file.write(data)
        host("python3", "tools/image.py", "put", disk, work_file("bad-kernel"), "/EFI/hornet/kernel")
        text = loader_says(disk, r"restart the machine")
        check(re.search(r"cannot start: \S.{15,}", text), f"{name}: no clear reason\n{harness.tail(text)}")


def bad_disk(kind):
    """A zeroed, a truncated and a random disk: a clear message, never a panic."""
    disk = work_file("bad.img")
    host("rm", "-f", disk)
    if kind == "zeroed":
        host("truncate", "-s", "64M", disk)
    elif kind == "noise":
        with open(disk, "wb") as file:
            file.write(random.Random(3).randbytes(8 << 20))
    elif kind == "no-superblock":
        disk = fresh_disk("boot")
        offset, length = (int(word) for word in harness.partition_range(disk)[:2])
        with open(disk, "r+b") as file:
            file.seek(offset)
            file.write(bytes(1 << 20))
            file.seek(offset + length - (1 << 20))
            file.write(bytes(1 << 20))
    else:
        whole = fresh_disk("boot")
        host("cp", "--sparse=always", whole, disk)
        os.truncate(disk, os.path.getsize(whole) // 2)
    result = guest("echo started", disk)
    check(not re.search("panic", result.log, re.I), f"a panic\n{result.describe()}")
    if result.status != 0:
        check(re.search(r"start-up stopped: \S.{10,}|cannot", result.log + result.err), f"no clear message\n{result.describe()}")
    check(result.status != 0 or kind == "truncated", f"how can it start?\n{result.describe()}")


def flipped_bits(seed):
    """Some bits of the volume are wrong: it starts or says why, but never panics and never gives wrong file data silently."""
    disk = fresh_disk("boot")
    offset, length = (int(word) for word in harness.partition_range(disk)[:2])
    rng = random.Random(seed)
    with open(disk, "r+b") as file:
        used = []
        for at in range(offset, min(offset + length, offset + (64 << 20)), 4096):
            file.seek(at)
            if file.read(4096).strip(b"\0"):
                used.append(at)
        for _ in range(3 + seed * 4):
            at = rng.choice(used) + rng.randrange(4096)
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ (1 << rng.randrange(8))]))
    result = guest("find / -xdev -type f -exec cat {} + >/dev/null; ls -lR /etc >/dev/null; echo went on", disk)
    check(not re.search("panic|not true:", result.log, re.I), f"a panic\n{result.describe()}")
    check("went on" in result.out or re.search(r"start-up stopped: \S|cannot|checksum|damaged|corrupt", result.log, re.I),
          f"neither works nor says why\n{result.describe()}")


def run(tests):
    tests.case("uefi-1cpu-256MiB", uefi, 1)
    tests.case("uefi-2cpu-256MiB", uefi, 2)
    tests.case("kernel-missing", missing_kernel)
    tests.case("kernel-damaged", damaged_kernel)
    for kind in ("zeroed", "noise", "truncated", "no-superblock"):
        tests.case(f"disk-{kind}", bad_disk, kind)
    for seed in (1, 2, 3, 4):
        tests.case(f"disk-flipped-bits-{seed}", flipped_bits, seed)
