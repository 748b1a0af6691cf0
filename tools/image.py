#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Disk images: a GPT with an EFI system partition (loader, kernel, configuration) and a tfs partition (the root).

image.py create IMAGE --size-mib N --loader FILE --kernel FILE --config FILE [--mktfs PROGRAM --root DIR]
image.py put IMAGE HOSTFILE ESPPATH     replaces a file of the system partition (needs mtools)
image.py remove IMAGE ESPPATH
image.py offset IMAGE esp|tfs           prints "first byte, bytes" of a partition

The image is sparse: only what is written takes space on the host.
Source: UEFI 2.10 chapter 5 (GPT), abi/disk/gpt.h (type of the tfs partition).
"""
import argparse
import os
import struct
import subprocess
import sys
import uuid
import zlib

SECTOR = 512
ESP_FIRST = 2048  # 1 MiB
ESP_SECTORS = 256 * 2048
ENTRIES, ENTRY_BYTES = 128, 128
TABLE_SECTORS = ENTRIES * ENTRY_BYTES // SECTOR
TYPES = {
    "esp": uuid.UUID("C12A7328-F81F-11D2-BA4B-00A0C93EC93B"),
    "tfs": uuid.UUID("8B53352E-653A-474C-8623-40050072354E"),
}


def die(text):
    sys.exit(f"image.py: {text}")


def gpt_entry(kind, first, last, name):
    return (TYPES[kind].bytes_le + uuid.uuid4().bytes_le + struct.pack("<QQQ", first, last, 0)
            + name.encode("utf-16-le").ljust(72, b"\0"))


def gpt_header(own, other, table, sectors, disk_id, table_crc):
    def pack(crc):
        return struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, crc, 0, own, other, 2 + TABLE_SECTORS,
                           sectors - TABLE_SECTORS - 2, disk_id, table, ENTRIES, ENTRY_BYTES, table_crc)
    return pack(zlib.crc32(pack(0)))


def write_gpt(disk, sectors, partitions):
    table = b"".join(gpt_entry(*p) for p in partitions).ljust(ENTRIES * ENTRY_BYTES, b"\0")
    disk_id, table_crc = uuid.uuid4().bytes_le, zlib.crc32(table)
    protective = bytearray(SECTOR)
    protective[446:462] = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xEE, b"\xff" * 3, 1, min(sectors - 1, 0xFFFFFFFF))
    protective[510:] = b"\x55\xaa"
    last = sectors - 1
    for sector, data in ((0, bytes(protective)), (1, gpt_header(1, last, 2, sectors, disk_id, table_crc)), (2, table),
                         (last - TABLE_SECTORS, table),
                         (last, gpt_header(last, 1, last - TABLE_SECTORS, sectors, disk_id, table_crc))):
        disk.seek(sector * SECTOR)
        disk.write(data)


def find_partition(image, kind):
    """(first byte, bytes) of the first partition of a kind."""
    with open(image, "rb") as disk:
        disk.seek(SECTOR)
        header = disk.read(92)
        if len(header) < 92 or header[:8] != b"EFI PART":
            die(f"{image} has no GPT")
        table, count, entry_bytes = struct.unpack_from("<QII", header, 72)
        for i in range(min(count, ENTRIES)):
            disk.seek(table * SECTOR + i * entry_bytes)
            entry = disk.read(ENTRY_BYTES)
            if entry[:16] == TYPES[kind].bytes_le:
                first, last = struct.unpack_from("<QQ", entry, 32)
                return first * SECTOR, (last - first + 1) * SECTOR
    die(f"{image} has no {kind} partition")


def mtools(*words):
    env = dict(os.environ, MTOOLS_SKIP_CHECK="1", MTOOLSRC="/dev/null")
    done = subprocess.run(words, env=env, capture_output=True, text=True)
    if done.returncode != 0:
        die(f"{words[0]}: {done.stderr.strip()}")


def esp_put(image, host_file, esp_path):
    esp = f"{image}@@{find_partition(image, 'esp')[0]}"
    mtools("mcopy", "-i", esp, "-o", host_file, "::" + esp_path)


def create(args):
    sectors = args.size_mib * 2048
    tfs_first = ESP_FIRST + ESP_SECTORS
    tfs_last = (sectors - TABLE_SECTORS - 2) // 2048 * 2048 - 1
    if tfs_last - tfs_first < 2048 * 16:
        die("the image is too small: at least 300 MiB")
    part = args.image + ".part"  # renamed when it is whole
    with open(part, "wb") as disk:
        disk.truncate(sectors * SECTOR)
        write_gpt(disk, sectors, [("esp", ESP_FIRST, tfs_first - 1, "EFI system"),
                                  ("tfs", tfs_first, tfs_last, "Hornet")])
    esp = f"{part}@@{ESP_FIRST * SECTOR}"
    mtools("mformat", "-i", esp, "-F", "-T", str(ESP_SECTORS), "-h", "255", "-s", "63", "-c", "4", "-H", str(ESP_FIRST),
           "-v", "HORNET", "::")
    for directory in ("/EFI", "/EFI/BOOT", "/EFI/hornet"):
        mtools("mmd", "-i", esp, "::" + directory)
    for host_file, esp_path in ((args.loader, "/EFI/BOOT/BOOTX64.EFI"), (args.kernel, "/EFI/hornet/kernel"),
                                (args.config, "/EFI/hornet/hornet.cfg")):
        if host_file:
            mtools("mcopy", "-i", esp, host_file, "::" + esp_path)
    if args.mktfs:
        made = subprocess.run([args.mktfs, "--from", args.root, "--owner", "0:0", "--label", "root",
                               "--offset", str(tfs_first * SECTOR), "--size", str((tfs_last - tfs_first + 1) * SECTOR), part],
                              stdout=subprocess.DEVNULL)
        if made.returncode != 0:
            die("mktfs failed")
    os.rename(part, args.image)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    new = commands.add_parser("create")
    new.add_argument("image")
    new.add_argument("--size-mib", type=int, default=2048)
    for option in ("--loader", "--kernel", "--config", "--mktfs", "--root"):
        new.add_argument(option)
    put = commands.add_parser("put")
    for name in ("image", "host_file", "esp_path"):
        put.add_argument(name)
    remove = commands.add_parser("remove")
    remove.add_argument("image")
    remove.add_argument("esp_path")
    offset = commands.add_parser("offset")
    offset.add_argument("image")
    offset.add_argument("kind", choices=sorted(TYPES))
    args = parser.parse_args()
    if args.command == "create":
        create(args)
    elif args.command == "put":
        esp_put(args.image, args.host_file, args.esp_path)
    elif args.command == "remove":
        mtools("mdel", "-i", f"{args.image}@@{find_partition(args.image, 'esp')[0]}", "::" + args.esp_path)
    else:
        print(*find_partition(args.image, args.kind))


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        die(error)
