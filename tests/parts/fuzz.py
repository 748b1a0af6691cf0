# SPDX-License-Identifier: MIT
"""Each libFuzzer target for a bounded time, from the corpus kept in tests/fuzz/corpus/TARGET; two at a time."""
import concurrent.futures
import os
import subprocess
import time

import harness

SECONDS = 30


def fuzz_one(path):
    name = os.path.basename(path)
    kept = os.path.join(harness.ROOT, "tests/fuzz/corpus", name)
    fresh = harness.work_file(f"corpus-{name}")
    os.makedirs(fresh, exist_ok=True)
    words = [path, f"-max_total_time={SECONDS}", "-print_final_stats=1", "-timeout=60", "-rss_limit_mb=2048",
             f"-artifact_prefix={harness.WORK}/{name}-", fresh] + ([kept] if os.path.isdir(kept) else [])
    start = time.monotonic()
    result = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            cwd=harness.WORK, check=False)
    text = result.stdout.decode("utf-8", "replace")
    error = None
    if result.returncode != 0:
        error = f"status {result.returncode}; the input lies in {harness.WORK}/{name}-*\n{harness.tail(text, 40)}"
    elif "stat::number_of_executed_units" not in text:
        error = "it did not run:\n" + harness.tail(text)
    return name, time.monotonic() - start, error


def run(tests):
    harness.build("fuzz")
    names = [path for path in harness.host("make", "-s", f"B={harness.BUILD}", "print-FUZZ").split()
             if tests.wanted(os.path.basename(path))]
    with concurrent.futures.ThreadPoolExecutor(int(harness.JOBS)) as pool:
        for name, seconds, error in pool.map(fuzz_one, names):
            tests.report(name, seconds, error)
