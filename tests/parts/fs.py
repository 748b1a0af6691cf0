# SPDX-License-Identifier: MIT
"""The temporal file system as a user sees it: the past by name, whole trees brought back, images made on the host."""
import os
import random

import harness
from harness import check, fresh_disk, guest, host, tfsck, tool, work_file


def note():
    """The story of the issue, word by word."""
    disk = fresh_disk("fs")
    result = guest("echo one > /root/note; sleep 3; echo two > /root/note; cat /root/note; cat /root/note@@-2s; "
                   "ls -A /root/.time/-2s; echo x > /root/note@@-2s", disk)
    check(result.status not in (0, 125), f"writing into the past must fail\n{result.describe()}")
    lines = result.out.split("\n")
    check(lines[:2] == ["two", "one"] and lines[2] == "note", f"got\n{result.out}")
    check("ead-only file system" in result.out, f"no read-only error\n{result.out}")
    tfsck(disk)


def read_only_past():
    """Each way to change the past is refused; the past is another device; it has what was there and nothing else."""
    commands = r"""
cd /root; mkdir d; echo old > d/f; ln -s f d/link; sync; sleep 2
T=@$(date +%s); sleep 1
echo new > d/f; echo more > d/g; rm d/link
for c in "rm d@@$T/f" "mkdir d@@$T/x" "touch d@@$T/f" "mv d@@$T/f d@@$T/y" "ln -s a d@@$T/l" "chmod 700 d@@$T/f" "rmdir d@@$T" \
    "truncate -s 0 d@@$T/f" "touch .time/$T/d/x" "mkdir .time/x"; do
    $c 2>/tmp/e && echo "$c was possible"; grep -q 'ead-only file system' /tmp/e || echo "$c: $(cat /tmp/e)"
done
cat d@@$T/f .time/$T/d/f d/.time/$T/f; readlink d@@$T/link; ls d@@$T | cat; ls d | cat
[ $(stat -c %d d) != $(stat -c %d d@@$T) ] && [ $(stat -c %d d/f) != $(stat -c %d d@@$T/f) ] && echo other device
ls -a d | grep -c '^\.time$'
cat d/g@@$T 2>&1 | grep -c 'No such file'
cat d/f@@nonsense 2>&1 | grep -c 'No such file\|Invalid'
cat d@@@0/f >/dev/null 2>&1 || echo before all time
cd d@@$T && pwd | grep -c d && cat f
"""
    result = guest(commands, fresh_disk("fs")).expect(0)
    expected = "old\nold\nold\nf\nf\nlink\nf\ng\nother device\n0\n1\n1\nbefore all time\n1\nold\n"
    check(result.out == expected, f"expected\n{expected}got\n{result.out}")


def tree_comes_back():
    """A tree of 1,000 files is removed and copied back from the moment before, byte for byte and with its metadata."""
    commands = r"""
set -e
mkdir -p /root/tree; cd /root/tree
d=0
while [ $d -lt 40 ]; do
    mkdir dir$d; f=0
    while [ $f -lt 25 ]; do echo "file $f of $d" > dir$d/f$f; f=$((f + 1)); done
    dd if=/dev/urandom of=dir$d/f3 bs=1000 count=$d 2>/dev/null
    ln dir$d/f1 dir$d/hard; ln -s ../dir0/f1 dir$d/soft; chmod 4$((d % 8))55 dir$d/f2; chown $d:$((d + 1)) dir$d/f4
    touch -d "2001-02-03 04:05:$((d % 60))" dir$d/f5
    d=$((d + 1))
done
truncate -s 3000000 dir1/sparse; mkfifo dir2/fifo; mknod dir3/null c 1 3; echo x > 'dir4/odd  name'
list() { (cd "$1" && find . | sort | tr '\n' '\0' | xargs -0 stat -c '%n|%F|%a|%u|%g|%s|%Y|%h|%N|%t:%T' | grep -v '^\.|' |
    sed '/|symbolic link|/s/|[0-9]*|1|/|/' # busybox's cp keeps no times of links
    find . -type f | sort | tr '\n' '\0' | xargs -0 sha1sum); }
list . > /tmp/before
sync; sleep 2; T=@$(date +%s); sleep 2
cd /root; rm -rf /root/*
ls -A /root | grep -v '^\.' || echo nothing left
cp -a "/root/.time/$T/tree" /root/back
list /root/back > /tmp/after
# The link text of stat shows no paths, so the lists can be compared as they are.
diff /tmp/before /tmp/after | head -n 20 | grep . || echo same tree
cp -a "/root@@$T/tree/dir7" /tmp/dir7 && list /tmp/dir7 > /tmp/seven && (cd /root/back/dir7; list .) | diff - /tmp/seven | head -n 20 | grep . || echo same part
grep -c . /tmp/before
[ $(stat -c %i /root/back/dir9/f1) = $(stat -c %i /root/back/dir9/hard) ] && echo hard links
"""
    disk = fresh_disk("fs")
    result = guest(commands, disk).expect(0)
    lines = result.out.split("\n")
    check(lines[:3] == ["nothing left", "same tree", "same part"] and lines[4:5] == ["hard links"], result.describe())
    check(int(lines[3]) > 2000, f"only {lines[3]} lines were compared")
    tfsck(disk)
    # Still there after another start.
    again = guest("find /root/back -type f | wc -l; ls /root/.time | head -n 1 | wc -l", disk).expect(0)
    check(again.out.split()[0] == "1042", f"files after the second start: {again.out}")
    tfsck(disk)


def versions_of_one_file():
    """Every closed state of a file can be read again."""
    commands = r"""
cd /root; i=1
while [ $i -le 8 ]; do echo state $i > f; sync; sleep 1; date +@%s > /tmp/t$i; sleep 1; i=$((i + 1)); done
i=1; while [ $i -le 8 ]; do cat f@@$(cat /tmp/t$i); i=$((i + 1)); done
mv f g; sync; sleep 1; T=$(date +@%s); sleep 1; rm g
cat g@@$T; cat f@@$(cat /tmp/t3); ls .time/$T; cat f@@$T 2>/dev/null || echo no f then
"""
    result = guest(commands, fresh_disk("fs")).expect(0)
    expected = "".join(f"state {i}\n" for i in range(1, 9)) + "state 8\nstate 3\ng\nno f then\n"
    check(result.out == expected, f"expected\n{expected}got\n{result.out}")


def host_image():
    """mktfs copies a tree of the host in, tfsck finds nothing, damage is found."""
    tree, image = work_file("host-tree"), work_file("host.tfs")
    host("rm", "-rf", tree, image)
    rng = random.Random(7)
    for number in range(300):
        folder = os.path.join(tree, f"d{number % 17}", f"e{number % 5}")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, f"f{number}"), "wb") as file:
            file.write(rng.randbytes(rng.choice((0, 1, 100, 3000, 5000, 70000))))
    os.symlink("d1", os.path.join(tree, "link"))
    host(tool("mktfs"), "--size", "64M", "--from", tree, image)
    host(tool("tfsck"), image)
    with open(image, "r+b") as file:
        file.write(bytes(1 << 20))
    host(tool("tfsck"), image, status=None)
    text = host(tool("tfsck"), image, status=None)
    check(text.strip() != "", "tfsck says nothing about a zeroed start")


def damage_is_found():
    """Of 40 images with flipped bits none makes tfsck crash, and most are told."""
    image, copy = work_file("flip.tfs"), work_file("flip2.tfs")
    host("rm", "-f", image)
    host(tool("mktfs"), "--size", "16M", "--from", os.path.join(harness.ROOT, "lib"), image)
    with open(image, "rb") as file:
        data = file.read()
    used = [at for at in range(0, len(data), 4096) if data[at:at + 4096].strip(b"\0")]
    rng = random.Random(11)
    found = 0
    for _ in range(40):
        bad = bytearray(data)
        for _ in range(20):
            bad[rng.choice(used) + rng.randrange(4096)] ^= 1 << rng.randrange(8)
        with open(copy, "wb") as file:
            file.write(bad)
        import subprocess
        status = subprocess.run([tool("tfsck"), copy], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode
        check(status in (0, 1, 2), f"tfsck ended with {status}")
        found += status != 0
    check(found >= 30, f"only {found} of 40 damaged images were found")


def full_disk():
    """ENOSPC is an error like any other: what was there stays, files can be removed, the volume is clean and starts again. (There is
    no room afterwards: the past of what was removed is kept.)"""
    commands = r"""
cd /root; echo keep > keep
dd if=/dev/zero of=big bs=1M 2>/tmp/e; grep -c 'No space left' /tmp/e
cat keep; rm big && sync && ls
"""
    build = harness.work_file("small.img")
    harness.build_system()
    if not os.path.exists(build):
        host("./hornet", "image", "--no-build", "--size", "320", "--out", build, env=harness.hornet_environment())
    copy = harness.work_file("small-copy.img")
    host("cp", "--sparse=always", build, copy)
    result = guest(commands, copy).expect(0)
    check(result.out == "1\nkeep\nkeep\n", result.describe())
    tfsck(copy)
    result = guest("cat /root/keep; ls /root", copy).expect(0)
    check(result.out == "keep\nkeep\n", result.describe())


def run(tests):
    for name, function in (("note", note), ("read-only-past", read_only_past), ("tree-comes-back", tree_comes_back),
                           ("versions-of-one-file", versions_of_one_file), ("host-image", host_image),
                           ("damage-is-found", damage_is_found), ("full-disk", full_disk)):
        tests.case(name, function)
