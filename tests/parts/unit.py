# SPDX-License-Identifier: MIT
"""The host unit tests (cmocka, with ASan and UBSan): every binary of `make unit`, each of its cases a case here."""
import os
import re
import subprocess
import time

import harness


def run_binary(tests, path, name):
    environment = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="STDOUT", ASAN_OPTIONS="detect_leaks=1", UBSAN_OPTIONS="print_stacktrace=1")
    start = time.monotonic()
    with subprocess.Popen([path], cwd=harness.WORK, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace") as process:
        seen, text = 0, []
        for line in process.stdout:
            text.append(line)
            match = re.match(r"\[\s*(OK|FAILED|SKIPPED)\s*\] (\w+)$", line.strip())
            if match is None or (match.group(1) == "FAILED" and any("test(s)" in old for old in text)):
                continue
            now = time.monotonic()
            error = harness.tail("".join(text), 30) if match.group(1) == "FAILED" else None
            tests.report(f"{name}/{match.group(2)}", now - start, error, "by itself" if match.group(1) == "SKIPPED" else None)
            seen, start, text = seen + 1, now, []
    if seen == 0 or (process.returncode != 0 and process.returncode != seen and "FAILED" not in "".join(text)):
        tests.report(f"{name}/end", time.monotonic() - start, f"ended with status {process.returncode}\n{harness.tail(''.join(text), 60)}")


def run(tests):
    harness.build("unit")
    os.makedirs(harness.WORK, exist_ok=True)
    names = harness.host("make", "-s", f"B={harness.BUILD}", "print-UNIT").split()
    for path in names:
        name = os.path.relpath(path, os.path.join(harness.BUILD, "tests"))
        if tests.wanted(name):
            run_binary(tests, path, name)
