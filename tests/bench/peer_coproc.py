# SPDX-License-Identifier: MIT
"""Turn lines into upper case, in the ways that bench_coproc.py compares.

    python3 tests/bench/peer_coproc.py answer     a line for a line, as prun
                                                  coproc asks for them
    python3 tests/bench/peer_coproc.py one LINE   that line alone, as xargs
                                                  calls it
    python3 tests/bench/peer_coproc.py pool       by multiprocessing.Pool, one
                                                  task for each line
"""

import sys

WORKERS = 2


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


def main(arguments):
    if arguments == ["answer"]:
        answer()
    elif arguments == ["pool"]:
        pool()
    elif len(arguments) == 2 and arguments[0] == "one":
        sys.stdout.write(upper(arguments[1]) + "\n")  # one write
    else:
        sys.exit("usage: peer_coproc.py answer|pool|one LINE")


if __name__ == "__main__":
    main(sys.argv[1:])
