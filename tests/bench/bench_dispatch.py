# SPDX-License-Identifier: MIT
"""What dispatch costs.

  cpu         getrusage(RUSAGE_SELF) around the work of unordered and of map:
              the parent is what stops scaling. Of the Pool all threads count.
  width       the processor time of the parent and all workers for one task that
              sleeps, with 16, 64 and 256 workers against 2. Two cores cannot
              run so many workers, so the wall time would tell of the sleep;
              what is spent beside it is what a task costs. The tasks take so
              long (2 ms with 2 workers, 256 ms with 256, half more or less)
              that there are 1,000 a second whatever the width, and the cores
              have little to do. What the sleep itself costs is in all of them.
  makespan    5,000 sleeps, drawn from Pareto's distribution (shape 0.8, from
              0.1 ms to 1 s, 12.5 s in all: 6.2 s with two workers), unknown to
              the pool, by prun_map() with its own chunks; in the drawn order,
              ascending, and descending. Against the end that the same tasks,
              with the times that their results tell, would have had with each
              given to the worker that is free first, at no cost; and beside
              Python's Pool, once. All workers have PR_SET_TIMERSLACK 1. At
              most 3 rounds.
  respawn2    no-ops on two workers that are replaced after each, against a loop
              of fork, _exit and wait in a program as small.
  open-fork   a pool of two, made, closed, joined and freed, against two such
              children, both forked before the first is waited for.
  open-server the same with the fork server, against four: the server is forked
              twice, and forks two workers.
  argument,   64 MiB to a worker, or from one, against memcpy() into memory that
  result      is as new as a receiver's: page faults are in both.
"""

import os
import random
import sys

from bench_pool import PEER
from processes import HERE, POOL_BENCH, dispatch, run_json
from row import Row, failure_noted

PEER_MAKESPAN = os.path.join(HERE, "peer_makespan.py")


class ParentTime:
    """What a no-op task costs the caller's processor, ours and the Pool's."""

    name = "cpu: the parent's time for a no-op task"
    # how: (the bench of both, our tasks, theirs)
    calls = {
        "imap_unordered, chunksize 1": ("unordered", 500_000, 50_000),
        "map, default": ("map", 1_000_000, 1_000_000),
    }

    def rows(self, rounds):
        rows = []
        for how, (bench, ours, theirs) in self.calls.items():
            row = Row(f"{self.name}, {how}", "us", "")
            with failure_noted([row]):
                for _ in range(rounds):
                    row.ours_rounds.append(
                        self._us_each([POOL_BENCH, bench], ours))
                    row.theirs_rounds.append(
                        self._us_each([sys.executable, PEER, bench], theirs))
                row.finish(inverse=True)
            rows.append(row)
        return rows

    @staticmethod
    def _us_each(argv, tasks):
        return run_json(argv, tasks)["cpu_seconds"] * 1e6 / tasks


class Width:
    """What a task costs with many workers, against two."""

    name = "width: processor time of a task that sleeps"
    tasks = 2000
    widths = (16, 64, 256)
    base = 2
    most = 1.5

    def rows(self, rounds):
        rows = {width: Row(f"{self.name}, {width} workers; {self.base}", "us",
                           f"<= {self.most} x") for width in self.widths}
        with failure_noted(rows.values()):
            for _ in range(rounds):
                base = self._us_each(self.base)
                for width, row in rows.items():
                    row.ours_rounds.append(self._us_each(width))
                    row.theirs_rounds.append(base)
            for row in rows.values():
                row.finish(most=self.most)
        return list(rows.values())

    def _us_each(self, workers):
        answer = dispatch("width", workers, self.tasks)
        seconds = answer["cpu_seconds"] + answer["workers_cpu_seconds"]
        return seconds * 1e6 / self.tasks


class Makespan:
    """The end of tasks of very different lengths: ours against a schedule that
    costs nothing, and against the Pool."""

    name = "makespan: 5,000 skewed tasks"
    tasks = 5000
    shortest_ns, longest_ns = 100_000, 1_000_000_000
    shape = 0.8
    seed = 5
    widths = (2, 16)
    most = 1.03
    rounds_most = 3
    peers = {"map": "Pool.map", "unordered": "Pool.imap_unordered"}

    def __init__(self, files):
        self.files = files

    def rows(self, rounds):
        rows = []
        for order, durations in self._orders().items():
            name = self._write(order, durations)
            for workers in self.widths:
                rows += self._rows_of(f"{order}, {workers} workers", workers,
                                      name, min(rounds, self.rounds_most))
        return rows

    def _orders(self):
        chance = random.Random(self.seed)
        drawn = [self._pareto(chance.random()) for _ in range(self.tasks)]
        return {"shuffled": drawn, "ascending": sorted(drawn),
                "descending": sorted(drawn, reverse=True)}

    def _pareto(self, part):
        """Pareto's distribution, cut off at the longest, inverted."""
        cut = 1 - (self.shortest_ns / self.longest_ns) ** self.shape
        return int(self.shortest_ns / (1 - part * cut) ** (1 / self.shape))

    def _write(self, order, durations):
        name = self.files.path(f"makespan-{order}")
        with open(name, "w", encoding="ascii") as file:
            file.writelines(f"{duration}\n" for duration in durations)
        return name

    def _rows_of(self, what, workers, name, rounds):
        row = Row(f"{self.name}, {what}; a greedy schedule", "s",
                  f"<= {self.most} x")
        peers = {peer: Row(f"{self.name}, {what}; {title}", "s", "")
                 for peer, title in self.peers.items()}
        with failure_noted([row, *peers.values()]):
            for _ in range(rounds):
                answer = dispatch("makespan", workers, self.tasks, name)
                row.ours_rounds.append(answer["seconds"])
                row.theirs_rounds.append(answer["limit_seconds"])
            row.finish(most=self.most)
            for peer, peer_row in peers.items():
                peer_row.ours_rounds = row.ours_rounds[-1:]
                peer_row.theirs_rounds.append(self._peer(peer, workers, name))
                peer_row.finish(inverse=True)
        return [row, *peers.values()]

    def _peer(self, peer, workers, name):
        argv = [sys.executable, PEER_MAKESPAN, peer, str(workers)]
        return run_json(argv, self.tasks, name)["seconds"]


class Limited:
    """Ours takes at most `most` times as long as a limit, or however long when
    that is None. Each is a bench of dispatch_bench, its workers and its tasks,
    a figure is the time of one task."""

    def __init__(self, name, unit, most, ours, limit):
        self.name, self.unit, self.most = name, unit, most
        self.ours, self.limit = ours, limit

    def rows(self, rounds):
        wanted = f"<= {self.most} x" if self.most else ""
        row = Row(self.name, self.unit, wanted)
        with failure_noted([row]):
            for _ in range(rounds):
                row.ours_rounds.append(self._ms_each(*self.ours))
                row.theirs_rounds.append(self._ms_each(*self.limit))
            row.finish(most=self.most or float("inf"))
        return [row]

    @staticmethod
    def _ms_each(bench, workers, tasks):
        return dispatch(bench, workers, tasks)["seconds"] * 1000 / tasks


def benches(files):
    return [
        ParentTime(),
        Width(),
        Makespan(files),
        Limited("respawn2: maxtasksperchild 1, 2 workers; fork + _exit + wait",
                "ms each", 2, ("respawn", 2, 1000), ("children", 1, 2000)),
        Limited("open-fork: a pool of 2 opened and closed; 2 children", "ms",
                3, ("open_fork", 2, 300), ("children", 2, 600)),
        Limited("open-server: the same, forkserver; 4 children", "ms", 3,
                ("open_server", 2, 300), ("children", 4, 300)),
        Limited("argument: of 64 MiB; memcpy", "ms", None,
                ("argument", 2, 5), ("memcpy", 2, 5)),
        Limited("result: of 64 MiB; memcpy", "ms", None, ("result", 2, 5),
                ("memcpy", 2, 5)),
    ]
