# SPDX-License-Identifier: MIT
"""What all parts of the tests share: cases and their report, building, runs of ./hornet in QEMU."""
import fnmatch
import os
import re
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.abspath(os.path.join(ROOT, os.environ.get("HORNET_BUILD", "build")))
PARTS = ["check", "unit", "fuzz", "kernel", "fs", "linux", "tty", "crash", "boot"]  # in the order they run
WORK = os.path.join(BUILD, "test-run")  # disks, programs and logs of this run
JOBS = str(min(2, os.cpu_count() or 1))
SILENCE_S = 240  # a guest that prints nothing, in its output or its log, for so long hangs

# What the kernel says when it found a fault in itself. None of it may ever be in a log.
FAULT = re.compile(r"panic|not true:|lock order|address sanitizer|undefined behaviour|use after free|out of bounds|KASAN|UBSAN", re.I)


class Failed(Exception):
    """A case that failed; the text says what was expected and what came."""


class Skipped(Exception):
    """A case that cannot run here; the text says why."""


def check(condition, text):
    if not condition:
        raise Failed(text)


class Tests:
    """The cases of one run: decides which are wanted, runs and counts them."""

    def __init__(self, wanted):
        self.wanted_words = wanted
        self.passed = self.failed = self.skipped = 0
        self.times = []
        self.part = ""

    def wanted(self, name):
        full = f"{self.part}/{name}"
        return not self.wanted_words or any(
            word == self.part or (word not in PARTS and (word in full or fnmatch.fnmatchcase(full, word)))
            for word in self.wanted_words)

    def report(self, name, seconds, error=None, skipped=None):
        full = f"{self.part}/{name}"
        self.times.append((seconds, full))
        if skipped is not None:
            self.skipped += 1
            print(f"skip  {full}: {skipped}", flush=True)
        elif error is not None:
            self.failed += 1
            print(f"FAIL  {full}  {seconds:.1f} s", flush=True)
            for line in str(error).rstrip("\n").split("\n"):
                print(f"      | {line}", flush=True)
        else:
            self.passed += 1
            print(f"ok    {full}  {seconds:.1f} s", flush=True)

    def case(self, name, function, *args):
        """Runs function(*args) as the case `name` if it is wanted; it raises Failed or Skipped."""
        if not self.wanted(name):
            return
        start = time.monotonic()
        error = skipped = None
        try:
            function(*args)
        except Failed as failure:
            error = failure
        except Skipped as reason:
            skipped = reason
        except (OSError, subprocess.SubprocessError, ValueError, KeyError, IndexError) as problem:
            error = f"{type(problem).__name__}: {problem}"
        self.report(name, time.monotonic() - start, error, skipped)

    def end(self):
        slowest = sorted(self.times, reverse=True)[:10]
        if self.passed + self.failed > 10:
            print("slowest: " + ", ".join(f"{name} {seconds:.0f} s" for seconds, name in slowest))
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        print(f"{self.passed} passed, {self.failed} failed{skipped}", flush=True)
        return 1 if self.failed else 0


def say(text):
    print(f"      {text}", flush=True)


# ---- building --------------------------------------------------------------------------------------

built = set()


def build(*words):
    """make, once for each list of targets; raises Failed with the end of its output."""
    if words in built:
        return
    ccache = "ccache" if any(os.access(os.path.join(d, "ccache"), os.X_OK) for d in os.get_exec_path()) else ""
    os.makedirs(BUILD, exist_ok=True)
    # The lock of ./hornet: one build at a time in a folder.
    result = subprocess.run(["flock", os.path.join(BUILD, ".lock"), "make", f"-j{JOBS}", f"B={BUILD}",
                             f"CCACHE={ccache}", *words],
                            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode != 0:
        raise Failed(f"make {' '.join(words)} failed:\n" + tail(result.stdout, 40))
    built.add(words)


def build_system(config="release"):
    build(f"CONFIG={config}", "kernel", "loader", "user", "tools")


def tool(name):
    build("tools")
    return os.path.join(BUILD, "tools", name)


def tail(text, lines=25):
    return "\n".join(text.rstrip("\n").split("\n")[-lines:])


def host(*words, status=0, **more):
    """Runs a program of the build machine; its output. Another status than the one expected fails the case."""
    result = subprocess.run(words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, errors="replace", **more)
    if status is not None and result.returncode != status:
        command = " ".join(words) if len(words) < 12 else " ".join(words[:5]) + " ..."
        raise Failed(f"{command}: status {result.returncode}, expected {status}\n{tail(result.stdout)}")
    return result.stdout


# ---- guests ----------------------------------------------------------------------------------------

def hornet_environment():
    return dict(os.environ, HORNET_BUILD=BUILD)


def work_file(name):
    os.makedirs(WORK, exist_ok=True)
    return os.path.join(WORK, name)


def fresh_disk(name, mib=768):
    """A new bootable disk of its own for a case. History is kept for ever: who writes much needs room."""
    build_system()
    base = work_file(f"base-{mib}.img")
    if not os.path.exists(base):
        host("./hornet", "image", "--no-build", "--size", str(mib), "--out", base, env=hornet_environment())
    path = work_file(name + ".img")
    host("cp", "--sparse=always", base, path)
    return path


class Guest:
    """One finished run of `./hornet run --exec`."""

    def __init__(self, out, err, status, log, hung):
        self.out, self.err, self.status, self.log, self.hung = out, err, status, log, hung

    def describe(self):
        reason = f"the guest said nothing for {SILENCE_S} s and was ended\n" if self.hung else ""
        return (f"{reason}status {self.status}\n--- output\n{tail(self.out, 15)}\n--- front-end\n{tail(self.err, 6)}\n"
                f"--- kernel log\n{tail(self.log, 25)}")

    def expect(self, status=0, faults=False):
        check(self.status == status, f"status {status} expected\n{self.describe()}")
        if not faults:
            fault = FAULT.search(self.log)
            check(fault is None, f"the kernel reports a fault: {fault and fault.group(0)}\n{self.describe()}")
        return self


def run_command(commands, disk, options=(), qemu=(), add=(), fast=True, config="release"):
    build_system(config)
    words = ["./hornet", "run", "--no-build", "--timeout", "3600", "--disk", disk, *options, "--exec", commands]
    words += ["--fast"] if fast else []
    words += [f"--{config}"] if config != "release" else []
    for pair in add:
        words += ["--add", pair]
    return words + (["--", *qemu] if qemu else [])


def start_guest(commands, disk, **more):
    """Starts a run; output and messages go to files that the caller may watch."""
    out = open(work_file("out"), "w+b")
    err = open(work_file("err"), "w+b")
    process = subprocess.Popen(run_command(commands, disk, **more), cwd=ROOT, env=hornet_environment(),
                               stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True)
    return process, out, err


def contents(file):
    file.flush()
    with open(file.name, "rb") as again:
        return again.read().decode("utf-8", "replace").replace("\r\n", "\n")


def log_of(err):
    match = re.search(r"^hornet: kernel log: (.+)$", err, re.M)
    try:
        with open(os.path.join(ROOT, match.group(1)), "rb") as file:
            return re.sub(r"\x1b\[[0-9;=?]*[A-Za-z]", "", file.read().decode("utf-8", "replace").replace("\r", ""))
    except (AttributeError, OSError):
        return ""


def stop(process):
    """Ends a run of ours: the front-end takes its QEMU with it."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            for pid in children(process.pid) + [process.pid]:
                os.kill(pid, signal.SIGKILL)
            process.wait()


def children(pid):
    """Process numbers below one of our processes."""
    found = []
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            for word in file.read().split():
                found += [int(word)] + children(int(word))
    except OSError:
        pass
    return found


def guest(commands, disk, **more):
    """Runs commands in a guest to the end. It is a hang when neither output nor log grow for a long time."""
    process, out, err = start_guest(commands, disk, **more)
    size, since, hung = -1, time.monotonic(), False
    while process.poll() is None:
        time.sleep(0.1)
        now = os.fstat(out.fileno()).st_size + len(contents(err)) + log_size(contents(err))
        if now != size:
            size, since = now, time.monotonic()
        elif time.monotonic() - since > SILENCE_S:
            hung = True
            stop(process)
    text = contents(err)
    result = Guest(contents(out), text, process.returncode, log_of(text), hung)
    out.close()
    err.close()
    return result


def log_size(err):
    match = re.search(r"^hornet: kernel log: (.+)$", err, re.M)
    try:
        return os.path.getsize(os.path.join(ROOT, match.group(1)))
    except (AttributeError, OSError):
        return 0


def partition_range(disk):
    """Where the tfs partition of a disk lies: (offset, length) in bytes, as words."""
    return host("python3", "tools/image.py", "offset", disk, "tfs").split()


def tfsck(disk):
    offset, length = partition_range(disk)[:2]
    host(tool("tfsck"), "--offset", offset, "--length", length, disk)


def main_guard(function):
    try:
        sys.exit(function())
    except KeyboardInterrupt:
        sys.exit(130)
