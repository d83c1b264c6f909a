# SPDX-License-Identifier: MIT
"""The benches of pool_bench.c, done with Python's multiprocessing.Pool.

    python3 tests/bench/peer_pool.py BENCH [TASKS]

prints one line of JSON, as pool_bench does. Measured is the work alone: the
making of the Pool (two workers, started by fork) and one small warm-up come
before. The results are checked as far as that does not slow the loop, the rest
after the clock has stopped; a wrong one ends the program with status 1.
"""

import json
import multiprocessing
import sys
import threading
import time

WORKERS = 2
WARM_UP = 100
TASK_S = 0.001  # of one nap
CONSUME_EVERY = 500  # results of the imap bench ...
CONSUME_S = 0.1  # ... and the work after so many


def noop(_number):
    """Return None, as the C one returns nil."""


def nap(number):
    """Sleep, so that the cores stay free, and give back the argument."""
    time.sleep(TASK_S)
    return number


def need(good, what):
    if not good:
        sys.exit(f"{sys.argv[0]}: wrong: {what}")


def run_unordered(pool, tasks):
    count = 0
    start = time.perf_counter()
    for result in pool.imap_unordered(noop, range(tasks), chunksize=1):
        need(result is None, "a result")
        count += 1
    seconds = time.perf_counter() - start
    need(count == tasks, "the number of results")
    return seconds


def run_map(pool, tasks):
    start = time.perf_counter()
    results = pool.map(noop, range(tasks))
    seconds = time.perf_counter() - start
    need(results == [None] * tasks, "the results")
    return seconds


def run_map_async(pool, tasks):
    start = time.perf_counter()
    results = pool.map_async(noop, range(tasks)).get()
    seconds = time.perf_counter() - start
    need(results == [None] * tasks, "the results")
    return seconds


def run_imap_noop(pool, tasks):
    start = time.perf_counter()
    results = list(pool.imap(noop, range(tasks), chunksize=1))
    seconds = time.perf_counter() - start
    need(results == [None] * tasks, "the results")
    return seconds


def run_apply_async(pool, tasks):
    results = []
    all_called = threading.Event()

    def callback(result):
        results.append(result)
        if len(results) == tasks:
            all_called.set()

    start = time.perf_counter()
    for number in range(tasks):
        pool.apply_async(noop, (number,), callback=callback)
    all_called.wait()
    seconds = time.perf_counter() - start
    pool.close()
    pool.join()
    need(results == [None] * tasks, "the results")
    return seconds


def consume():
    end = time.perf_counter() + CONSUME_S
    while time.perf_counter() < end:
        pass


def run_imap(pool, tasks):
    results = []
    start = time.perf_counter()
    for result in pool.imap(nap, range(tasks)):
        results.append(result)
        if len(results) % CONSUME_EVERY == 0:
            consume()
    seconds = time.perf_counter() - start
    need(results == list(range(tasks)), "the results")
    return seconds


# name: (the function to measure, its default number of tasks, the warm-up)
BENCHES = {
    "unordered": (run_unordered, 50_000, noop),
    "map": (run_map, 1_000_000, noop),
    "map_async": (run_map_async, 20_000, noop),
    "imap_noop": (run_imap_noop, 20_000, noop),
    "apply_async": (run_apply_async, 20_000, noop),
    "imap": (run_imap, 2_000, nap),
}


def main(arguments):
    if not 1 <= len(arguments) <= 2 or arguments[0] not in BENCHES:
        sys.exit(f"usage: peer_pool.py {'|'.join(BENCHES)} [TASKS]")
    run, tasks, warm_up = BENCHES[arguments[0]]
    if len(arguments) > 1:
        tasks = int(arguments[1])
    with multiprocessing.get_context("fork").Pool(WORKERS) as pool:
        pool.map(warm_up, range(WARM_UP))
        cpu_before = time.process_time()  # of all threads of this process
        seconds = run(pool, tasks)
        cpu_seconds = time.process_time() - cpu_before
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds,
                      "tasks": tasks}))


if __name__ == "__main__":
    main(sys.argv[1:])
