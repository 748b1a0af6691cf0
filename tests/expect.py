# SPDX-License-Identifier: MIT
"""A program on a terminal of its own: type, and wait until it shows what is expected. Waits end by silence, not by the clock."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

import harness

SILENCE_S = 120  # nothing new on the screen for so long: what is awaited does not come


class Terminal:
    def __init__(self, words, rows=24, columns=80):
        self.text = ""  # all that was shown, without carriage returns
        self.seen = 0   # how far expect() has come
        self.status = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(harness.ROOT)
            os.execvpe(words[0], words, dict(os.environ, HORNET_BUILD=harness.BUILD, TERM="vt100"))
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.status is None:
            for pid in harness.children(self.pid) + [self.pid]:
                try:
                    os.kill(pid, signal.SIGTERM)
                except ProcessLookupError:
                    pass
            self.wait_end(20)
        os.close(self.fd)

    def read(self, seconds):
        """False: nothing came."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        self.text += data.decode("utf-8", "replace").replace("\r", "")
        if b"\x1b[6n" in data:
            # Like a terminal: where the cursor is. The row does not matter to line editors.
            line = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.text.rsplit("\n", 1)[-1])
            os.write(self.fd, f"\x1b[24;{len(line) + 1}R".encode())
        return bool(data)

    def expect(self, pattern, silence=SILENCE_S):
        """Waits for the pattern in what is new; returns the match."""
        since, end = time.monotonic(), False
        while True:
            match = re.search(pattern, self.text[self.seen:])
            if match:
                self.seen += match.end()
                return match
            if end or time.monotonic() - since > silence:
                raise harness.Failed(f"waited for {pattern!r}, the terminal shows\n{harness.tail(repr_lines(self.text), 30)}")
            if self.read(0.5):
                since = time.monotonic()
            else:
                end = self.ended()

    def type(self, text):
        """Keys one after the other, as a person would, so that nothing depends on a long input queue."""
        for key in re.findall(r"\x1b\[?.?|.", text, re.S):
            os.write(self.fd, key.encode())
            self.read(0.02)

    def settle(self):
        """Until nothing has come for a while: a key for a program that was just started must not reach the shell."""
        while self.read(1.5):
            pass

    def ended(self):
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid == self.pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def wait_end(self, seconds=SILENCE_S):
        """The exit status, or None when it does not end."""
        until = time.monotonic() + seconds
        while not self.ended() and time.monotonic() < until:
            if self.read(0.2):
                until = time.monotonic() + seconds
        return self.status


def repr_lines(text):
    return "\n".join(line.encode("unicode_escape").decode() for line in text.replace("\r", "").split("\n"))
