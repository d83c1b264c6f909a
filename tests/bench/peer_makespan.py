# SPDX-License-Identifier: MIT
"""The makespan bench of dispatch_bench.c, done with multiprocessing.Pool.

    python3 tests/bench/peer_makespan.py map|unordered WORKERS TASKS DURATIONS

sleeps for the nanoseconds in the lines of the file DURATIONS, a task each, by
Pool.map with its default chunks or by Pool.imap_unordered with chunks of one,
and prints one line of JSON as peer_pool.py does.
"""

import ctypes
import json
import multiprocessing
import sys
import time

WARM_UP_EACH = 4  # tasks of each worker
WARM_UP_S = 0.002
PR_SET_TIMERSLACK = 29


def wake_in_time():
    """Else a sleep takes up to 50 us longer than it is told to."""
    if ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1) != 0:
        raise OSError("prctl")


def nap(seconds):
    time.sleep(seconds)
    return seconds


def run_map(pool, durations):
    return pool.map(nap, durations)


def run_unordered(pool, durations):
    return list(pool.imap_unordered(nap, durations, chunksize=1))


RUNS = {"map": run_map, "unordered": run_unordered}


def main(arguments):
    if len(arguments) != 4 or arguments[0] not in RUNS:
        sys.exit(f"usage: peer_makespan.py {'|'.join(RUNS)} "
                 "WORKERS TASKS DURATIONS")
    workers, tasks = int(arguments[1]), int(arguments[2])
    with open(arguments[3], encoding="ascii") as file:
        durations = [int(line) / 1e9 for line in file][:tasks]
    with multiprocessing.get_context("fork").Pool(workers,
                                                  wake_in_time) as pool:
        pool.map(nap, [WARM_UP_S] * (WARM_UP_EACH * workers), chunksize=1)
        start = time.perf_counter()
        results = RUNS[arguments[0]](pool, durations)
        seconds = time.perf_counter() - start
    if sorted(results) != sorted(durations):
        sys.exit("peer_makespan.py: wrong: the results")
    print(json.dumps({"seconds": seconds, "tasks": len(durations)}))


if __name__ == "__main__":
    main(sys.argv[1:])
