#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks what the compiler does not: licence line, length of files, words that must not stay, a README in each folder."""
import os
import re
import subprocess
import sys

FILE_LINES_MAX = 1000
SOURCES = (".c", ".h", ".S", ".ld", ".def", ".py", ".sh")
# Built from parts, so that this file passes its own check.
WORDS = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX|regi" r"stery|recie" r"ve)\b")


def check_file(path, errors):
    text = open(path, encoding="utf-8", errors="replace").read()
    lines = text.splitlines()
    if path.endswith(SOURCES) and not any("SPDX-License-Identifier: MIT" in line for line in lines[:2]):
        errors.append(f"{path}:1: no SPDX licence line")
    if path.endswith(SOURCES) and len(lines) > FILE_LINES_MAX:
        errors.append(f"{path}: {len(lines)} lines, more than {FILE_LINES_MAX}")
    for number, line in enumerate(lines, 1):
        word = WORDS.search(line)
        if word:
            errors.append(f"{path}:{number}: {word.group(0)}")
        if line != line.rstrip() and not path.endswith(".md"):
            errors.append(f"{path}:{number}: blank at the end of the line")
    if text and not text.endswith("\n"):
        errors.append(f"{path}: no newline at the end")


def main():
    os.chdir(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    files = subprocess.run(["git", "ls-files"], check=True, capture_output=True, text=True).stdout.split("\n")
    errors = []
    for path in files:
        if path.endswith(SOURCES + (".md", ".mk", ".txt", "Makefile", "hornet")) and os.path.isfile(path) \
                and not path.startswith("tests/golden/"):
            check_file(path, errors)
    for folder in sorted({os.path.dirname(p) for p in files if p.endswith("build.mk")}):
        if not os.path.exists(os.path.join(folder, "README.md")):
            errors.append(f"{folder}: no README.md")
    print("\n".join(errors + [f"text: {len(errors)} errors"]))
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main()
