# SPDX-License-Identifier: MIT
"""The kernel as a whole, started directly (PVH): sizes of machine, kinds of kernel, panics, broken programs."""
import os
import random
import re

import harness
from harness import check, fresh_disk, guest, host, work_file
from parts import linux

# Something of everything: processes, pipes, files on both file systems, memory.
WORKOUT = r"""
set -e
cd /root
for i in 1 2 3 4 5 6; do dd if=/dev/urandom of=/tmp/r$i bs=64k count=4 2>/dev/null; cp /tmp/r$i /root/r$i; done
cat /tmp/r? | sha1sum >/tmp/sum
cat /root/r? | sha1sum | cmp - /tmp/sum && echo equal
rm /tmp/r?
i=0; while [ $i -lt 60 ]; do (exit 3) || n=$((n + 1)); i=$((i + 1)); done; echo subshells $n
seq 1 2000 | sort -rn | head -n 1 | tr 0 x
ls -lR /bin /etc | wc -l | grep -q '^[0-9][0-9]*$' && echo listed
sync; rm /root/r?; ls /root
"""
WORKOUT_OUTPUT = "equal\nsubshells 60\n2xxx\nlisted\n"


def boots(memory, cpus, machine, config, least_kb, most_kb):
    disk = fresh_disk("kernel")
    commands = "grep -c ^processor /proc/cpuinfo; sed -n 's/^MemTotal: *//p' /proc/meminfo\n" + WORKOUT
    result = guest(commands, disk, config=config, options=("--memory", str(memory), "--cpus", str(cpus)),
                   qemu=("-machine", machine)).expect(0)
    seen_cpus, seen_memory, rest = result.out.split("\n", 2)
    check(seen_cpus == str(cpus), f"{cpus} CPUs expected, {seen_cpus} seen")
    check(least_kb <= int(seen_memory.split()[0]) <= most_kb, f"{memory} MiB given, {seen_memory} seen")
    check(rest == WORKOUT_OUTPUT, f"expected:\n{WORKOUT_OUTPUT}got:\n{rest}")
    harness.tfsck(disk)


def panics():
    result = guest("echo not reached", fresh_disk("kernel"), options=("--append", "hornet.test=panic")).expect(125, faults=True)
    check(result.out == "", f"no output expected, got {result.out!r}")
    check("asked for by hornet.test=panic" in result.log, f"the cause is not in the log\n{result.describe()}")
    trace = re.findall(r"(?:at|from)\s+.*?\b([a-z]\w+)\+(?:0x)?[0-9a-f]+", result.log)
    check(len(trace) >= 2 and "wakeup" in " ".join(trace), f"no backtrace with names, only {trace}\n{result.describe()}")
    check("panic" in result.err, f"the front-end does not show the end of the log\n{result.err}")


def status_comes_back():
    disk = fresh_disk("kernel")
    for status in (0, 7, 255):
        guest(f"exit {status}", disk).expect(status)
    result = guest("printf 'no newline'; kill -9 $$", disk).expect(137)
    check(result.out == "no newline", f"output is {result.out!r}")


def bytes_are_exact():
    """Every byte value goes through --add, the disk and the output as it is."""
    data = bytes(range(256)) * 40 + b"\r\n\x00\xff end"
    with open(work_file("bytes"), "wb") as file:
        file.write(data)
    result = guest("sha1sum </data/bytes; wc -c </data/bytes; stat -c '%a %u %g' /data/bytes", fresh_disk("kernel"),
                   add=(f"{work_file('bytes')}:/data/bytes",)).expect(0)
    import hashlib
    check(result.out.split()[:1] == [hashlib.sha1(data).hexdigest()], f"other bytes arrived: {result.out}")
    check(result.out.split("\n")[1].strip() == str(len(data)), result.out)


def broken_programs():
    """Damaged ELF files, noise, directories: the shell says why, the kernel goes on."""
    folder = work_file("broken")
    os.makedirs(folder, exist_ok=True)
    with open("/bin/busybox", "rb") as file:
        good = file.read()
    rng = random.Random(20260601)
    count = 40
    for number in range(count):
        data = bytearray(good)
        for _ in range(rng.choice((1, 2, 8, 40))):
            data[rng.randrange(64 + 56 * 8)] = rng.randrange(256)
        if number % 8 == 7:
            del data[rng.choice((10, 63, 64, 100, 500, 5000, len(good) // 2)):]
        path = os.path.join(folder, f"b{number}")
        with open(path, "wb") as file:
            file.write(data)
        os.chmod(path, 0o755)
    commands = f"""
i=0; while [ $i -lt {count} ]; do timeout -s KILL 20 /broken/b$i true </dev/null >/dev/null 2>&1; i=$((i + 1)); done
head -c 20000 /dev/urandom >/tmp/noise; chmod 755 /tmp/noise; /tmp/noise; echo noise $(($? != 0))
dd if=/bin/busybox of=/tmp/short bs=1000 count=1 2>/dev/null; chmod 755 /tmp/short; /tmp/short; echo short $(($? != 0))
: >/tmp/empty; chmod 755 /tmp/empty; /tmp/empty; echo empty $?
/tmp; echo directory $?
/etc/passwd; echo no right $?
cat /dev/urandom | head -c 3000 | sh >/dev/null 2>&1; echo alive
"""
    result = guest(commands, fresh_disk("kernel"), add=(f"{folder}:/broken",)).expect(0)
    for line in ("noise 1", "short 1", "empty 0", "directory 126", "no right 126", "alive"):
        check(re.search(rf"^{line}$", result.out, re.M), f"'{line}' is missing\n{result.describe()}")
    check("ermission denied" in result.out, f"no message\n{result.describe()}")


def out_of_memory():
    """A program that takes all memory dies or is told; the others live."""
    commands = """
tail /dev/zero; echo hog $(($? != 0))
echo alive; sha1sum /bin/busybox | wc -l
"""
    result = guest(commands, fresh_disk("kernel"), options=("--memory", "128")).expect(0)
    check("hog 1\nalive\n1\n" in result.out, result.describe())


def guest_program(name):
    """A program of tests/guest, compiled as those of the part linux."""
    source, target = os.path.join(harness.ROOT, "tests/guest", name + ".c"), work_file(name)
    resources = host("clang-19", "--print-resource-dir").strip()
    host(*linux.COMPILE, "-I", harness.ROOT, "-c", source, "-o", target + ".o")
    host("ld.lld-19", "-static", "-pie", "--no-dynamic-linker", f"{linux.MUSL}/rcrt1.o", f"{linux.MUSL}/crti.o", target + ".o",
         "--start-group", f"-L{linux.MUSL}", "-lc", f"{resources}/lib/linux/libclang_rt.builtins-x86_64.a", "--end-group",
         f"{linux.MUSL}/crtn.o", "-o", target)
    return target


def random_calls(config, cpus):
    """Hostile system calls on both file systems: every worker comes to its end, the memory comes back."""
    program = guest_program("syscall_fuzz")
    result = guest("""
mkdir -p /root/t /tmp/t
cd /root/t && /fuzz 1 1 5 100 >/dev/null; free | sed -n 2p
cd /root/t && /fuzz 11 2 40 300 >/root/out & cd /tmp/t && /fuzz 12 2 40 300; wait; cat /root/out
cd /; rm -rf /root/t /tmp/t; sleep 2; free | sed -n 2p
""", fresh_disk("kernel"), config=config, options=("--cpus", str(cpus)), add=(f"{program}:/fuzz",)).expect(0)
    check(result.out.count("all workers ended, 0 failed") == 2, result.describe())
    used = [int(line.split()[2]) for line in result.out.split("\n") if line.startswith("Mem:")]
    check(used[1] < used[0] + 6000, f"{used[0]} KiB used before, {used[1]} KiB after")


def exhaustion():
    """A fork bomb, memory hogs and pipes full of data on a small machine: root's shell and the file system go on."""
    program = guest_program("exhaust")
    result = guest("""
/exhaust fork; echo bomb
( /exhaust memory & /exhaust memory & /exhaust memory & wait ) >/dev/null 2>&1; echo hogs
/exhaust pipes; echo pipes
dd if=/dev/zero of=/root/dd bs=64k count=1000 2>/dev/null; wc -c </root/dd; rm /root/dd
/exhaust memory; sync; echo still here >/root/note; cat /root/note
""", fresh_disk("kernel"), options=("--memory", "64"), add=(f"{program}:/exhaust",)).expect(0)
    said = [line for line in result.out.split("\n") if line != "Killed"]
    check(said == ["bomb", "hogs", "pipes", "65536000", "still here", ""], result.describe())


def run(tests):
    tests.case("boot-64MiB-1cpu", boots, 64, 1, "q35", "release", 30000, 65536)
    tests.case("boot-4GiB-4cpu", boots, 4096, 4, "q35", "release", 3900000, 4194304)
    tests.case("boot-512MiB-16cpu", boots, 512, 16, "q35", "release", 430000, 524288)
    tests.case("boot-pc-machine", boots, 512, 2, "pc", "release", 450000, 524288)
    tests.case("boot-debug", boots, 512, 2, "q35", "debug", 430000, 524288)
    tests.case("boot-kasan", boots, 1024, 2, "q35", "kasan", 500000, 1048576)
    tests.case("status-comes-back", status_comes_back)
    tests.case("bytes-are-exact", bytes_are_exact)
    tests.case("panic-has-backtrace", panics)
    tests.case("broken-programs", broken_programs)
    tests.case("out-of-memory", out_of_memory)
    tests.case("exhaustion", exhaustion)
    for cpus in (1, 2, 4):
        tests.case(f"random-calls-{cpus}cpu", random_calls, "debug", cpus)
