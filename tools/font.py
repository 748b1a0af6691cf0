#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Packs a Unifont .hex file (Debian package unifont) for lib/vt/draw.h: font.py IN.hex OUT
# Characters are taken block by block; neighbours of one width form a range.
import struct, sys

BLOCKS = [  # first, last: what a text console is likely to meet
    (0x20, 0x7e), (0xa0, 0x2af), (0x2b0, 0x2ff), (0x370, 0x52f), (0x531, 0x58f), (0x5d0, 0x5ea), (0x10a0, 0x10ff),
    (0x1d00, 0x1dbf), (0x1e00, 0x1fff), (0x2010, 0x2027), (0x2030, 0x205e), (0x2070, 0x20cf), (0x2100, 0x23ff),
    (0x2400, 0x243f), (0x2440, 0x27bf), (0x27c0, 0x28ff), (0x2900, 0x2bff), (0x2c60, 0x2c7f), (0x2e80, 0x2eff),
    (0x3000, 0x30ff), (0xa720, 0xa7ff), (0xfb00, 0xfb06), (0xff01, 0xff9f), (0xfffd, 0xfffd),
]


def read_hex(path):
    glyphs = {}
    for line in open(path, encoding="ascii"):
        code, _, bits = line.strip().partition(":")
        if len(bits) in (32, 64):
            glyphs[int(code, 16)] = bytes.fromhex(bits)
    return glyphs


def ranges_of(glyphs):
    out = []
    for first, last in BLOCKS:
        for code in range(first, last + 1):
            g = glyphs.get(code)
            if g is None:
                continue
            wide = len(g) == 32
            if out and out[-1][0] + len(out[-1][2]) == code and out[-1][1] == wide:
                out[-1][2].append(g)
            else:
                out.append((code, wide, [g]))
    return out


def main():
    glyphs = read_hex(sys.argv[1])
    ranges = ranges_of(glyphs)
    at = 8 + 12 * len(ranges)
    head, body = bytearray(b"HFNT" + struct.pack("<I", len(ranges))), bytearray()
    for first, wide, rows in ranges:
        head += struct.pack("<IHHI", first, len(rows), int(wide), at + len(body))
        body += b"".join(rows)
    with open(sys.argv[2], "wb") as f:
        f.write(head + body)


main()
