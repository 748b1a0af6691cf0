# SPDX-License-Identifier: MIT
"""Power cuts: QEMU (our own process) is killed while the guest writes. The next start finds all that was synced, and the past."""
import os
import random
import re
import signal
import time

import harness
from harness import check, fresh_disk, guest, tfsck

ROUNDS = 6
# Each turn is announced only after its sync, together with a moment that lies between it and the next turn.
LOAD = r"""
mkdir -p /root/w; cd /root/w
( while :; do dd if=/dev/urandom of=big bs=64k count=40 2>/dev/null; cp -r /etc copy; rm -rf copy; mv big old; done ) &
n=FIRST
while :; do
    mkdir t$n; i=0
    while [ $i -lt 12 ]; do echo "turn $n file $i" > t$n/f$i; i=$((i + 1)); done
    dd if=/dev/urandom of=t$n/data bs=3000 count=9 2>/dev/null
    echo $n > counter.new; mv counter.new counter
    echo $n > rewritten
    sync
    sum=$(cat t$n/* | sha1sum | cut -c1-40)
    sleep 1; T=$(date +%s); sleep 1
    echo "synced $n $T $sum"
    n=$((n + 1))
done
"""


def qemu_of(process):
    for pid in harness.children(process.pid):
        try:
            with open(f"/proc/{pid}/comm", encoding="ascii") as file:
                if file.read().startswith("qemu-system"):
                    return pid
        except OSError:
            pass
    raise harness.Failed("no QEMU below our front-end")


def load_and_kill(disk, first, turns, delay):
    """Runs the load until `turns` turns were announced and a moment longer, then the power goes. {turn: (time, sum)}"""
    process, out, err = harness.start_guest(LOAD.replace("FIRST", str(first)), disk)
    since, size = time.monotonic(), 0
    try:
        while len(announced(harness.contents(out))) < turns:
            time.sleep(0.2)
            now = os.fstat(out.fileno()).st_size + harness.log_size(harness.contents(err))
            if now != size:
                size, since = now, time.monotonic()
            check(process.poll() is None and time.monotonic() - since < harness.SILENCE_S,
                  f"the load stands still\n{harness.tail(harness.contents(out))}\n{harness.tail(harness.log_of(harness.contents(err)))}")
        time.sleep(delay)
        os.kill(qemu_of(process), signal.SIGKILL)
        process.wait(60)
        log = harness.log_of(harness.contents(err))
        check("No space" not in harness.contents(out), "the disk is full: this case needs a larger one")
        fault = harness.FAULT.search(log)
        check(fault is None, f"the kernel reports a fault: {fault and fault.group(0)}\n{harness.tail(log)}")
        return announced(harness.contents(out))
    finally:
        harness.stop(process)
        out.close()
        err.close()


def announced(text):
    return {int(n): (moment, total) for n, moment, total in re.findall(r"^synced (\d+) (\d+) ([0-9a-f]{40})$", text, re.M)}


def verify(disk, turns, last):
    """The present holds every announced turn; each announced moment still shows its own state."""
    lines = ["cd /root/w", f"[ \"$(cat counter)\" -ge {last} ] || echo the counter fell back to $(cat counter)"]
    for n, (moment, total) in turns.items():
        lines.append(f"[ $(cat t{n}/* | sha1sum | cut -c1-40) = {total} ] || echo turn {n} is damaged")
        lines.append(f"[ \"$(cat rewritten@@@{moment})\" = {n} ] || echo at the moment of {n} the rewritten file holds $(cat rewritten@@@{moment})")
        lines.append(f"[ \"$(cat counter@@@{moment})\" = {n} ] || echo at the moment of {n} the counter is $(cat counter@@@{moment})")
        lines.append(f"[ $(cat /root/.time/@{moment}/w/t{n}/* | sha1sum | cut -c1-40) = {total} ] || echo turn {n} is damaged in the past")
        lines.append(f"[ -e /root/.time/@{moment}/w/t{n + 1} ] && echo the past of {n} knows {n + 1}")
    result = guest("\n".join(lines) + "\necho verified\n", disk).expect(0)
    check(result.out == "verified\n", f"after the power cut:\n{result.out}")


def power_cuts():
    disk = fresh_disk("power-cuts", 6144)
    rng = random.Random()
    seed = rng.randrange(1 << 32)
    rng.seed(seed)
    turns, first = {}, 1
    for number in range(ROUNDS):
        turns.update(load_and_kill(disk, first, rng.randrange(1, 4), rng.random() * 3))
        try:
            tfsck(disk)
            verify(disk, turns, max(turns))
            tfsck(disk)
        except harness.Failed as failure:
            raise harness.Failed(f"round {number + 1} of seed {seed}: {failure}") from failure
        first = max(turns) + 20  # later than any turn that was begun and not announced


def cut_after(disk, commands):
    """Runs commands that end in `echo done`, and cuts the power when they have said so. What they printed before."""
    process, out, err = harness.start_guest(commands + "\necho done; sleep 1000", disk)
    try:
        since = time.monotonic()
        while "done\n" not in harness.contents(out):
            time.sleep(0.05)
            check(process.poll() is None and time.monotonic() - since < harness.SILENCE_S, "no sign of the guest")
        os.kill(qemu_of(process), signal.SIGKILL)
        process.wait(60)
        return harness.contents(out)
    finally:
        harness.stop(process)
        out.close()
        err.close()


def fsync_holds():
    """One file is fsynced and the power goes at once: it is there, whole."""
    disk = fresh_disk("crash")
    cut_after(disk, "cd /root; dd if=/dev/zero bs=1000 count=70 2>/dev/null | tr '\\0' q > /tmp/q; dd if=/tmp/q of=f conv=fsync 2>/dev/null")
    tfsck(disk)
    result = guest("tr -d q </root/f | wc -c; wc -c </root/f", disk).expect(0)
    check(result.out.split() == ["0", "70000"], f"the file holds {result.out}")


def past_holds():
    """What a commit pushed out of the present is in the past after a power cut right behind that commit."""
    disk = fresh_disk("crash")
    moment = cut_after(disk, "cd /root; echo old > cut; echo old > written; echo old > removed; echo old > moved\n"
                       "echo old > held; echo old > grown; sync; sleep 1; date +%s; sleep 1\n"
                       # Still open at the cut, and committed by nobody but the file system itself.
                       "exec 3>held 4>>grown; echo more >&4; sleep 12; : > cut; echo new > written; rm removed; mv moved to; sync").split()[0]
    tfsck(disk)
    at = f"@@@{moment}"
    result = guest(f"cd /root; cat cut{at} written{at} removed{at} moved{at} held{at} grown{at}; cat written to; wc -c <cut; ls .time/@{moment} | cat", disk)
    expected = "old\n" * 6 + "new\nold\n0\ncut\ngrown\nheld\nmoved\nremoved\nwritten\n"
    check(result.expect(0).out == expected, f"expected\n{expected}got\n{result.out}")


def run(tests):
    tests.case("power-cuts", power_cuts)
    tests.case("fsync-holds", fsync_holds)
    tests.case("past-holds", past_holds)
