# SPDX-License-Identifier: MIT
"""A terminal for tests: a pty, and a screen that knows what prun sends.

Any other control character or sequence is a failure. A screen that changes its
width breaks its lines anew ("reflow", as tmux and most others do) or cuts them
off ("cut", as xterm does).
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
import unicodedata

LIMIT = 30
SEQUENCE = re.compile(r"\x1b\[(\??)([0-9;]*)([A-Za-z])")


def columns(c):
    if unicodedata.combining(c):
        return 0
    return 2 if unicodedata.east_asian_width(c) in "WF" else 1


class Screen:
    """Rows are lists of cells; the second cell of a wide character is ''."""

    def __init__(self, width, height, model):
        self.width, self.height, self.model = width, height, model
        self.rows, self.broken = [[]], [False]  # the next row goes on with it
        self.x, self.y = 0, 0
        self.wrap, self.wanted = True, False
        self.colour, self.colours = "", 0
        self.text = ""  # that is no whole sequence yet

    def shown(self):
        """What is to be seen, without empty rows at the end."""
        rows = ["".join(row).rstrip() for row in self.rows[-self.height:]]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def line(self, y):
        while len(self.rows) <= y:
            self.rows.append([])
            self.broken.append(False)
        return self.rows[y]

    def put(self, c):
        size = columns(c)
        if self.wanted or self.x + size > self.width:
            self.wanted = False
            if self.wrap:
                self.line(self.y)
                self.broken[self.y] = True
                self.x, self.y = 0, self.y + 1
            else:
                self.x = self.width - size
        row = self.line(self.y)
        row.extend(" " * (self.x - len(row)))
        row[self.x:self.x + size] = [c] + [""] * (size - 1)
        self.x += size
        if self.x == self.width:
            self.x, self.wanted = self.x - 1, True

    def sequence(self, private, numbers, letter):
        row = self.line(self.y)
        if letter in "JK" and not private and numbers in ("", "0"):
            del row[self.x:]
            self.broken[self.y] = False
            if letter == "J":
                del self.rows[self.y + 1:], self.broken[self.y + 1:]
        elif letter == "m":
            self.colour = numbers
            self.colours += 1
        elif private and numbers == "7" and letter in "hl":
            self.wrap = letter == "h"
        else:
            raise AssertionError("sequence %s%s%s" % (private, numbers, letter))

    def feed(self, text):
        text = self.text + text
        self.text = ""
        while text:
            match = SEQUENCE.match(text)
            if match:
                self.sequence(*match.groups())
                text = text[match.end():]
                continue
            c, text = text[0], text[1:]
            if c == "\x1b":
                assert len(text) < 16, "sequence %r" % text[:16]
                self.text = c + text
                return
            if c == "\r":
                self.x, self.wanted = 0, False
            elif c == "\n":
                self.y, self.wanted = self.y + 1, False
                self.line(self.y)
            else:
                assert ord(c) >= 32 and not 127 <= ord(c) < 160, "%r" % c
                self.put(c)

    def resize(self, width):
        old, broken, at = self.rows, self.broken, (self.y, self.x)
        self.width, self.wanted = width, False
        if self.model == "cut":
            for row in old:
                del row[width:]
            self.broken = [False] * len(old)
            self.x = min(self.x, width - 1)
            return
        self.rows, self.broken, new = [[]], [False], []
        for y, row in enumerate(old):
            new += row
            if at[0] == y:
                self.mark(len(new) - len(row) + at[1])
            if not broken[y]:
                self.pour(new)
                new = []
        if new:
            self.pour(new)
        self.rows.pop()
        self.broken.pop()

    def mark(self, offset):
        """The cursor's place in the line that is about to be poured."""
        self.y = len(self.rows) - 1 + offset // self.width
        self.x = offset % self.width

    def pour(self, cells):
        while True:
            n = self.width
            if n < len(cells) and cells[n] == "":
                n -= 1
            self.rows[-1] = cells[:n]
            cells = cells[n:]
            self.broken[-1] = bool(cells)
            self.rows.append([])
            self.broken.append(False)
            if not cells:
                return


class Terminal:
    """A program on a terminal. Standard input and output may be elsewhere."""

    all = []  # that were not finished

    def __init__(self, argv, width=80, model="reflow", stdin=None, stdout=None,
                 env=None):
        self.screen = Screen(width, 50, model)
        self.raw = b""
        self.undecoded = b""
        self.status = None
        self.all.append(self)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            wait = os.read(0, 1)  # until the size is known
            assert wait == b"\n"
            if stdin is not None:
                os.dup2(stdin, 0)
            if stdout is not None:
                os.dup2(stdout, 1)
            full = dict(os.environ, TERM="xterm")
            full.update(env or {})
            os.execvpe(argv[0], argv, full)
        self.tell_size(width)
        mode = termios.tcgetattr(self.fd)
        mode[3] &= ~termios.ECHO
        termios.tcsetattr(self.fd, termios.TCSANOW, mode)
        os.write(self.fd, b"\n")

    def tell_size(self, width):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ,
                    struct.pack("HHHH", 50, width, 0, 0))

    def resize(self, width):
        """What was drawn for the old width is drawn."""
        self.read(0)
        self.screen.resize(width)
        self.tell_size(width)

    def read(self, seconds):
        """True until the end."""
        while select.select([self.fd], [], [], seconds)[0]:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                return False
            if not data:
                return False
            self.raw += data
            self.screen.feed(self.decode(data))
            seconds = 0
        return True

    def decode(self, data):
        data = self.undecoded + data
        for cut in range(4):
            try:
                end = len(data) - cut
                text = data[:end].decode("utf-8")
                self.undecoded = data[end:]
                return text
            except UnicodeDecodeError:
                pass
        raise AssertionError("not UTF-8: %r" % data)

    def await_screen(self, wanted):
        """wanted(rows) of what is shown becomes true."""
        end = time.monotonic() + LIMIT
        while not wanted(self.screen.shown()):
            assert time.monotonic() < end, "the screen stays as %r" % (
                self.screen.shown(),)
            if not self.read(0.2):
                assert wanted(self.screen.shown()), "it ended with %r" % (
                    self.screen.shown(),)

    def await_row(self, pattern):
        """The last row matches the whole of a pattern."""
        self.await_screen(
            lambda rows: rows and re.fullmatch(pattern, rows[-1]))

    def type_interrupt(self):
        """Ctrl-C, whose echo is on the screen; and it has been acted upon."""
        mode = termios.tcgetattr(self.fd)
        mode[3] |= termios.ECHO | termios.ECHOCTL
        termios.tcsetattr(self.fd, termios.TCSANOW, mode)
        os.write(self.fd, b"\x03")
        end = time.monotonic() + LIMIT
        while b"^C" not in self.raw or not self.waits():
            assert time.monotonic() < end, "no end of a signal"
            self.read(0.05)

    def fields(self):
        with open("/proc/%d/status" % self.pid, encoding="ascii") as status:
            return dict(line.split(":", 1) for line in status)

    def await_rounds(self, count):
        """It has waited so often more."""
        def waits():
            return int(self.fields()["voluntary_ctxt_switches"])

        wanted = waits() + count
        end = time.monotonic() + LIMIT
        while waits() < wanted:
            assert time.monotonic() < end, "it does nothing"
            self.read(0.05)
        self.read(0)

    def waits(self):
        """It sleeps, and no signal waits for it."""
        fields = self.fields()
        waiting = fields["SigPnd"] + fields["ShdPnd"]
        return fields["State"].split()[0] == "S" and not int(
            "".join(waiting.split()), 16)

    def finish(self):
        """The status as a shell has it."""
        end = time.monotonic() + LIMIT
        while self.read(0.2):
            assert time.monotonic() < end, "it does not end"
        status = os.waitpid(self.pid, 0)[1]
        os.close(self.fd)
        self.all.remove(self)
        if os.WIFSIGNALED(status):
            return 128 + os.WTERMSIG(status)
        return os.WEXITSTATUS(status)

    @classmethod
    def kill_all(cls):
        for terminal in cls.all:
            os.kill(terminal.pid, signal.SIGKILL)
            os.waitpid(terminal.pid, 0)
            os.close(terminal.fd)
        cls.all.clear()
