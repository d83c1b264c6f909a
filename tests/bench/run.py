# SPDX-License-Identifier: MIT
"""Measure libprun and prun against their peers, and print one table.

    python3 tests/bench/run.py [BENCH...]

runs all benches but the long ones, or those named (by the first word of their
line; "long" is all the long ones). Each is run BENCH_ROUNDS times (default 5), ours and the peers by turns (ours, theirs,
ours, theirs ...), each in a process of its own; a figure is the median of its
rounds. All have two workers.

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
  exec        commands a second, by the wall time of the whole run, with the
              list of items as standard input; the second peer is GNU parallel
              ("executor" in the table), where it is installed, with fewer items
              as it is slow.
  coproc      items a second, as exec; the second peer is Python's Pool.
  memory      VmHWM of prun, and of the largest of its workers, sampled every 5
              ms while it runs: the largest of the rounds.

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
  journal     a million lines into prun map noop from a file, with --journal and
              (in the place of theirs) without it.
  memory-long (long) the parent's VmHWM for a hundred million tasks against that for
              one million, once.

Those that are long run when they are named, or all of them by the name "long".

The ratio says how many times faster ours is; against a limit (roundtrip, width,
makespan's schedule, and what follows it), how many times as much it takes. It
is the median of the ratios of the single rounds, so it may differ a little from
that of the two figures. For memory it says which part of the limit is used. In
the JSON the second peer's are executor, executor_rounds and executor_ratio:
null or empty where there is none.

Results are checked: counts, sums, order, equal lists of digests. The exit
status is 1 if a bench failed to run or gave a wrong result, and never tells of
a timing. Environment: PRUN (default build/prun; the C programs are looked for
in bench/ beside it), BENCH_ROUNDS, BENCH_JSON (a file for the same table as
JSON), TMPDIR (default /var/tmp: 2.3 GB, removed at the end; with the long ones
4 GB, and 5 GB of memory for the page cache).
"""

import contextlib
import dataclasses
import json
import os
import platform
import random
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import coproc

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PRUN = os.path.abspath(
    os.environ.get("PRUN") or os.path.join(ROOT, "build", "prun"))
POOL_BENCH = os.path.join(os.path.dirname(PRUN), "bench", "pool_bench")
DISPATCH_BENCH = os.path.join(os.path.dirname(PRUN), "bench",
                              "dispatch_bench")
PEER = os.path.join(HERE, "peer_pool.py")
PEER_MAKESPAN = os.path.join(HERE, "peer_makespan.py")
EXECUTOR = os.path.join(HERE, "peer_executor.py")

TIMEOUT_S = 300  # of one run
SAMPLE_S = 0.005
WORKERS = 2
SEQ_END = 10_000_000
MEMORY_LIMIT_MIB = 8
LARGE_NEEDS_MIB = 3 << 10  # free, for a caller of 2 GiB and its page tables


class BenchError(Exception):
    """A bench did not run, or its result is wrong."""


def need(good, what):
    if not good:
        raise BenchError(what)


# ------------------------------------------------------------------ processes


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


def first_line(argv):
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{argv[0]}: {error}"
    return (done.stdout.splitlines() or ["?"])[0]


# ---------------------------------------------------------------------- files


class Files:
    """Random files and a NUL-terminated list of them, made when first asked
    for, in a temporary directory that remove() removes."""

    def __init__(self):
        self.directory = None
        self.lists = {}

    def path(self, name):
        if not self.directory:
            parent = os.environ.get("TMPDIR") or "/var/tmp"
            self.directory = tempfile.mkdtemp(prefix="prun-bench.", dir=parent)
        return os.path.join(self.directory, name)

    def list_of(self, name, count, size):
        """The list of `count` files of `size` bytes; they are cached."""
        if name not in self.lists:
            self.lists[name] = self._make(name, count, size)
        return self.lists[name]

    def _make(self, name, count, size):
        os.mkdir(self.path(name))
        paths = [os.path.join(self.path(name), f"{i:05d}")
                 for i in range(count)]
        for path in paths:
            with open(path, "wb") as file:
                file.write(os.urandom(size))
        os.sync()  # so that no write-back disturbs what is measured
        for path in paths:
            with open(path, "rb") as file:
                while file.read(1 << 20):
                    pass
        return self._write_list(name, [os.fsencode(path) for path in paths])

    def one_among(self, name, count, size, large):
        """That list with one of `large` bytes in its middle; the large one."""
        path = self.path(f"{name}.large")
        if f"{name}+" not in self.lists:
            with open(path, "wb") as file:
                file.truncate(large)
            with open(path, "rb") as file:
                while file.read(1 << 20):
                    pass
            with open(self.list_of(name, count, size), "rb") as file:
                paths = file.read().split(b"\0")[:-1]
            paths.insert(count // 2, os.fsencode(path))
            self.lists[f"{name}+"] = self._write_list(f"{name}+", paths)
        return self.lists[f"{name}+"], path

    def tree(self, top):
        """The list of the regular files below a directory, as find has them;
        without names that are written differently by each of the peers."""
        if top not in self.lists:
            argv = ["find", top, "-type", "f", "-readable",
                    "!", "-path", r"*\\*", "!", "-path", "*\n*", "-print0"]
            found = subprocess.run(argv, stdin=subprocess.DEVNULL,
                                   capture_output=True, check=False).stdout
            self.lists[top] = self._write_list("tree", found.split(b"\0")[:-1])
        return self.lists[top]

    def _write_list(self, name, paths):
        with open(self.path(f"{name}.list"), "wb") as file:
            file.writelines(path + b"\0" for path in paths)
        return file.name

    def remove(self):
        if self.directory:
            shutil.rmtree(self.directory)


# --------------------------------------------------------------------- memory


def peak_kib(pid):
    """The high-water mark of a process; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1])
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


def children_of(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [int(word) for word in f.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def sample_until_end(process):
    """The peaks in KiB of a process, and of each of its children by pid."""
    parent, workers = 0, {}
    deadline = time.monotonic() + TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        parent = max(parent, peak_kib(process.pid))
        for pid in children_of(process.pid):
            workers[pid] = max(workers.get(pid, 0), peak_kib(pid))
        time.sleep(SAMPLE_S)
    return parent, workers


def peaks_of(argv, **options):
    """One run: the peaks in MiB of prun and of its largest worker."""
    with started(argv, **options) as process:
        parent, workers = sample_until_end(process)
        wait_for(process, argv)
    need(parent > 0 and len(workers) >= WORKERS,
         f"prun and {WORKERS} workers were not all seen")
    return parent / 1024, max(workers.values()) / 1024


def measure_memory(seq_end):
    feed = ["seq", str(seq_end)]
    with started(feed, stdout=subprocess.PIPE) as seq:
        peaks = peaks_of([PRUN, "map", f"-j{WORKERS}", "noop"],
                         stdin=seq.stdout, stdout=subprocess.DEVNULL)
        seq.stdout.close()
        wait_for(seq, feed)  # by SIGPIPE, had prun not read it all
    return peaks


# -------------------------------------------------------------------- benches


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


class Exec(Faster):
    """`prun exec true` against xargs, and against GNU parallel if there is
    one."""

    items = 2_000
    parallel_items = 200

    def __init__(self, files):
        super().__init__(
            f"exec: {self.items:,} x true; xargs -P2 -n1; parallel "
            f"{self.parallel_items}", "/s", 1.5)
        self.files = files
        self.parallel = shutil.which("parallel")

    def one_round(self, row):
        super().one_round(row)
        if self.parallel:
            # --will-cite: no notice, and no file that says it was read.
            row.executor_rounds.append(self._rate(
                [self.parallel, "--will-cite", f"-j{WORKERS}", "true"],
                self.parallel_items))

    def ours(self):
        return self._rate([PRUN, "exec", f"-j{WORKERS}", "true"], self.items)

    def theirs(self):
        return self._rate(["xargs", f"-P{WORKERS}", "-n1", "true"], self.items)

    def _rate(self, argv, items):
        names = self.files.path(f"exec.{items}")
        with open(names, "w", encoding="ascii") as file:
            file.writelines(f"{i}\n" for i in range(items))
        return items / run_timed(argv, names, os.devnull)


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


def available_mib():
    with open("/proc/meminfo", encoding="ascii") as meminfo:
        for line in meminfo:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) >> 10
    return 0


class Memory:
    """The peaks of prun and of its workers: each below the limit."""

    name = f"memory: seq {SEQ_END} into prun map noop"

    def rows(self, rounds):
        wanted = f"< {MEMORY_LIMIT_MIB} MiB"
        rows = [Row(f"{self.name}, {who}", "MiB", wanted)
                for who in ("parent", "largest worker")]
        with failure_noted(rows):
            for _ in range(rounds):
                for row, peak in zip(rows, measure_memory(SEQ_END)):
                    row.ours_rounds.append(peak)
            for row in rows:
                row.ours = max(row.ours_rounds)
                row.ratio = row.ours / MEMORY_LIMIT_MIB
                row.ok = row.ratio < 1
        return rows


@contextlib.contextmanager
def failure_noted(rows):
    try:
        yield
    except (BenchError, OSError, ValueError, KeyError) as error:
        for row in rows:
            row.error = str(error) or type(error).__name__


# ------------------------------------------------------------------- dispatch


def dispatch(bench, workers, tasks, *more):
    return run_json([DISPATCH_BENCH, bench, str(workers)], tasks, *more)


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


class LongMemory:
    """The parent's peak over a hundred million tasks against a million: the
    same, so both below the limit; one round."""

    name = "memory-long: seq 100000000 into prun map noop, parent; 1000000"
    long = True
    most = 1.05

    def rows(self, _rounds):
        row = Row(self.name, "MiB",
                  f"<= {self.most} x, < {MEMORY_LIMIT_MIB} MiB")
        with failure_noted([row]):
            row.ours_rounds.append(measure_memory(100_000_000)[0])
            row.theirs_rounds.append(measure_memory(1_000_000)[0])
            row.finish(most=self.most)
            row.ok = row.ok and row.ours < MEMORY_LIMIT_MIB
        return [row]


class Journal:
    """Lines into prun map noop, with and without --journal; the same figures
    as a rate, of which a journal may take a third."""

    name = "journal: seq 1000000 | prun map noop, --journal; without"
    items = 1_000_000
    least = 0.67

    def __init__(self, files):
        self.files = files

    def rows(self, rounds):
        row = Row(self.name, "/s", f">= {self.least} x")
        with failure_noted([row]):
            for _ in range(rounds):
                row.ours_rounds.append(self._rate(journal=True))
                row.theirs_rounds.append(self._rate(journal=False))
            row.finish(least=self.least)
        return [row]

    def _rate(self, journal):
        argv = [PRUN, "map", f"-j{WORKERS}"]
        name = self.files.path("journal")
        if journal:
            argv += ["--journal", name]
        seconds = run_timed([*argv, "noop"], self._lines(), "/dev/null")
        if journal:
            self._check(name)
            os.unlink(name)
        return self.items / seconds

    def _lines(self):
        name = self.files.path("journal-items")
        if not os.path.exists(name):
            with open(name, "w", encoding="ascii") as file:
                file.writelines(f"{n}\n" for n in range(1, self.items + 1))
        return name

    def _check(self, name):
        log = subprocess.run([PRUN, "log", name], stdin=subprocess.DEVNULL,
                             capture_output=True, text=True, check=False)
        need(f"done:    {self.items}\n" in log.stdout,
             f"the journal tells {log.stdout}")


def dispatch_benches(files):
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
        LongMemory(),
    ]


def all_benches(files):
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
        Exec(files),
        Memory(),
        *dispatch_benches(files),
        Journal(files),
        *coproc.benches(Faster, BenchError, run_timed, PRUN, files),
    ]


# ------------------------------------------------------------------ the table


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as cpuinfo:
        for line in cpuinfo:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def machine_facts():
    return {
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "load": f"{os.getloadavg()[0]:.2f} (1 minute, before)",
        "python": platform.python_version(),
        "md5sum": first_line(["md5sum", "--version"]),
        "prun": first_line([PRUN, "--version"]),
    }


def figure(value, unit):
    if value is None:
        return "-"
    if unit == "/s":
        return f"{value:,.0f}/s"
    if unit == "ms each":
        return f"{value:.3g} ms, {1000 / value:,.0f}/s"
    return f"{value:.3g} {unit}" if value < 1000 else f"{value:,.0f} {unit}"


def times(ratio):
    return "-" if ratio is None else f"{ratio:.2f}"


def cells(row):
    if row.error:
        ok = "failed"
    elif row.ok is None:
        ok = "-"
    else:
        ok = "yes" if row.ok else "no"
    return [row.name, figure(row.ours, row.unit), figure(row.theirs, row.unit),
            times(row.ratio), figure(row.executor, row.unit),
            times(row.executor_ratio), row.wanted or "-", ok]


def table(rows):
    lines = [["name", "ours", "theirs", "ratio", "executor", "ratio", "wanted",
              "ok"]]
    lines += [cells(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines)]
    lines.insert(1, ["-" * width for width in widths])
    texts = []
    for line in lines:
        padded = [cell.rjust(width) if 0 < i < 6 else cell.ljust(width)
                  for i, (cell, width) in enumerate(zip(line, widths))]
        texts.append("| " + " | ".join(padded) + " |")
    return "\n".join(texts)


def write_json(name, facts, rounds, rows):
    report = {"machine": facts, "rounds": rounds,
              "benches": [dataclasses.asdict(row) for row in rows]}
    with open(name, "w", encoding="utf-8") as file:
        json.dump(report, file, indent=2)
        file.write("\n")


# ----------------------------------------------------------------------- main


def is_long(bench):
    return getattr(bench, "long", False)


def chosen(benches, names):
    if not names:
        return [bench for bench in benches if not is_long(bench)]
    keys = {bench.name.split(":")[0]: bench for bench in benches}
    wanted = {name.split(":")[0] for name in names}
    unknown = wanted - set(keys) - {"long"}
    if unknown:
        sys.exit(f"run.py: no bench {unknown.pop()}; there are: "
                 f"{' '.join(keys)} long")
    return [bench for key, bench in keys.items()
            if key in wanted or ("long" in wanted and is_long(bench))]


def rounds_wanted():
    text = os.environ.get("BENCH_ROUNDS") or "5"
    if not text.isdecimal() or int(text) == 0:
        sys.exit(f"run.py: BENCH_ROUNDS is not a number above 0: {text}")
    return int(text)


def run_all(names, rounds):
    files = Files()
    rows = []
    try:
        for bench in chosen(all_benches(files), names):
            print(f"running {bench.name}", file=sys.stderr, flush=True)
            rows += bench.rows(rounds)
    finally:
        files.remove()
    return rows


def main(names):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    rounds = rounds_wanted()
    facts = machine_facts()
    for key, value in facts.items():
        print(f"{key + ':':8} {value}")
    print(f"{'rounds:':8} {rounds}, medians", flush=True)
    rows = run_all(names, rounds)
    print("\n" + table(rows))
    for row in rows:
        if row.error:
            print(f"failed: {row.name}: {row.error}")
    if os.environ.get("BENCH_JSON"):
        write_json(os.environ["BENCH_JSON"], facts, rounds, rows)
    return 1 if any(row.error for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
