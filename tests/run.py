#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the tests: run.py [PART | PATTERN]...   (./hornet test does the same)

Parts: unit kernel linux fs crash boot fuzz check tty. A pattern is a piece of a case's name, or has * and ?.
Builds what it needs. Each case is printed as it ends; the last line is `N passed, N failed` (`, N skipped`).
"""
import importlib
import os
import sys

sys.dont_write_bytecode = True  # nothing is left in the tree
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402 (the path is set just above)

PARTS = harness.PARTS


def main():
    words = sys.argv[1:]
    if any(word.startswith("-") for word in words):
        print(__doc__)
        return 0 if words in (["-h"], ["--help"]) else 2
    tests = harness.Tests(words)
    named = [word.split("/")[0] for word in words if word.split("/")[0] in PARTS]
    for part in PARTS:
        # A word that is no part may be in any of them.
        if words and part not in named and len(named) == len(words):
            continue
        tests.part = part
        try:
            importlib.import_module(f"parts.{part}").run(tests)
        except harness.Failed as failure:
            tests.report("(preparation)", 0, failure)
    if words and tests.passed + tests.failed + tests.skipped == 0:
        print(f"no case is called {' or '.join(words)}; the parts are {' '.join(PARTS)}")
        return 2
    return tests.end()


harness.main_guard(main)
