# SPDX-License-Identifier: MIT
"""The benches of `prun coproc`, and what they run.

run.py calls benches() with what it has for that. As a program this file turns
lines into upper case, in the ways that are compared:

    python3 tests/bench/coproc.py answer     a line for a line, as coproc asks
    python3 tests/bench/coproc.py one LINE   that line alone, as xargs calls it
    python3 tests/bench/coproc.py pool       by multiprocessing.Pool, one task
                                             for each line
"""

import os
import sys

WORKERS = 2
ITEMS = 20_000
XARGS_ITEMS = 200
OURS = os.path.abspath(__file__)


def answer():
    for line in sys.stdin:
        sys.stdout.write(line.upper())
        sys.stdout.flush()


def upper(line):
    return line.upper()


def pool():
    import multiprocessing  # pylint: disable=import-outside-toplevel

    with multiprocessing.get_context("fork").Pool(WORKERS) as workers:
        sys.stdout.writelines(workers.imap(upper, sys.stdin, chunksize=1))


def benches(faster, failure, run_timed, prun, files):
    """`faster` is the class of a bench with a peer, `failure` what is raised
    when a result is wrong. The list of one bench."""

    class Coproc(faster):
        """Items a second by the wall time of the whole run, with the start of
        the programs. xargs gets fewer, as it starts a Python for each."""

        def __init__(self):
            super().__init__(
                f"coproc: {ITEMS:,} x Python, a program that stays; xargs -P2 "
                f"-n1 python3 {XARGS_ITEMS}; Pool.imap", "/s", 100)

        def one_round(self, row):
            super().one_round(row)
            row.executor_rounds.append(
                self._rate([sys.executable, OURS, "pool"], ITEMS))

        def ours(self):
            return self._rate([prun, "coproc", f"-j{WORKERS}", sys.executable,
                               OURS, "answer"], ITEMS)

        def theirs(self):
            return self._rate(["xargs", f"-P{WORKERS}", "-n1", sys.executable,
                               OURS, "one"], XARGS_ITEMS)

        def _rate(self, argv, items):
            names = files.path(f"coproc.{items}")
            answers = files.path("coproc.answers")
            with open(names, "w", encoding="ascii") as file:
                file.writelines(f"item{i}\n" for i in range(items))
            seconds = run_timed(argv, names, answers)
            with open(answers, encoding="ascii") as file:
                got = sorted(file)
            wrong = [*set(got).symmetric_difference(
                f"ITEM{i}\n" for i in range(items))]
            if wrong or len(got) != items:
                raise failure(f"wrong answers: {len(got)}, {wrong[:3]}: "
                              f"{' '.join(argv)}")
            return items / seconds

    return [Coproc()]


def main(arguments):
    if arguments == ["answer"]:
        answer()
    elif arguments == ["pool"]:
        pool()
    elif len(arguments) == 2 and arguments[0] == "one":
        sys.stdout.write(upper(arguments[1]) + "\n")  # one write
    else:
        sys.exit("usage: coproc.py answer|pool|one LINE")


if __name__ == "__main__":
    main(sys.argv[1:])
