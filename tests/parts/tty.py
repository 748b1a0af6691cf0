# SPDX-License-Identifier: MIT
"""A person at the serial console: one session after another, typed key by key into `./hornet run --fast`."""
import harness
from expect import Terminal
from harness import check

PROMPT = r"[#$] $"
UP, DOWN, LEFT, RIGHT, HOME, END = "\x1b[A", "\x1b[B", "\x1b[D", "\x1b[C", "\x1b[H", "\x1b[F"


class Session:
    """One boot, used by all cases; a case that fails gets a new one for those after it."""

    def __init__(self):
        self.terminal = None

    def start(self):
        if self.terminal is None:
            disk = harness.fresh_disk("tty")
            self.terminal = Terminal(["./hornet", "run", "--fast", "--no-build", "--disk", disk])
            self.terminal.expect(r"[#$] ")
        return self.terminal

    def stop(self):
        if self.terminal is not None:
            self.terminal.__exit__()
            self.terminal = None

    def run(self, function):
        try:
            function(self.start())
        except harness.Failed:
            self.stop()
            raise


def answer(t, keys, pattern):
    t.type(keys)
    t.expect(pattern)
    t.expect(r"[#$] ")


def typing(t):
    answer(t, "echo hello there\r", r"\nhello there\n")
    answer(t, "echo wrogn\x7f\x7fng\r", r"\nwrong\n")                 # backspace
    answer(t, "echo ac" + LEFT + "b\r", r"\nabc\n")                   # arrow and insert
    answer(t, "xecho front" + HOME + "\x1b[3~" + END + " end\r", r"\nfront end\n")  # home, delete, end
    answer(t, "rubbish\x15echo line\r", r"\nline\n")                  # Ctrl-U
    answer(t, "echo one two\x17three\r", r"\none three\n")            # Ctrl-W


def history(t):
    answer(t, "echo first\r", r"\nfirst\n")
    answer(t, "echo second\r", r"\nsecond\n")
    answer(t, UP + UP + "\r", r"\nfirst\n")
    answer(t, UP + UP + DOWN + "\r", r"\nfirst\n")


def pipes_and_status(t):
    answer(t, "false; echo status $?\r", r"\nstatus 1\n")
    answer(t, "(exit 42); echo status $?\r", r"\nstatus 42\n")
    answer(t, "nosuchprogram; echo status $?\r", r"not found\nstatus 127\n")
    answer(t, "seq 1 100 | grep 9 | wc -l\r", r"\n\s*19\n")
    answer(t, "yes | head -n 2 | sort -u; echo done\r", r"\ny\ndone\n")


def interrupt(t):
    t.type("sleep 1000\r")
    t.expect(r"sleep 1000\n")
    t.settle()
    t.type("\x03")
    t.expect(r"[#$] ")
    answer(t, "echo status $?\r", r"\nstatus 130\n")
    t.type("while :; do :; done\r")
    t.settle()
    t.type("\x03")
    t.expect(r"[#$] ")
    t.type("cat\r")
    t.expect(r"cat\n")
    t.settle()
    answer(t, "line\r\x04", r"line\nline\n")                       # Ctrl-D ends the input
    t.type("sleep 1000\r")
    t.expect(r"sleep 1000\n")
    t.settle()
    t.type("\x1c")                                                       # Ctrl-\
    t.expect(r"[#$] ")
    answer(t, "echo status $?\r", r"\nstatus 131\n")


def jobs(t):
    t.type("sleep 1000\r")
    t.expect(r"sleep 1000\n")
    t.settle()
    t.type("\x1a")
    t.expect(r"Stopped")
    t.expect(r"[#$] ")
    answer(t, "jobs\r", r"Stopped +sleep 1000")
    answer(t, "bg\r", r"sleep 1000")
    answer(t, "jobs\r", r"Running +sleep 1000")
    t.type("fg\r")
    t.expect(r"sleep 1000")
    t.settle()
    t.type("\x03")
    t.expect(r"[#$] ")
    answer(t, "jobs; echo none\r", r"jobs; echo none\nnone\n")
    t.type("cat\r")
    t.expect(r"cat\n")
    t.settle()
    t.type("\x1a")
    t.expect(r"[#$] ")
    t.type("fg\r")
    t.expect(r"cat\n")
    t.settle()
    answer(t, "back\r\x04", r"back\nback\n")
    # A job in the background that wants to read stops.
    t.type("cat &\r")
    t.expect(r"[#$] ")
    answer(t, "sleep 1; jobs\r", r"Stopped[^\n]*cat")
    answer(t, "kill %1; wait; echo gone\r", r"gone\n")


def editor(t):
    t.type("vi /root/text\r")
    t.expect(r"~")
    t.settle()
    t.type("i")
    t.type("first line\rsecond line")
    t.type("\x1b")
    t.settle()
    t.type("1GOabove")
    t.type("\x1b")
    t.settle()
    t.type(":wq\r")
    t.expect(r"[#$] ")
    answer(t, "cat /root/text\r", r"\nabove\nfirst line\nsecond line\n")
    t.type("vi /root/text\r")
    t.expect(r"second line")
    t.settle()
    t.type("Gdd:wq\r")
    t.expect(r"[#$] ")
    answer(t, "wc -l </root/text\r", r"\n2\n")


def monitor(t):
    answer(t, "top -b -n1 | head -n 5\r", r"Mem:[^\n]*\n(?s:.)*CPU:")
    t.type("top\r")
    t.expect(r"Mem:")
    t.expect(r"PID")
    t.type("q")
    t.expect(r"[#$] ")
    answer(t, "ps | grep -c init\r", r"\n[1-9]\n")
    answer(t, "ls -l /proc | head -n 3; echo listed\r", r"dr-xr-xr-x(?s:.)*listed")
    answer(t, "ls -l /proc/self/fd | grep -c tty\r", r"\n[1-9]\d*\n")


def terminal_settings(t):
    answer(t, "stty -a | head -n 1\r", r"speed \d+")
    answer(t, "tty\r", r"\n/dev/\w+")
    answer(t, "stty -echo; read x; stty echo; echo got $x\rhidden\r", r"got hidden")
    answer(t, "test -t 0 && test -t 1 && echo terminal\r", r"\nterminal\n")
    answer(t, "setsid sh -c 'echo x >/dev/tty' 2>&1 | tail -n 1\r", r"No such device")


def past_by_hand(t):
    answer(t, "echo one > /root/note; sleep 3; echo two > /root/note; cat /root/note /root/note@@-2s\r", r"\ntwo\none\n")


def power_off(t):
    t.type("poweroff\r")
    status = t.wait_end()
    check(status == 0, f"poweroff did not end QEMU, status {status}\n{harness.tail(t.text)}")


def run(tests):
    session = Session()
    harness_cases = (("typing", typing), ("history", history), ("pipes-and-status", pipes_and_status), ("interrupt", interrupt),
                     ("jobs", jobs), ("editor", editor), ("top-and-proc", monitor), ("terminal-settings", terminal_settings),
                     ("past-by-hand", past_by_hand), ("poweroff-ends-qemu", power_off))
    for name, function in harness_cases:
        tests.case(name, session.run, function)
    session.stop()
