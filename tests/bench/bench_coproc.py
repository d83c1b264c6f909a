# SPDX-License-Identifier: MIT
"""Items through programs that stay.

  coproc      items a second, by the wall time of the whole run with the start
              of the programs, which are peer_coproc.py. xargs gets fewer, as it
              starts a Python for each; the second peer is Python's Pool
              ("executor" in the table).
"""

import os
import sys

from processes import HERE, PRUN, WORKERS, need, run_timed
from row import Faster

PEER_COPROC = os.path.join(HERE, "peer_coproc.py")


class Coproc(Faster):
    """A Python program that answers lines."""

    items = 20_000
    xargs_items = 200

    def __init__(self, files):
        super().__init__(
            f"coproc: {self.items:,} x Python, a program that stays; xargs -P2 "
            f"-n1 python3 {self.xargs_items}; Pool.imap", "/s", 100)
        self.files = files

    def one_round(self, row):
        super().one_round(row)
        row.executor_rounds.append(
            self._rate([sys.executable, PEER_COPROC, "pool"], self.items))

    def ours(self):
        return self._rate([PRUN, "coproc", f"-j{WORKERS}", sys.executable,
                           PEER_COPROC, "answer"], self.items)

    def theirs(self):
        return self._rate(["xargs", f"-P{WORKERS}", "-n1", sys.executable,
                           PEER_COPROC, "one"], self.xargs_items)

    def _rate(self, argv, items):
        names = self.files.path(f"coproc.{items}")
        answers = self.files.path("coproc.answers")
        with open(names, "w", encoding="ascii") as file:
            file.writelines(f"item{i}\n" for i in range(items))
        seconds = run_timed(argv, names, answers)
        with open(answers, encoding="ascii") as file:
            got = sorted(file)
        need(got == sorted(f"ITEM{i}\n" for i in range(items)),
             f"wrong answers of {' '.join(argv)}")
        return items / seconds


def benches(files):
    return [Coproc(files)]
