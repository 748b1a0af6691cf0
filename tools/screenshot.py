#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Takes a picture of a QEMU screen: screenshot.py QMP-SOCKET OUT.png   (start QEMU with -qmp unix:SOCKET,server=on,wait=off)

Also a module: ppm_to_png(bytes) and Qmp, for tests that press keys and look at the screen.
"""
import json
import os
import socket
import struct
import sys
import tempfile
import zlib


class Qmp:
    """One connection to QEMU's control socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.lines = self.socket.makefile("r")
        self.lines.readline()  # greeting
        self.run("qmp_capabilities")

    def run(self, command, **arguments):
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
        while True:
            answer = json.loads(self.lines.readline())
            if "error" in answer:
                raise RuntimeError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:  # anything else is an event
                return answer["return"]

    def press(self, *keys):
        """One chord of QEMU key codes: press("ctrl", "c")."""
        self.run("send-key", keys=[{"type": "qcode", "data": key} for key in keys])

    def screenshot(self, path):
        with tempfile.TemporaryDirectory() as folder:
            ppm = os.path.join(folder, "screen.ppm")
            self.run("screendump", filename=ppm)
            with open(ppm, "rb") as picture, open(path, "wb") as out:
                out.write(ppm_to_png(picture.read()))


def ppm_to_png(ppm):
    """A binary PPM (P6, 8 bits a channel) as PNG."""
    magic, width, height, depth = ppm.split(maxsplit=4)[:4]
    if magic != b"P6" or depth != b"255":
        raise ValueError("not a P6 picture with 8 bits a channel")
    width, height = int(width), int(height)
    pixels = ppm[len(ppm) - width * height * 3:]
    rows = b"".join(b"\0" + pixels[y * width * 3:(y + 1) * width * 3] for y in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    Qmp(sys.argv[1]).screenshot(sys.argv[2])


if __name__ == "__main__":
    main()
