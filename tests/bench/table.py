# SPDX-License-Identifier: MIT
"""What is printed, and written as JSON."""

import dataclasses
import json
import os
import platform

from processes import PRUN, first_line


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
