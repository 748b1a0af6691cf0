# SPDX-License-Identifier: MIT
"""The same static programs on the build machine's Linux and in Hornet: outputs and statuses must be equal.

Linux answers first (in a namespace of its own where that is allowed). Then all programs run in one boot, on tmpfs and on tfs,
with the release kernel and two CPUs, and again with the debug kernel and one CPU. When a guest dies, the program it died in
has failed and the rest runs in a new boot.
"""
import concurrent.futures
import difflib
import os
import re
import shutil
import signal
import subprocess
import zlib

import harness
from harness import check, host, say, work_file

SOURCES = os.path.join(harness.ROOT, "tests/linux")
PROGRAMS = "/test/bin"  # in the guest; the same path on Linux, so that nothing depends on it
BOOTS = [("2cpu", "release", "2"), ("1cpu-debug", "debug", "1")]
SCRATCH = [("tmpfs", "/tmp/scratch"), ("tfs", "/root/scratch")]
RESTARTS_MAX = 6

# Like the makefile's user programs; every second one at a fixed address (ET_EXEC), the others anywhere (static PIE).
COMPILE = ["clang-19", "--target=x86_64-linux-musl", "-std=c23", "-O1", "-g", "-nostdlibinc", "-isystem",
           "/usr/include/x86_64-linux-musl", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-Wshadow",
           "-Wno-unused-function", "-fPIE"]
MUSL = "/usr/lib/x86_64-linux-musl"


def programs():
    return sorted(name[:-2] for name in os.listdir(SOURCES) if name.endswith(".c"))


def fixed_address(name):
    return zlib.crc32(name.encode()) % 2 == 0


def compile_one(name, folder, resources):
    source, target = os.path.join(SOURCES, name + ".c"), os.path.join(folder, name)
    newest = max(os.path.getmtime(source), os.path.getmtime(os.path.join(SOURCES, "check.h")))
    if os.path.exists(target) and os.path.getmtime(target) > newest:
        return
    host(*COMPILE, "-c", source, "-o", target + ".o")
    kind = ["-static", f"{MUSL}/crt1.o"] if fixed_address(name) else ["-static", "-pie", "--no-dynamic-linker", f"{MUSL}/rcrt1.o"]
    host("ld.lld-19", *kind, f"{MUSL}/crti.o", target + ".o", "--start-group", f"-L{MUSL}", "-lc",
         f"{resources}/lib/linux/libclang_rt.builtins-x86_64.a", "--end-group", f"{MUSL}/crtn.o", "-o", target)
    os.remove(target + ".o")


def compile_all(names):
    folder = work_file("linux-bin")
    os.makedirs(folder, exist_ok=True)
    resources = host("clang-19", "--print-resource-dir").strip()
    with concurrent.futures.ThreadPoolExecutor(int(harness.JOBS)) as pool:
        list(pool.map(lambda name: compile_one(name, folder, resources), names))
    return folder


# ---- Linux ---------------------------------------------------------------------------------------------

def plain_process():
    """The programs start with every signal at its default, no extra groups and usual limits, whoever started the tests."""
    import resource
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):
            pass
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    if os.geteuid() == 0:
        os.setgroups([])
    for kind, wanted in ((resource.RLIMIT_NOFILE, 1024), (resource.RLIMIT_STACK, 8 << 20)):
        hard = resource.getrlimit(kind)[1]
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (soft, hard))


def linux_command(folder, names):
    """The script in a namespace with its own processes, host name and tmpfs; the programs at the path they have in the guest."""
    script = ('set -e; busybox mount -t tmpfs -o mode=755 none /mnt; busybox mkdir -p /mnt/scratch /mnt/test; '
              'busybox cp -r "$0" /mnt/test/bin; shift; exec busybox sh "$@"')
    words = [f"/mnt{PROGRAMS}/{name}" for name in names]
    inner = ["/bin/busybox", "sh", "-c", script, folder, "-", os.path.join(SOURCES, "guest.sh"), "linux", "/mnt/scratch", *words]
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    return [*sudo, "unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "--uts", "--ipc", "--", *inner]


def answers_of_linux(folder, names):
    out = work_file("linux-answers")
    with open(out, "wb") as file:
        subprocess.run(linux_command(folder, names), cwd="/", stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
                       preexec_fn=plain_process, env={"PATH": os.environ["PATH"], "HOME": "/root", "TERM": "dumb"}, check=False)
    with open(out, encoding="utf-8", errors="replace") as file:
        text = file.read()
    answers, _ = parse(text)
    missing = [name for name in names if ("linux", name) not in answers]
    check(not missing, f"Linux gave no answer of {' '.join(missing[:5])}:\n{harness.tail(text)}")
    bad = [name for name in names if "BROKEN SET-UP" in answers["linux", name][0]]
    check(not bad, f"the programs themselves fail on this Linux: {' '.join(bad)}")
    return answers


def parse(text):
    """What guest.sh printed: {(label, program): (output, status)}, status None: it did not come to its end; {…: seconds}."""
    answers, times = {}, {}
    pieces = re.split(r"^@@@ begin (\S+) (\S+)\n", text, flags=re.M)
    for label, name, body in zip(pieces[1::3], pieces[2::3], pieces[3::3]):
        end = re.search(rf"^@@@ end {re.escape(label)} {re.escape(name)} (\d+) ([\d.]+) ([\d.]+)$", body, re.M)
        if end:
            times[label, name] = float(end.group(3)) - float(end.group(2))
        answers[label, name] = (body[:end.start()], int(end.group(1))) if end else (body, None)
    return answers, times


# ---- Hornet --------------------------------------------------------------------------------------------

def deviations():
    """{program: [(line of Linux, line of Hornet)]} from the list of accepted differences."""
    found = {}
    with open(os.path.join(SOURCES, "deviations.txt"), encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                program, linux_line, hornet_line, _reason = [word.strip() for word in line.split(" | ")]
                found.setdefault(program, []).append((linux_line, hornet_line))
    return found


def judge(name, expected, got, accepted):
    """None, or the difference as text."""
    text, status = got
    for linux_line, hornet_line in accepted.get(name, ()):
        text = "\n".join(linux_line if line == hornet_line else line for line in text.split("\n"))
    if (text, status) == expected:
        return None
    if status is None:
        text += "(the guest ended here)\n"
    difference = difflib.unified_diff(f"{expected[0]}status {expected[1]}\n".split("\n"), f"{text}status {status}\n".split("\n"),
                                      "Linux", "Hornet", lineterm="", n=2)
    return "\n".join(list(difference)[:60])


def one_boot(tests, boot, config, cpus, folder, wanted, expected):
    """wanted: [(file system, scratch, program)]. Reports each; returns those that did not come to run."""
    accepted = deviations()
    disk = harness.fresh_disk("linux")
    lines = []
    for label, scratch in SCRATCH:
        names = [program for system, _, program in wanted if system == label]
        if names:
            lines.append(f"sh /test/guest.sh {label} {scratch} " + " ".join(f"{PROGRAMS}/{name}" for name in names))
    names = {program for _, _, program in wanted}
    bin_folder = work_file("linux-guest-bin")
    shutil.rmtree(bin_folder, ignore_errors=True)
    os.makedirs(bin_folder)
    for name in names:
        shutil.copy(os.path.join(folder, name), bin_folder)
    result = harness.guest("\n".join(lines), disk, config=config, options=("--cpus", cpus),
                           add=(f"{bin_folder}:{PROGRAMS}", f"{SOURCES}/guest.sh:/test/guest.sh"))
    answers, times = parse(result.out)
    left = []
    for system, scratch, program in wanted:
        if (system, program) not in answers:
            left.append((system, scratch, program))
            continue
        error = judge(program, expected["linux", program], answers[system, program], accepted)
        if answers[system, program][1] is None:
            error = f"{error}\nthe guest did not survive it:\n{result.describe()}"
        tests.report(f"{boot}-{system}/{program}", times.get((system, program), 0), error)
    fault = harness.FAULT.search(result.log)
    if result.status == 0 and not fault and not left:
        tests.report(f"{boot}/log", 0)
    elif not left or not answers:
        tests.report(f"{boot}/log", 0, f"the guest did not end well\n{result.describe()}")
    if not answers:
        return []
    return left


def run(tests):
    names = programs()
    every = [(boot, config, cpus, [(system, scratch, name) for system, scratch in SCRATCH for name in names
                                   if tests.wanted(f"{boot}-{system}/{name}")]) for boot, config, cpus in BOOTS]
    needed = sorted({name for _, _, _, wanted in every for _, _, name in wanted})
    if not needed:
        return
    folder = compile_all(needed)
    expected = answers_of_linux(folder, needed)
    say(f"{len(needed)} programs have run on Linux")
    for boot, config, cpus, wanted in every:
        for _ in range(RESTARTS_MAX):
            if wanted:
                wanted = one_boot(tests, boot, config, cpus, folder, wanted, expected)
        for system, _, program in wanted:
            tests.report(f"{boot}-{system}/{program}", 0, "not reached: guests died too often before it")
