# SPDX-License-Identifier: MIT
"""The pool against Python's.

  The pool    pool_bench.c against peer_pool.py: the work alone, without the
              making of the pool and a warm-up. Tasks a second where the wanted
              is a multiple, else seconds. Some have a second peer, Python's
              ProcessPoolExecutor (peer_executor.py), with a ratio of its own;
              "wanted" is said of the first. Where a peer is slow it gets fewer
              tasks, as the name says, so that no round takes long.
  respawn     from one result to the next of a single worker that is replaced
              after each task, so the time to end one worker and to start the
              next: with the start method forkserver (ours) against fork (in
              the place of theirs). Both of a small caller and of one that took
              2 GiB, all touched, in pages of 4 KiB, when the pool was open
              already: what it held before, the server would hold as well. It
              writes nothing to them meanwhile.
  roundtrip   the median and the 99th percentile of 20,000 prun_apply(), one
              after the other, against those of a bare ping-pong of 32 bytes
              over a socketpair with poll.
  imap        each task sleeps 1 ms, in both, so that the cores stay free; the
              consumer is busy for 100 ms after every 500 results.
"""

import os
import sys

from memory import available_mib
from processes import HERE, POOL_BENCH, need, run_json
from row import Faster, Row, failure_noted

PEER = os.path.join(HERE, "peer_pool.py")
EXECUTOR = os.path.join(HERE, "peer_executor.py")
LARGE_NEEDS_MIB = 3 << 10  # free, for a caller of 2 GiB and its page tables


class Pool(Faster):
    """A bench of pool_bench and of peer_pool.py; and, if it is said how many
    tasks are for it, of peer_executor.py."""

    def __init__(self, name, unit, least, tasks, *, program=None,
                 peer_tasks=None, executor_tasks=None):
        super().__init__(name, unit, least)
        self.program = program or name.split(":")[0]
        self.tasks = tasks
        self.peer_tasks = peer_tasks or tasks
        self.executor_tasks = executor_tasks

    def one_round(self, row):
        super().one_round(row)
        if self.executor_tasks:
            row.executor_rounds.append(self.executor())

    def ours(self):
        return self._figure([POOL_BENCH, self.program], self.tasks)

    def theirs(self):
        return self._figure([sys.executable, PEER, self.program],
                            self.peer_tasks)

    def executor(self):
        # It imports the other peer: -B, so that no file is left beside it.
        return self._figure([sys.executable, "-B", EXECUTOR, self.program],
                            self.executor_tasks)

    def _figure(self, argv, tasks):
        seconds = run_json(argv, tasks)["seconds"]
        return tasks / seconds if self.unit == "/s" else seconds


class RoundTrip:
    """One apply against the bare ping-pong. The median has a goal; the 99th
    percentile, which tells of the machine as much, is stated."""

    name = "roundtrip: 20,000 x one apply"
    tasks = 20_000
    most = 1.3

    def rows(self, rounds):
        median = Row(f"{self.name}, median; a bare ping-pong", "us",
                     f"<= {self.most} x")
        p99 = Row(f"{self.name}, 99th percentile; a bare ping-pong", "us", "")
        with failure_noted([median, p99]):
            for _ in range(rounds):
                ours = run_json([POOL_BENCH, "roundtrip"], self.tasks)
                theirs = run_json([POOL_BENCH, "pingpong"], self.tasks)
                for row, key in ((median, "median_ns"), (p99, "p99_ns")):
                    row.ours_rounds.append(ours[key] / 1000)
                    row.theirs_rounds.append(theirs[key] / 1000)
            median.finish(most=self.most)
            p99.finish()
        return [median, p99]


class Respawn:
    """A worker anew for each task: by the fork server against by the caller,
    which is small or large."""

    name = "respawn: one worker anew"
    # caller: (the suffix of the programs, tasks of forkserver, of fork)
    callers = {
        "a small caller": ("", 1000, 1000),
        "a caller of 2 GiB": ("_large", 500, 15),
    }

    def rows(self, rounds):
        rows = []
        for caller, (suffix, ours, theirs) in self.callers.items():
            row = Row(f"{self.name}, {caller}: forkserver; fork", "ms each", "")
            with failure_noted([row]):
                for _ in range(rounds):
                    row.ours_rounds.append(
                        self._ms_each(f"respawn_server{suffix}", ours))
                    row.theirs_rounds.append(
                        self._ms_each(f"respawn_fork{suffix}", theirs))
                row.finish(inverse=True)
            rows.append(row)
        return rows

    def _ms_each(self, program, tasks):
        if program.endswith("_large"):
            need(available_mib() >= LARGE_NEEDS_MIB,
                 f"less than {LARGE_NEEDS_MIB} MiB of memory are free")
        return run_json([POOL_BENCH, program], tasks)["seconds"] * 1000 / tasks


def benches(_files):
    return [
        Pool("unordered: no-op tasks, imap_unordered, chunksize 1", "/s", 100,
             500_000, peer_tasks=50_000),
        Pool("map: 1,000,000 no-op tasks, map", "/s", 2.5, 1_000_000),
        Pool("apply_async: 20,000 with callback; executor 10,000", "/s", 100,
             20_000, executor_tasks=10_000),
        Pool("imap_noop: 20,000 no-op tasks, imap, chunksize 1; "
             "executor 10,000", "/s", 50, 20_000, executor_tasks=10_000),
        Pool("map_async: 20,000 no-op tasks, map_async", "/s", 1, 20_000,
             executor_tasks=20_000),
        Pool("map_403k: 403,365 no-op tasks, map", "/s", 1.5, 403_365,
             program="map", executor_tasks=403_365),
        Respawn(),
        RoundTrip(),
        Pool("imap: 2,000 tasks of 1 ms, a slow consumer", "s", 1, 2_000),
    ]
