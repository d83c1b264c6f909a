# SPDX-License-Identifier: MIT
"""Measure libprun and prun against their peers, and print one table.

    python3 tests/bench/run.py [BENCH...]

runs all benches, or those named (by the first word of their line). Each is
run BENCH_ROUNDS times (default 5), ours and the peers by turns (ours, theirs,
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
  roundtrip   the median of 20,000 prun_apply(), one after the other, against
              that of a bare ping-pong of 32 bytes over a socketpair with poll.
  imap        each task sleeps 1 ms, in both, so that the cores stay free; the
              consumer is busy for 100 ms after every 500 results.
  md5         the wall time of the whole command, from its start to its end,
              with the list of the files as standard input and a file as
              standard output. The files are random, and in the page cache.
  exec        commands a second, by the wall time of the whole run, with the
              list of items as standard input; the second peer is GNU parallel
              ("executor" in the table), where it is installed, with fewer items
              as it is slow.
  memory      VmHWM of prun, and of the largest of its workers, sampled every 5
              ms while it runs: the largest of the rounds.

The ratio says how many times faster ours is; for roundtrip, how many times
longer it takes. It is the median of the ratios of the single rounds, so it may
differ a little from that of the two figures. For memory it says which part of
the limit is used. In the JSON the second peer's are executor, executor_rounds
and executor_ratio: null or empty where there is none.

Results are checked: counts, sums, order, equal lists of digests. The exit
status is 1 if a bench failed to run or gave a wrong result, and never tells of
a timing. Environment: PRUN (default build/prun; pool_bench is looked for in
bench/ beside it), BENCH_ROUNDS, BENCH_JSON (a file for the same table as JSON),
TMPDIR (default /var/tmp: 1.2 GB, removed at the end).
"""

import contextlib
import dataclasses
import json
import os
import platform
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PRUN = os.path.abspath(
    os.environ.get("PRUN") or os.path.join(ROOT, "build", "prun"))
POOL_BENCH = os.path.join(os.path.dirname(PRUN), "bench", "pool_bench")
PEER = os.path.join(HERE, "peer_pool.py")
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


def run_json(argv, tasks):
    """What a bench program says about so many tasks."""
    argv = [*argv, str(tasks)]
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
        with open(self.path(f"{name}.list"), "wb") as file:
            file.writelines(os.fsencode(path) + b"\0" for path in paths)
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


def measure_memory():
    """One run: the peaks in MiB of prun and of its largest worker."""
    argv = [PRUN, "map", f"-j{WORKERS}", "noop"]
    feed = ["seq", str(SEQ_END)]
    with started(feed, stdout=subprocess.PIPE) as seq, \
            started(argv, stdin=seq.stdout,
                    stdout=subprocess.DEVNULL) as process:
        seq.stdout.close()
        parent, workers = sample_until_end(process)
        wait_for(process, argv)
        wait_for(seq, feed)  # by SIGPIPE, had prun not read it all
    need(parent > 0 and len(workers) >= WORKERS,
         f"prun and {WORKERS} workers were not all seen")
    return parent / 1024, max(workers.values()) / 1024


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
        row = Row(self.name, self.unit, f">= {self.least:g} x")
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


class Digest(Faster):
    """`prun map md5` against md5sum under xargs, over many files."""

    def __init__(self, name, files, count, size, per_call, wanted,
                 digest="md5"):
        super().__init__(name, "s", wanted)
        self.digest = digest
        self.files, self.count, self.size = files, count, size
        self.per_call = per_call
        self.digests = None

    def ours(self):
        return self._seconds([PRUN, "map", "-0", f"-j{WORKERS}", self.digest])

    def theirs(self):
        return self._seconds(["xargs", "-0", f"-P{WORKERS}",
                              f"-n{self.per_call}", self.digest + "sum"])

    def _seconds(self, argv):
        # Part of the name up to the colon, so that the two do not share files.
        names = self.files.list_of(self.name.split(":")[0], self.count,
                                   self.size)
        output = self.files.path("output")
        seconds = run_timed(argv, names, output)
        with open(output, "rb") as file:
            lines = sorted(file)
        need(len(lines) == self.count, f"{len(lines)} digests by {argv[0]}")
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


class RoundTrip:
    """One apply against the bare ping-pong: at most twice as long."""

    name = "roundtrip: 20,000 x one apply, median; a bare ping-pong"
    tasks = 20_000

    def rows(self, rounds):
        row = Row(self.name, "us", "<= 2 x")
        with failure_noted([row]):
            for _ in range(rounds):
                row.ours_rounds.append(self._median_us("roundtrip"))
                row.theirs_rounds.append(self._median_us("pingpong"))
            row.finish(most=2)
        return [row]

    def _median_us(self, program):
        return run_json([POOL_BENCH, program], self.tasks)["median_ns"] / 1000


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
                for row, peak in zip(rows, measure_memory()):
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


def all_benches(files):
    return [
        Pool("unordered: no-op tasks, imap_unordered, chunksize 1", "/s", 40,
             500_000, peer_tasks=50_000),
        Pool("map: 1,000,000 no-op tasks, map", "/s", 1.5, 1_000_000),
        Pool("apply_async: 20,000 with callback; executor 10,000", "/s", 50,
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
        Digest("md5-small: 20,000 files of 4 KiB; xargs -P2 -n1000 md5sum",
               files, 20_000, 4096, 1000, 2.5),
        Digest("md5-64: 64 files of 16 MiB; xargs -P2 -n1 md5sum", files,
               64, 16 << 20, 1, 4),
        Digest("md5-large: 16 files of 64 MiB; xargs -P2 -n1 md5sum", files,
               16, 64 << 20, 1, 3.5),
        Digest("sha256-large: 16 files of 64 MiB; xargs -P2 -n1 sha256sum",
               files, 16, 64 << 20, 1, 1, "sha256"),
        Exec(files),
        Memory(),
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


def chosen(benches, names):
    if not names:
        return benches
    keys = {bench.name.split(":")[0]: bench for bench in benches}
    unknown = [name for name in names if name.split(":")[0] not in keys]
    if unknown:
        sys.exit(f"run.py: no bench {unknown[0]}; there are: {' '.join(keys)}")
    wanted = {name.split(":")[0] for name in names}
    return [bench for key, bench in keys.items() if key in wanted]


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
