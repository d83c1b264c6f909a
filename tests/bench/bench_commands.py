# SPDX-License-Identifier: MIT
"""Other runs of the command line.

  exec        commands a second, by the wall time of the whole run, with the
              list of items as standard input; the second peer is GNU parallel
              ("executor" in the table), where it is installed, with fewer items
              as it is slow. The second row has exec_limit.c in the place of the
              peer: vfork, exec and wait, and nothing else.
  memory      VmHWM of prun, and of the largest of its workers, sampled every 5
              ms while it runs: the largest of the rounds.
  journal     a million lines into prun map noop from a file, with --journal and
              (in the place of theirs) without it.
  memory-long (long) the parent's VmHWM for a hundred million tasks against that
              for one million, once.
"""

import os
import shutil
import subprocess

from memory import measure_memory
from processes import EXEC_LIMIT, PRUN, WORKERS, need, run_timed
from row import Faster, Row, failure_noted

SEQ_END = 10_000_000
MEMORY_LIMIT_MIB = 8


class Exec(Faster):
    """`prun exec true` against xargs, against GNU parallel if there is one,
    and against what the kernel asks for it."""

    items = 2_000
    parallel_items = 200

    def __init__(self, files):
        super().__init__(
            f"exec: {self.items:,} x true; xargs -P2 -n1; parallel "
            f"{self.parallel_items}", "/s", 1.5)
        self.files = files
        self.parallel = shutil.which("parallel")
        self.limit = Row(f"exec: {self.items:,} x true; a loop of vfork, exec "
                         "and wait in each of 2 processes", "/s", "")

    def rows(self, rounds):
        rows = super().rows(rounds)
        with failure_noted([self.limit]):
            need(self.limit.theirs_rounds, "no round came to its end")
            self.limit.finish()
        return rows + [self.limit]

    def one_round(self, row):
        super().one_round(row)
        self.limit.ours_rounds.append(row.ours_rounds[-1])
        self.limit.theirs_rounds.append(self._rate(
            [EXEC_LIMIT, str(WORKERS), str(self.items), shutil.which("true")],
            self.items))
        if self.parallel:
            # --will-cite: no notice, and no file that says it was read.
            row.executor_rounds.append(self._rate(
                [self.parallel, "--will-cite", f"-j{WORKERS}", "true"],
                self.parallel_items))

    def ours(self):
        return self._rate([PRUN, "exec", f"-j{WORKERS}", "true"], self.items)

    def theirs(self):
        return self._rate(["xargs", f"-P{WORKERS}", "-n1", "true"], self.items)

    def _rate(self, argv, items):
        names = self.files.path(f"exec.{items}")
        with open(names, "w", encoding="ascii") as file:
            file.writelines(f"{i}\n" for i in range(items))
        return items / run_timed(argv, names, os.devnull)


class Memory:
    """The peaks of prun and of its workers: each below the limit."""

    name = f"memory: seq {SEQ_END} into prun map noop"

    def rows(self, rounds):
        wanted = f"< {MEMORY_LIMIT_MIB} MiB"
        rows = [Row(f"{self.name}, {who}", "MiB", wanted)
                for who in ("parent", "largest worker")]
        with failure_noted(rows):
            for _ in range(rounds):
                for row, peak in zip(rows, measure_memory(SEQ_END)):
                    row.ours_rounds.append(peak)
            for row in rows:
                row.ours = max(row.ours_rounds)
                row.ratio = row.ours / MEMORY_LIMIT_MIB
                row.ok = row.ratio < 1
        return rows


class LongMemory:
    """The parent's peak over a hundred million tasks against a million: the
    same, so both below the limit; one round."""

    name = "memory-long: seq 100000000 into prun map noop, parent; 1000000"
    long = True
    most = 1.05

    def rows(self, _rounds):
        row = Row(self.name, "MiB",
                  f"<= {self.most} x, < {MEMORY_LIMIT_MIB} MiB")
        with failure_noted([row]):
            row.ours_rounds.append(measure_memory(100_000_000)[0])
            row.theirs_rounds.append(measure_memory(1_000_000)[0])
            row.finish(most=self.most)
            row.ok = row.ok and row.ours < MEMORY_LIMIT_MIB
        return [row]


class Journal:
    """Lines into prun map noop, with and without --journal; the same figures
    as a rate, of which a journal may take a third."""

    name = "journal: seq 1000000 | prun map noop, --journal; without"
    items = 1_000_000
    least = 0.67

    def __init__(self, files):
        self.files = files

    def rows(self, rounds):
        row = Row(self.name, "/s", f">= {self.least} x")
        with failure_noted([row]):
            for _ in range(rounds):
                row.ours_rounds.append(self._rate(journal=True))
                row.theirs_rounds.append(self._rate(journal=False))
            row.finish(least=self.least)
        return [row]

    def _rate(self, journal):
        argv = [PRUN, "map", f"-j{WORKERS}"]
        name = self.files.path("journal")
        if journal:
            argv += ["--journal", name]
        seconds = run_timed([*argv, "noop"], self._lines(), "/dev/null")
        if journal:
            self._check(name)
            os.unlink(name)
        return self.items / seconds

    def _lines(self):
        name = self.files.path("journal-items")
        if not os.path.exists(name):
            with open(name, "w", encoding="ascii") as file:
                file.writelines(f"{n}\n" for n in range(1, self.items + 1))
        return name

    def _check(self, name):
        log = subprocess.run([PRUN, "log", name], stdin=subprocess.DEVNULL,
                             capture_output=True, text=True, check=False)
        need(f"done:    {self.items}\n" in log.stdout,
             f"the journal tells {log.stdout}")


def benches(files):
    return [
        Exec(files),
        Memory(),
        LongMemory(),
        Journal(files),
    ]
