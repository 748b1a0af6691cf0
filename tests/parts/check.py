# SPDX-License-Identifier: MIT
"""What is checked without running anything: who includes whom, texts, format, length of functions."""
import os
import re
import shutil

import harness
from harness import Skipped, check, host

FUNCTION_LINES_MAX = 100
FILE_LINES_MAX = 1000


def sources(*endings):
    return [path for path in host("git", "ls-files").split() if path.endswith(endings) and os.path.exists(os.path.join(harness.ROOT, path))]


def layers():
    host("python3", "tools/layers.py", "--self-test")
    host("python3", "tools/layers.py")


def texts():
    host("python3", "tools/textcheck.py")


def clang_format():
    if shutil.which("clang-format-19") is None:
        raise Skipped("clang-format-19 is not installed")
    text = host("clang-format-19", "--dry-run", *sources(".c", ".h"))
    files = sorted(set(re.findall(r"^(\S+?):\d+:\d+: \w+: code should be", text, re.M)))
    check(not files, "clang-format-19 -i puts them right:\n" + "\n".join(files))


def generated_docs():
    host("python3", "tools/docs.py", "--check")


def sizes():
    """A function body here runs from a line that begins at column 0 and ends in `{` to the next line that is `}`."""
    long = []
    for path in sources(".c", ".h"):
        with open(os.path.join(harness.ROOT, path), encoding="utf-8") as file:
            lines = file.read().split("\n")
        if len(lines) > FILE_LINES_MAX:
            long.append(f"{path}: {len(lines)} lines")
        start = None
        for number, line in enumerate(lines, 1):
            if re.match(r"[A-Za-z_\[].*\)[^;=]*\{$", line):
                start = number
            elif line == "}" and start is not None:
                if number - start + 1 > FUNCTION_LINES_MAX:
                    long.append(f"{path}:{start}: a function of {number - start + 1} lines")
                start = None
    check(not long, "\n".join(long))


def run(tests):
    tests.case("layers", layers)
    tests.case("texts", texts)
    tests.case("format", clang_format)
    tests.case("generated-docs", generated_docs)
    tests.case("sizes", sizes)
