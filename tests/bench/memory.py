# SPDX-License-Identifier: MIT
"""How much memory processes have taken at most."""

import subprocess
import time

from processes import PRUN, TIMEOUT_S, WORKERS, need, started, wait_for

SAMPLE_S = 0.005


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


def available_mib():
    with open("/proc/meminfo", encoding="ascii") as meminfo:
        for line in meminfo:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) >> 10
    return 0


def measure_memory(seq_end):
    feed = ["seq", str(seq_end)]
    with started(feed, stdout=subprocess.PIPE) as seq:
        peaks = peaks_of([PRUN, "map", f"-j{WORKERS}", "noop"],
                         stdin=seq.stdout, stdout=subprocess.DEVNULL)
        seq.stdout.close()
        wait_for(seq, feed)  # by SIGPIPE, had prun not read it all
    return peaks
