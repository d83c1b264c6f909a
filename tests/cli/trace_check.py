# SPDX-License-Identifier: MIT
"""A trace against the format: trace_check.py FILE [cut]

What trace.h promises of every event, and a line of what there is. With "cut"
the end of the file is missing, as prun leaves it when it is killed.
"""

import base64
import collections
import decimal
import json
import sys


def load(name, cut):
    text = open(name, encoding="utf-8").read()
    if cut:
        assert not text.endswith("]\n"), "it is whole"
        lines = text.split("\n")
        if not lines[-1].endswith("}"):
            lines.pop()
        text = "\n".join(lines).rstrip(",\n") + "]"
    return json.loads(text, parse_float=decimal.Decimal)


def check_bar(event):
    assert event["cat"] in ("done", "failed"), event
    assert event["dur"] >= 0, event
    args = event["args"]
    assert args["index"] >= 1 and args["attempt"] >= 1, event
    assert args["worker"] >= 0 and args["pid"] > 0, event
    check_args(args, event["cat"] == "failed")


def check_args(args, failed):
    names = [name for name in args if name.startswith("item")]
    assert len(names) == 1, args
    assert names[0] in ("item", "item_b64", "item_msgpack_b64"), args
    if names[0] != "item":
        base64.b64decode(args[names[0]], validate=True)
    assert (args["status"] == "ok") == (not failed), args
    assert (args["error"] is None) == (not failed), args


def check_event(event, named):
    for key in ("ph", "pid", "tid", "name"):
        assert key in event, event
    assert isinstance(event["pid"], int) and isinstance(event["tid"], int)
    assert event["pid"] > 0 and event["tid"] > 0, event
    if event["ph"] == "M":
        (value,) = event["args"].values()
        assert event["name"] in (
            "process_name", "thread_name", "thread_sort_index"), event
        assert isinstance(value, int if "sort" in event["name"] else str)
        if event["name"] == "thread_name":
            assert event["tid"] not in named, event
            named[event["tid"]] = value
        return
    assert event["tid"] in named, event
    assert event["ts"] >= 0, event
    if event["ph"] == "X":
        check_bar(event)
        where = "worker %d" % event["args"]["worker"]
        assert named[event["tid"]].split(",")[0] == where, event
    else:
        assert event["ph"] == "i" and event["s"] in "tg", event


def check_rows(bars):
    rows = collections.defaultdict(list)
    for bar in bars:
        rows[bar["tid"]].append(bar)
    for row in rows.values():
        row.sort(key=lambda bar: (bar["ts"], bar["dur"]))
        for one, two in zip(row, row[1:]):
            assert one["ts"] + one["dur"] <= two["ts"], (one, two)


def main():
    events = load(sys.argv[1], len(sys.argv) > 2)
    named = {}
    for event in events:
        check_event(event, named)
    assert len({event["pid"] for event in events}) == 1
    assert events[0]["name"] == "process_name"
    bars = [event for event in events if event["ph"] == "X"]
    check_rows(bars)
    indices = [bar["args"]["index"] for bar in bars]
    assert len(set(indices)) == len(indices), "an item has two bars"
    kinds = collections.Counter(bar["cat"] for bar in bars)
    for event in events:
        if event["ph"] == "i" and event["s"] == "t":
            if event["name"] == "not run":
                check_args(event["args"], True)
            kinds[event["name"].rstrip("0123456789").strip()] += 1
        elif event["ph"] == "i":
            kinds["end: " + event["name"]] += 1
            assert event is events[-1], "something behind the end"
            assert event["args"]["done"] >= kinds["done"], event
            assert event["args"]["failed"] >= kinds["failed"], event
    print(", ".join("%s %d" % kind for kind in sorted(kinds.items())))


main()
