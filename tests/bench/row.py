# SPDX-License-Identifier: MIT
"""A line of the table, and the benches in which more is better."""

import contextlib
import dataclasses
import statistics

from processes import BenchError


@dataclasses.dataclass
class Row:
    """A line of the table; the rounds hold the figures before the median."""

    name: str
    unit: str
    wanted: str
    ours_rounds: list = dataclasses.field(default_factory=list)
    theirs_rounds: list = dataclasses.field(default_factory=list)
    ours: float = None
    theirs: float = None
    ratio: float = None
    ok: bool = None
    error: str = None
    executor_rounds: list = dataclasses.field(default_factory=list)
    executor: float = None
    executor_ratio: float = None

    def finish(self, least=0.0, most=float("inf"), inverse=False):
        """The medians. That of the ratio is taken over the rounds too: what
        else runs on the machine meets both of a round, more or less."""
        self.ours = statistics.median(self.ours_rounds)
        self.theirs = statistics.median(self.theirs_rounds)
        self.ratio = self._ratio_to(self.theirs_rounds, inverse)
        if self.executor_rounds:
            self.executor = statistics.median(self.executor_rounds)
            self.executor_ratio = self._ratio_to(self.executor_rounds, inverse)
        if self.wanted:
            self.ok = least <= self.ratio <= most

    def _ratio_to(self, peer_rounds, inverse):
        ratios = [ours / peer
                  for ours, peer in zip(self.ours_rounds, peer_rounds)]
        if inverse:
            ratios = [1 / ratio for ratio in ratios]
        return statistics.median(ratios)


@contextlib.contextmanager
def failure_noted(rows):
    try:
        yield
    except (BenchError, OSError, ValueError, KeyError) as error:
        for row in rows:
            row.error = str(error) or type(error).__name__


class Faster:
    """Ours is at least `least` times as fast as the peer; ours() and theirs()
    each do one round and give a figure in `unit`."""

    def __init__(self, name, unit, least):
        self.name, self.unit, self.least = name, unit, least

    def rows(self, rounds):
        row = Row(self.name, self.unit,
                  f">= {self.least:g} x" if self.least else "")
        with failure_noted([row]):
            for _ in range(rounds):
                self.one_round(row)
            row.finish(least=self.least, inverse=self.unit != "/s")
        return [row]

    def one_round(self, row):
        row.ours_rounds.append(self.ours())
        row.theirs_rounds.append(self.theirs())

    def ours(self):
        raise NotImplementedError

    def theirs(self):
        raise NotImplementedError
