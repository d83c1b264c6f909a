#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Journals that were cut, damaged, or meet another input, against a model.

    journal_model.py PRUN SEED

Works in the current directory, and prints "passed". The items are names of
files, those of which that are there are done well, the others fail.
"""
import collections
import os
import random
import struct
import subprocess
import sys

PRUN, SEED = sys.argv[1], int(sys.argv[2])
HEAD, BARE, BODY = 32, 32, 40
ROUNDS = 60
chance = random.Random(SEED)


def need(good, what):
    if not good:
        sys.exit(f"journal_model.py: seed {SEED}: {what}")


def run(journal, items, *options):
    """The exit status, the items that were done, those that failed, and what
    else was said."""
    argv = [PRUN, "map", "-0", "-z", "--journal", journal, *options, "crc32"]
    done = subprocess.run(argv, input=b"".join(i + b"\0" for i in items),
                          capture_output=True, timeout=60, check=False)
    well = [line.split(b"  ", 1)[1] for line in done.stdout.split(b"\0")[:-1]]
    badly, said = [], []
    for line in done.stderr.splitlines():
        name = line[len(b"prun: "):].split(b": ")
        if name[-1] == b"No such file or directory":
            badly.append(name[0])
        else:
            said.append(line.decode())
    return done.returncode, well, badly, said


def records(data):
    """Where each record ends, by the sizes in the file; and its kind."""
    at, found = HEAD, []
    while at < len(data):
        kind = chr(data[at + 4])
        size = BARE
        if kind in "RFM":
            size = BODY + struct.unpack_from("<I", data, at + 32)[0]
        found.append((kind, at, at + size))
        at += size
    need(at == len(data), "the journal of a run ends within a record")
    return found


def touch(names):
    for name in names:
        with open(name, "wb"):
            pass


def first_journal():
    """One of four that are done and two that fail, one after the other."""
    touch([b"f0", b"f1", b"f2", b"f3"])
    items = [b"f0", b"g0", b"f1", b"f0", b"g1", b"f3"]
    code, well, badly, said = run("model", items, "-j1")
    need((code, well, badly, said) ==
         (1, [b"f0", b"f1", b"f0", b"f3"], [b"g0", b"g1"], []),
         "the first run")
    with open("model", "rb") as file:
        data = file.read()
    kinds = "".join(kind for kind, _, _ in records(data))
    # Before those that are done, for they are among the slowest.
    need(kinds == "RMDFMDMDFMDE", f"its records are {kinds}")
    return items, data


def write(data):
    with open("cut", "wb") as file:
        file.write(data)


def check_rest(items, lost, where, damaged):
    """Those whose records are lost run, and those that have failed; after that
    only these."""
    want = [i for n, i in enumerate(items)
            if i.startswith(b"f") and n in lost]
    code, well, badly, said = run("cut", items, "--resume", "-j1")
    need(code == 1 and well == want and badly == [b"g0", b"g1"],
         f"{where}: {code} {well} {badly} {said}, not {want}")
    need(bool(said) == damaged, f"{where}: it said {said}")
    need(not said or "damaged" in said[0], f"{where}: it said {said}")
    code, well, badly, _ = run("cut", items, "--resume", "--start-method",
                               "inline")
    need(code == 1 and not well and badly == [b"g0", b"g1"],
         f"{where}, once more: {code} {well} {badly}")


def check_cuts(items, data):
    """The journal ends after each of its bytes in turn."""
    ends = [end for kind, _, end in records(data) if kind in "DF"]
    for size in range(len(data) + 1):
        write(data[:size])
        lost = [n for n, end in enumerate(ends) if end > size]
        check_rest(items, lost, f"cut at {size}", False)


def check_damage(items, data):
    """A byte is another one, or some are missing, or there are more."""
    all_of_them = records(data)
    last = all_of_them[-1][1]
    for at in range(HEAD, last, 3):
        kind, begin, _ = next(r for r in all_of_them if r[1] <= at < r[2])
        garbage = bytes([data[at] ^ 1 << chance.randrange(8)])
        more = chance.choice([1, 1, 0, 5])
        garbage += chance.randbytes(more) if more > 1 else b""
        write(data[:at] + (garbage if more else b"") + data[at + 1:])
        if kind == "R":
            code, well, badly, said = run("cut", items, "--resume")
            need((code, well, badly) == (2, [], []) and "damaged" in said[0],
                 f"damage of the command at {at}: {code} {well} {said}")
            continue
        if kind == "M":
            check_rest(items, [], f"damage at {at}", True)
            continue
        place = [r[1] for r in all_of_them if r[0] in "DF"].index(begin)
        check_rest(items, [place], f"damage at {at}", True)


def edited(items, names):
    """Another input: some are gone, some are new, some are elsewhere."""
    items = [i for i in items if chance.random() < 0.8]
    for _ in range(chance.randrange(4)):
        items.insert(chance.randrange(len(items) + 1), chance.choice(names))
    if chance.random() < 0.3:
        chance.shuffle(items)
    return items


def check_edits():
    """What runs is what the model says, run after run of one journal."""
    names = [b"n%d" % n for n in range(12)] + [b"a b", b"new\nline", b"\xff"]
    fared, items = {}, [chance.choice(names) for _ in range(10)]
    for number in range(ROUNDS):
        there = {n for n in names if chance.random() < 0.5}
        for name in names:
            if os.path.exists(name):
                os.unlink(name)
        touch(there)
        items = edited(items, names)
        retry = number > 0 and chance.random() < 0.3
        before, keys = collections.Counter(), []
        for item in items:
            key = (item, before[item])
            before[item] += 1
            if fared.get(key) == "F" if retry else fared.get(key) != "D":
                keys.append(key)
        options = ["--retry-failed" if retry else "--resume", "-q",
                   chance.choice(["-j1", "-j2"])]
        order = chance.random() < 0.5
        if not order:
            options.append("--unordered")
        _, well, _, said = run("edits", items, *options)
        want = [item for item, _ in keys if item in there]
        same = well == want if order else sorted(well) == sorted(want)
        need(same and not said,
             f"round {number}, {options}: {well}, not {want}; {said}")
        for key in keys:
            fared[key] = "D" if key[0] in there else "F"
        check_failed(number, [k[0] for k, how in fared.items() if how == "F"])


def check_failed(number, want):
    log = subprocess.run([PRUN, "log", "--failed", "-z", "edits"],
                         capture_output=True, timeout=60, check=False)
    failed = log.stdout.split(b"\0")[:-1]
    need(log.returncode == 0 and sorted(failed) == sorted(want),
         f"round {number}: failed are {failed}, not {want}")


ITEMS, DATA = first_journal()
check_edits()
check_damage(ITEMS, DATA)
check_cuts(ITEMS, DATA)
print("passed")
