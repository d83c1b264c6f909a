# SPDX-License-Identifier: MIT
"""Benches of pool_bench.c, done with concurrent.futures.ProcessPoolExecutor.

    python3 tests/bench/peer_executor.py BENCH [TASKS]

is to the executor what peer_pool.py is to the Pool. The executor has one map,
with chunks of one task unless told otherwise: that is `imap_noop`. For `map`
and `map_async` it is told the chunks that Pool.map would make.
"""

import concurrent.futures
import json
import multiprocessing
import sys
import threading
import time

from peer_pool import WARM_UP, WORKERS, need, noop


def run_apply_async(executor, tasks):
    results = []
    all_called = threading.Event()

    def callback(future):
        # Of a failure the executor would only log what result() raises.
        results.append(future.exception() or future.result())
        if len(results) == tasks:
            all_called.set()

    start = time.perf_counter()
    for number in range(tasks):
        executor.submit(noop, number).add_done_callback(callback)
    all_called.wait()
    seconds = time.perf_counter() - start
    executor.shutdown()
    need(results == [None] * tasks, "the results")
    return seconds


def timed_map(executor, tasks, chunksize):
    start = time.perf_counter()
    results = list(executor.map(noop, range(tasks), chunksize=chunksize))
    seconds = time.perf_counter() - start
    need(results == [None] * tasks, "the results")
    return seconds


def run_imap_noop(executor, tasks):
    return timed_map(executor, tasks, 1)


def run_map(executor, tasks):
    return timed_map(executor, tasks, -(-tasks // (4 * WORKERS)))


# name: (the function to measure, its default number of tasks)
BENCHES = {
    "apply_async": (run_apply_async, 10_000),
    "imap_noop": (run_imap_noop, 10_000),
    "map_async": (run_map, 20_000),
    "map": (run_map, 1_000_000),
}


def main(arguments):
    if not 1 <= len(arguments) <= 2 or arguments[0] not in BENCHES:
        sys.exit(f"usage: peer_executor.py {'|'.join(BENCHES)} [TASKS]")
    run, tasks = BENCHES[arguments[0]]
    if len(arguments) > 1:
        tasks = int(arguments[1])
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(
            WORKERS, mp_context=context) as executor:
        list(executor.map(noop, range(WARM_UP)))
        seconds = run(executor, tasks)
    print(json.dumps({"seconds": seconds, "tasks": tasks}))


if __name__ == "__main__":
    main(sys.argv[1:])
