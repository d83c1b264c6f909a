# SPDX-License-Identifier: MIT
"""The progress bar on a terminal: progress_screen.py PRUN

Each test says "ok NAME" or "FAIL NAME: why" on a line.
"""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import tempfile

from terminal import Terminal

PRUN = sys.argv[1]
BAR = r"\[#*-*\] "
RATE = r"  [0-9.]+[kM]?/s"


class Run:
    """prun with its items on a pipe that the test holds."""

    def __init__(self, *args, **how):
        theirs, self.items = os.pipe()
        sink = os.open("out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        how.setdefault("stdout", sink)
        self.terminal = Terminal([PRUN, *args], stdin=theirs, **how)
        os.close(theirs)
        os.close(sink)
        self.screen = self.terminal.screen

    def give(self, *items):
        for item in items:
            os.write(self.items, item.encode("utf-8", "surrogateescape") +
                     b"\n")

    def finish(self):
        os.close(self.items)
        status = self.terminal.finish()
        assert self.screen.x == 0, "it ends in the middle of a line"
        assert self.screen.wrap and self.screen.colour == "", "it leaves modes"
        return status


class Held:
    """An item that runs until the test lets it: a FIFO that is read."""

    def __init__(self, name):
        self.name = name
        os.mkfifo(name)

    def begun(self):
        self.fd = os.open(self.name, os.O_WRONLY)  # waits for its reader
        return self

    def end(self):
        os.close(self.fd)
        os.unlink(self.name)


def width_changes(model, forms):
    run = Run("map", "-p", "--total", "4", "echo", model=model)
    run.give("1")
    for n, (width, pattern) in enumerate(forms):
        run.terminal.resize(width)
        if n == 1:
            run.give("2")
        run.terminal.await_row(pattern)
        rows = run.screen.shown()
        assert len(rows) == 1, rows
        assert len(rows[0]) < width, rows
    run.give("3", "4")
    assert run.finish() == 0
    rows = run.screen.shown()
    assert len(rows) == 1 and "4/4  100%" in rows[0], rows


FORMS = [
    (80, r"\[#{3}-{12}\] 1/4  25%" + RATE + r"  ETA [0-9:]+"),
    (20, r"2/4  50%" + RATE),
    (200, r"\[#{15}-{15}\] 2/4  50%" + RATE + r"  ETA [0-9:]+"),
    (40, r"2/4  50%" + RATE + r"  ETA [0-9:]+"),
    (7, r"2/4"),
    (60, r"\[#{5}-{6}\] 2/4  50%" + RATE + r"  ETA [0-9:]+"),
]


def follows_the_width():
    width_changes("reflow", FORMS)


def follows_the_width_of_xterm():
    width_changes("cut", FORMS)


def narrower_than_is_known():
    run = Run("map", "-p", "--total", "4", "echo", width=80)
    run.give("1")
    run.terminal.await_row(FORMS[0][1])
    # The terminal has its new width, and the program draws for the old one.
    drawn = len(run.terminal.raw)
    run.terminal.read(0)
    run.screen.resize(20)
    run.terminal.await_screen(
        lambda rows: len(run.terminal.raw) > drawn + 300)
    run.terminal.tell_size(20)
    run.terminal.await_row(r"1/4  25%" + RATE)
    assert len(run.screen.shown()) == 1, run.screen.shown()
    run.give("2", "3", "4")
    assert run.finish() == 0


def messages_in_between():
    run = Run("map", "-p", "--total", "9", "md5")
    messages = []
    for n, name in enumerate(("no1", "no2", "no3")):
        run.give(name)
        messages.append("prun: %s: No such file or directory" % name)
        run.terminal.await_row(BAR + r"%d/9  \d+%%  %d failed" % (n + 1, n + 1)
                               + RATE + ".*")
        rows = run.screen.shown()
        assert rows[:-1] == messages, rows
    assert run.finish() == 1
    rows = run.screen.shown()
    assert rows[:-1] == messages and "3/3  100%  3 failed" in rows[-1], rows


def results_on_the_same_terminal():
    run = Run("map", "-p", "--total", "5", "echo", stdout=None)
    for n in range(5):
        run.give("result %d" % n)
        run.terminal.await_row(BAR + r"%d/5 .*" % (n + 1))
        rows = run.screen.shown()
        assert rows[:-1] == ["result %d" % i for i in range(n + 1)], rows
    assert run.finish() == 0
    rows = run.screen.shown()
    assert len(rows) == 6 and "5/5  100%" in rows[-1], rows


def results_without_a_newline():
    """What has no newline yet stays, and the bar is below it in the end."""
    held = Held("held")
    run = Run("exec", "-j1", "-p", "--total", "3", "--shell",
              'if [ -p "$1" ]; then cat "$1"; printf ", two"; else '
              'printf %s "$1"; fi', stdout=None)
    run.give("one")
    run.terminal.await_row("one")
    run.give("held")
    held.begun()
    run.terminal.await_rounds(5)
    assert run.screen.shown() == ["one"], run.screen.shown()
    held.end()
    run.terminal.await_row("one, two")
    run.give(", three")
    assert run.finish() == 0
    rows = run.screen.shown()
    assert rows[0] == "one, two, three" and len(rows) == 2, rows
    assert "3/3  100%" in rows[1], rows


def output_of_commands():
    run = Run("exec", "-j2", "-p", "--total", "30", "--shell",
              "echo to stdout; echo to stderr >&2; exit $1", stdout=None)
    run.give(*("01" * 15))
    assert run.finish() == 1
    rows = run.screen.shown()
    wanted = ["to stdout", "to stderr"] + ["to stdout", "to stderr",
              "prun: 1: exited with status 1"]
    assert rows[:-1] == (wanted * 15)[-len(rows) + 1:], rows
    assert "30/30  100%  15 failed" in rows[-1], rows


def item_that_runs_for_long(name, width, shown):
    held = Held(name)
    run = Run("map", "-p", "--special-files", "md5", width=width)
    run.give(held.name)
    held.begun()
    run.terminal.await_row(r"0  0\.0/s  0:0\d (" + shown + ")")
    row = run.screen.shown()[-1]
    assert len(run.screen.rows[run.screen.y]) < width, row
    held.end()
    assert run.finish() == 0
    rows = run.screen.shown()
    assert len(rows) == 1 and re.search("1/1  100%  .* in 0:0", rows[0]), rows


def slow_item():
    item_that_runs_for_long("plain", 80, "plain")


def slow_item_of_wide_characters():
    item_that_runs_for_long("\u65e5\u672c\u8a9e " * 6, 41,
                            "(\u65e5\u672c\u8a9e? ?)+.?")


def slow_item_that_is_cut():
    item_that_runs_for_long("x" + "\u65e5" * 60, 190, "x\u65e5{42}")


def slow_item_of_other_bytes():
    item_that_runs_for_long("a\udcff\x1b[31m\udce6\udc97b\x9b\tc", 80,
                            r"a\?\?\[31m\?\?b\?\?\?c")


def colours(env, wanted):
    run = Run("map", "-p", "--total", "2", "md5", env=env)
    run.give("none", "none")
    assert run.finish() == 1
    assert (run.screen.colours > 0) == wanted, run.terminal.raw


def resumed():
    """What the run before has done says nothing of when this one ends."""
    subprocess.run([PRUN, "map", "--journal", "j", "noop", "1", "2"],
                   check=True)
    run = Run("map", "-p", "--total", "4", "--journal", "j", "--resume", "noop")
    run.give("1", "2")
    run.terminal.await_row(BAR + r"2/4  50%  0\.0/s")
    run.give("3")
    run.terminal.await_row(BAR + r"3/4  75%" + RATE + "  ETA [0-9:]+")
    assert run.finish() == 0


def far_away():
    """A total may be any number."""
    run = Run("map", "-p", "--total", str(2 ** 64 - 2), "noop")
    run.give("1")
    run.terminal.await_row(r"\[-*\] 1/\d+  0%" + RATE + r"  ETA \d{9,11}d")
    assert run.finish() == 0


def no_color():
    colours({}, True)
    colours({"NO_COLOR": "1"}, False)
    colours({"NO_COLOR": ""}, True)


def dumb():
    for env in {"TERM": "dumb"}, {"TERM": ""}:
        run = Run("map", "-p", "--total", "2", "md5", env=env)
        run.give("none")
        run.terminal.await_row("prun: none: .*")
        run.give("none")
        assert run.finish() == 1
        assert b"\x1b" not in run.terminal.raw, run.terminal.raw
        rows = run.screen.shown()
        assert re.match("prun: 2/2, 100%, 2 failed, .*, in 0:", rows[-1]), rows


def interrupted():
    held = Held("held")
    run = Run("map", "-p", "-j1", "--total", "3", "--special-files", "md5")
    run.give("none", "held")
    held.begun()
    run.terminal.await_row(BAR + r"1/3  33%  1 failed.*")
    run.terminal.type_interrupt()
    # All that is in hand is finished.
    held.end()
    assert run.finish() == 130
    rows = run.screen.shown()
    assert len(rows) == 3, rows
    assert rows[0] == "prun: none: No such file or directory", rows
    assert re.match(BAR + "2/3  66%  1 failed.* in 0:", rows[1]), rows
    assert rows[2] == "prun: interrupted: 1 done, 1 failed, rest not run", rows


def status_line():
    run = Run("map", "-p", "--total", "4", "echo")
    run.give("1")
    for n in range(3):
        run.terminal.await_row(FORMS[0][1])
        os.kill(run.terminal.pid, signal.SIGUSR1)
        run.terminal.await_screen(lambda rows: len(rows) == n + 2 and
                                  re.match(BAR, rows[-1]))
        rows = run.screen.shown()
        assert re.match(r"prun: 1/4, 25%, .*ETA", rows[n]), rows
    run.give("2", "3", "4")
    assert run.finish() == 0


def status_line_of(wanted, *args, stdin=None):
    """At SIGUSR1, without any progress, while the one item is read."""
    held = Held("held")
    terminal = Terminal([PRUN, *args], stdin=stdin)
    held.begun()
    for n in range(2):
        os.kill(terminal.pid, signal.SIGUSR1)
        terminal.await_screen(lambda rows: len(rows) > n)
    held.end()
    terminal.finish()
    for row in terminal.screen.shown()[:2]:
        assert re.fullmatch("prun: " + wanted, row), row


def status_line_of_map():
    status_line_of(r"0/1, 0%, 0\.0/s", "map", "--special-files", "md5", "held")


def status_line_of_starmap():
    status_line_of(r"0/1, 0%, 0\.0/s", "starmap", "--special-files", "md5",
                   "held")


def status_line_of_apply():
    status_line_of(r"0/1, 0%, 0\.0/s", "apply", "--special-files", "md5",
                   "held")


def status_line_of_exec():
    status_line_of(r"0/1, 0%, 0\.0/s", "exec", "cat", ":::", "held")


def status_line_of_check():
    with open("sums", "w", encoding="ascii") as sums:
        sums.write("0" * 32 + "  held\n")
    status_line_of(r"0/1, 0%, 0\.0/s", "check", "--special-files", "sums")


TESTS = [
    follows_the_width, follows_the_width_of_xterm, narrower_than_is_known,
    messages_in_between, results_on_the_same_terminal,
    results_without_a_newline, output_of_commands,
    slow_item, slow_item_of_wide_characters, slow_item_that_is_cut,
    slow_item_of_other_bytes, no_color, dumb, resumed, far_away,
    interrupted, status_line,
    status_line_of_map, status_line_of_starmap, status_line_of_apply,
    status_line_of_exec, status_line_of_check,
]


def result_of(test):
    name = test.__name__.replace("_", " ")
    with tempfile.TemporaryDirectory() as where:
        os.chdir(where)
        try:
            test()
            return "ok " + name
        except (AssertionError, OSError) as e:
            return "FAIL %s: line %d: %s" % (
                name, e.__traceback__.tb_next.tb_lineno,
                repr(e).replace("\n", " "))
        finally:
            Terminal.kill_all()
            os.chdir("/")


def main():
    # Most of them wait most of the time.
    with multiprocessing.Pool(6) as pool:
        for text in pool.imap(result_of, TESTS, chunksize=1):
            print(text, flush=True)


if __name__ == "__main__":
    main()
