#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stages the root tree of a new disk: rootfs.py OUTDIR BUSYBOX INIT

Takes the files below tools/rootfs as they are, Debian's busybox with a link for each of its programs, and INIT as /sbin/init.
"""
import os
import shutil
import subprocess
import sys

DIRECTORIES = ("bin sbin usr/bin usr/sbin usr/local/bin usr/local/sbin etc root home tmp var var/log var/tmp proc sys dev run "
               "mnt").split()
MODES = {"root": 0o700, "tmp": 0o1777, "var/tmp": 0o1777}
OURS = {"sbin/init", "linuxrc"}  # not busybox's


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    out, busybox, init = sys.argv[1:]
    os.umask(0o022)
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(os.path.join(os.path.dirname(os.path.abspath(__file__)), "rootfs"), out)
    for directory in DIRECTORIES:
        os.makedirs(os.path.join(out, directory), exist_ok=True)
    shutil.copy(busybox, os.path.join(out, "bin/busybox"))
    shutil.copy(init, os.path.join(out, "sbin/init"))
    applets = subprocess.run([busybox, "--list-full"], check=True, capture_output=True, text=True).stdout.split()
    for applet in applets:
        link = os.path.join(out, applet)
        if applet not in OURS and not os.path.lexists(link):
            os.makedirs(os.path.dirname(link), exist_ok=True)
            os.symlink("/bin/busybox", link)
    for parent, directories, files in os.walk(out):
        for name in files:
            path = os.path.join(parent, name)
            if not os.path.islink(path):
                os.chmod(path, 0o755 if os.access(path, os.X_OK) else 0o644)
        for name in directories:
            os.chmod(os.path.join(parent, name), 0o755)
    for directory, mode in MODES.items():
        os.chmod(os.path.join(out, directory), mode)


if __name__ == "__main__":
    main()
