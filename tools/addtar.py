#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the module add.tar: addtar.py [--exec COMMANDS] OUT.tar [HOSTPATH:/GUEST/PATH ...]

The guest's init unpacks it into / before anything else. Files belong to root; COMMANDS become /run/hornet/exec.sh.
"""
import argparse
import io
import os
import sys
import tarfile


def as_root(entry):
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--exec", dest="commands")
    parser.add_argument("pair", nargs="*")
    args = parser.parse_args()
    with tarfile.open(args.out, "w", format=tarfile.GNU_FORMAT) as tar:
        for pair in args.pair:
            host, separator, guest = pair.rpartition(":")
            if not separator or not guest.startswith("/") or not guest.strip("/"):
                sys.exit(f"--add {pair}: the form is HOSTPATH:/GUEST/PATH")
            if not os.path.lexists(host):
                sys.exit(f"--add {pair}: {host} does not exist")
            tar.add(os.path.realpath(host), guest.strip("/"), filter=as_root)
        if args.commands is not None:
            script = args.commands.encode("utf-8", "surrogateescape") + b"\n"
            entry = as_root(tarfile.TarInfo("run/hornet/exec.sh"))
            entry.mode, entry.size = 0o755, len(script)
            tar.addfile(entry, io.BytesIO(script))


if __name__ == "__main__":
    main()
