# SPDX-License-Identifier: MIT
"""Measure libprun and prun against their peers, and print one table.

    python3 tests/bench/run.py [BENCH...]

runs all benches but the long ones, or those named (by the first word of their
line; "long" is all the long ones). Each is run BENCH_ROUNDS times (default 5),
ours and the peers by turns (ours, theirs, ours, theirs ...), each in a process
of its own; a figure is the median of its rounds. All have two workers. What
each does is said in the file that has it: bench_*.py.

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

import os
import signal
import sys

import bench_commands
import bench_coproc
import bench_digests
import bench_dispatch
import bench_pool
from files import Files
from table import machine_facts, table, write_json

BENCHES = (bench_pool, bench_digests, bench_commands, bench_coproc,
           bench_dispatch)


def all_benches(files):
    return [bench for room in BENCHES for bench in room.benches(files)]


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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
