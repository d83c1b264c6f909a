# SPDX-License-Identifier: MIT
"""Journals that no run has written: journal_made.py NAME

A program may write what it likes into a file whose checks are right. Ends with
status 77 where there is no libxxhash to compute them.
"""

import ctypes
import struct
import sys

SEED = 1
RUN = b"map\0noop\0"

try:
    XXH3 = ctypes.CDLL("libxxhash.so.0").XXH3_64bits_withSeed
except OSError:
    sys.exit(77)
XXH3.restype = ctypes.c_uint64
XXH3.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]


def check(data):
    return struct.pack("<I", XXH3(data, len(data), SEED) & 0xffffffff)


def record(kind, number=0, key=0, start=0, seconds=0., body=b""):
    head = struct.pack("<cBHQQIf", kind, 0xa7, number, key, 0, start, seconds)
    if kind in b"RFM":
        head += struct.pack("<I", len(body))
        return check(head) + head + check(body) + body
    return check(head) + head


def many_runs():
    """Of 64 workers."""
    for n in range(3000):
        yield record(b"R", body=RUN)
        yield from (record(b"D", w, n * 64 + w, 0, .5) for w in range(64))
        yield record(b"E", seconds=1)


def seldom():
    """Items of twenty minutes."""
    yield record(b"R", body=RUN)
    yield from (record(b"D", 0, n, n * 3000000, 1200) for n in range(40))
    yield record(b"E", seconds=120000)


def no_times():
    yield record(b"R", body=RUN)
    for n, seconds in enumerate((float("nan"), float("inf"), -1, 2)):
        yield record(b"D", 0, n, 1, seconds)
    yield record(b"E", seconds=float("nan"))


def words_without_an_end():
    """What is behind a command is none of its words."""
    yield record(b"R", body=b"map\0" + b"A" * 64 + b"\0")
    yield record(b"R", body=b"map\0--retries")
    yield record(b"F", 0, 1, 0, 1, struct.pack("<I", 1) + b"xy")


head = b"prun journal 1\n\n" + struct.pack("<Q", SEED)
head += struct.pack("<Q", XXH3(head, len(head), 0))
sys.stdout.buffer.write(head + b"".join(globals()[sys.argv[1]]()))
