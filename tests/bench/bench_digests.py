# SPDX-License-Identifier: MIT
"""Digests of files, and the check of them.

  md5, sha    the wall time of the whole command, from its start to its end,
              with the list of the files as standard input and a file as
              standard output. The files are random, and in the page cache.
              "The best" is the fastest in that round of xargs -P2 -n1000 with
              md5sum, md5deep and rhash, as far as they are installed.
  md5-many    (long) besides, the peaks of memory, as for memory.
  md5-one     (long) a file of 4 GiB (a hole) in the middle of 1,000 small ones
              against md5sum of that file alone; how many times longer.
  tree        (long) the regular files below /usr, in find's order.
  tree-cold   (long) the same; the page cache is dropped before each run, which
              only root may do.
  check       as md5, of a list of digests; md5sum is a single process.
"""

import contextlib
import os
import shutil
import subprocess

from memory import peaks_of
from processes import PRUN, WORKERS, BenchError, need, run_timed
from row import Faster, Row, failure_noted


def digest_peers(digest, per_call, programs=None):
    """The commands that are there of xargs with md5sum and its like."""
    programs = programs or [[digest + "sum"]]
    return [["xargs", "-0", f"-P{WORKERS}", f"-n{per_call}", *program]
            for program in programs if shutil.which(program[0])]


BEST_OF = digest_peers("md5", 1000,
                       [["md5sum"], ["md5deep"], ["rhash", "--md5"]])


class Digest(Faster):
    """`prun map md5` over many files against the fastest of some peers; `files`
    gives the list, when it is first asked for."""

    def __init__(self, name, files, peers, wanted, digest="md5"):
        super().__init__(name, "s", wanted)
        self.files, self.peers, self.digest = files, peers, digest
        self.digests = None

    def ours(self):
        return self.seconds([PRUN, "map", "-0", f"-j{WORKERS}", self.digest])

    def theirs(self):
        return min(self.seconds(argv) for argv in self.peers)

    def listing(self):
        raise NotImplementedError

    def seconds(self, argv):
        names = self.listing()
        output = self.files.path("output")
        seconds = run_timed(argv, names, output)
        with open(names, "rb") as file:
            count = file.read().count(b"\0")
        with open(output, "rb") as file:
            lines = sorted(file)
        need(len(lines) == count, f"{len(lines)} digests by {argv[0]}")
        self.digests = self.digests or lines
        need(lines == self.digests, f"other digests by {argv[0]}")
        return seconds


class RandomDigest(Digest):
    """Random files of one size."""

    def __init__(self, name, files, count, size, peers, wanted, digest="md5"):
        super().__init__(name, files, peers, wanted, digest)
        self.count, self.size = count, size

    def listing(self):
        # Each size is made once, for whatever digest.
        return self.files.list_of(f"{self.count}x{self.size}", self.count,
                                  self.size)


class ManyDigest(RandomDigest):
    """So many that what is kept of each would show in the memory."""

    long = True
    limit_mib = 16

    def rows(self, rounds):
        rows = super().rows(rounds)
        peaks = [Row(f"{self.name.split(':')[0]}: peak of {who}", "MiB",
                     f"< {self.limit_mib} MiB")
                 for who in ("the parent", "the largest worker")]
        with failure_noted(peaks):
            for row, peak in zip(peaks, self._peaks()):
                row.ours_rounds.append(peak)
                row.ours = peak
                row.ratio = peak / self.limit_mib
                row.ok = row.ratio < 1
        return rows + peaks

    def _peaks(self):
        argv = [PRUN, "map", "-0", f"-j{WORKERS}", self.digest]
        with open(self.listing(), "rb") as names:
            return peaks_of(argv, stdin=names, stdout=subprocess.DEVNULL)


class OneDigest(Digest):
    """One large file among small ones: as long as that one alone."""

    long = True

    def __init__(self, name, files, count, size, large, most):
        super().__init__(name, files, [], None)
        self.count, self.size, self.large = count, size, large
        self.most = most

    def rows(self, rounds):
        row = Row(self.name, self.unit, f"<= {self.most:g} x")
        with failure_noted([row]):
            for _ in range(rounds):
                self.one_round(row)
            row.finish(most=self.most)
        return [row]

    def listing(self):
        return self._made()[0]

    def theirs(self):
        return run_timed(["md5sum", self._made()[1]], os.devnull, os.devnull)

    def _made(self):
        return self.files.one_among("among", self.count, self.size, self.large)


class TreeDigest(Digest):
    """The files of a system: of all lengths, in directories of all depths."""

    long = True
    top = "/usr"

    def __init__(self, name, files, peers, cold):
        super().__init__(name, files, peers, None)
        self.cold = cold

    def listing(self):
        return self.files.tree(self.top)

    def rows(self, rounds):
        if not self.cold:  # in the page cache, as far as that goes
            with contextlib.suppress(BenchError):
                self.seconds(self.peers[0])
        return super().rows(rounds)

    def seconds(self, argv):
        if self.cold:
            self.listing()
            os.sync()
            with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as f:
                f.write("3")
        return super().seconds(argv)


class Check(Faster):
    """`prun check` against `md5sum -c`, of the files of md5-small."""

    def __init__(self, name, files, count, size, wanted):
        super().__init__(name, "s", wanted)
        self.files, self.count, self.size = files, count, size
        self.sums = None

    def ours(self):
        return self._seconds([PRUN, "check", f"-j{WORKERS}"])

    def theirs(self):
        return self._seconds(["md5sum", "-c"])

    def _seconds(self, argv):
        names = self.files.list_of(f"{self.count}x{self.size}", self.count,
                                   self.size)
        if not self.sums:
            self.sums = self.files.path("sums")
            run_timed(["xargs", "-0", "md5sum"], names, self.sums)
        output = self.files.path("output")
        seconds = run_timed(argv, self.sums, output)
        with open(output, "rb") as lines, open(self.sums, "rb") as sums:
            wanted = [line.split(maxsplit=1)[1].rstrip() + b": OK\n"
                      for line in sums]
            need(list(lines) == wanted and len(wanted) == self.count,
                 f"other lines by {argv[0]}")
        return seconds


def benches(files):
    return [
        RandomDigest("md5-small: 20,000 files of 4 KiB; the best", files,
                     20_000, 4096, BEST_OF, 2.5),
        RandomDigest("md5-64: 64 files of 16 MiB; xargs -P2 -n1 md5sum", files,
                     64, 16 << 20, digest_peers("md5", 1), 4),
        RandomDigest("md5-large: 16 files of 64 MiB; xargs -P2 -n1 md5sum",
                     files, 16, 64 << 20, digest_peers("md5", 1), 3.5),
        RandomDigest("sha1-large: 16 files of 64 MiB; xargs -P2 -n1 sha1sum",
                     files, 16, 64 << 20, digest_peers("sha1", 1), 3, "sha1"),
        RandomDigest("sha256-large: 16 files of 64 MiB; "
                     "xargs -P2 -n1 sha256sum", files, 16, 64 << 20,
                     digest_peers("sha256", 1), 3, "sha256"),
        ManyDigest("md5-many: 400,000 files of 1 KiB; the best", files,
                   400_000, 1024, BEST_OF, 2.5),
        OneDigest("md5-one: 4 GiB among 1,000 files of 4 KiB; md5sum of it "
                  "alone", files, 1000, 4096, 4 << 30, 1.05),
        TreeDigest("tree: /usr; the best", files, BEST_OF, cold=False),
        TreeDigest("tree-cold: /usr, not in the page cache; "
                   "xargs -P2 -n1000 md5sum", files, BEST_OF[:1], cold=True),
        Check("check: 20,000 files of 4 KiB; md5sum -c", files, 20_000, 4096,
              2.5),
    ]
