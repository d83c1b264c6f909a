# SPDX-License-Identifier: MIT
"""Processes that are measured: where the programs are, how they are run."""

import contextlib
import json
import os
import select
import signal
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PRUN = os.path.abspath(
    os.environ.get("PRUN") or os.path.join(ROOT, "build", "prun"))
POOL_BENCH = os.path.join(os.path.dirname(PRUN), "bench", "pool_bench")
EXEC_LIMIT = os.path.join(os.path.dirname(PRUN), "bench", "exec_limit")
DISPATCH_BENCH = os.path.join(os.path.dirname(PRUN), "bench",
                              "dispatch_bench")

TIMEOUT_S = 300  # of one run
WORKERS = 2


class BenchError(Exception):
    """A bench did not run, or its result is wrong."""


def need(good, what):
    if not good:
        raise BenchError(what)


@contextlib.contextmanager
def started(argv, **options):
    """A process in a group of its own, which is killed if it is left early."""
    options.setdefault("stdin", subprocess.DEVNULL)
    try:
        process = subprocess.Popen(argv, start_new_session=True, **options)
    except OSError as error:
        raise BenchError(f"{argv[0]}: {error.strerror}") from error
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(process, argv):
    need(ends_in_time(process), f"no end after {TIMEOUT_S} s: {' '.join(argv)}")
    need(process.returncode == 0,
         f"status {process.returncode}: {' '.join(argv)}")


def ends_in_time(process):
    """Wait, and wake at once: Popen.wait(timeout) looks every 50 ms only."""
    if process.poll() is None:
        pidfd = os.pidfd_open(process.pid)
        try:
            select.select([pidfd], [], [], TIMEOUT_S)
        finally:
            os.close(pidfd)
    return process.poll() is not None


def run_timed(argv, stdin_name, stdout_name):
    """The wall time in seconds of a command from one file to another."""
    with open(stdin_name, "rb") as stdin, open(stdout_name, "wb") as stdout:
        start = time.perf_counter()
        with started(argv, stdin=stdin, stdout=stdout) as process:
            wait_for(process, argv)
            return time.perf_counter() - start


def run_json(argv, tasks, *more):
    """What a bench program says about so many tasks."""
    argv = [*argv, str(tasks), *more]
    with started(argv, stdout=subprocess.PIPE, text=True) as process:
        wait_for(process, argv)
        answer = json.loads(process.stdout.read())
    need(answer["tasks"] == tasks, f"another number of tasks: {answer}")
    return answer


def dispatch(bench, workers, tasks, *more):
    return run_json([DISPATCH_BENCH, bench, str(workers)], tasks, *more)


def first_line(argv):
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{argv[0]}: {error}"
    return (done.stdout.splitlines() or ["?"])[0]
