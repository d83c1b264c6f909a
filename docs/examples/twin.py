#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What python_twin.c does, with multiprocessing.Pool: twin.py FILE.

The two print the same lines.
"""
import multiprocessing
import os
import sys


def square(n):
    return n * n


def divide(a, b):
    if b == 0:
        raise ValueError(f"{a} divided by 0")
    return a // b


def words(line):
    return len(line.split())


def wait_for_word(_):
    """Ends when the parent has written a byte to the pipe."""
    return os.read(gate[0], 1).decode()


def lines(name):
    with open(name, "rb") as file:
        yield from file


def numbers(values):
    return " ".join(str(value) for value in values)


def main():
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print("map:", numbers(pool.map(square, range(10))))
        print("starmap:", numbers(pool.starmap(divide, [(60, 3), (60, 4), (60, 5)])))

        counts = list(pool.imap_unordered(words, lines(sys.argv[1])))
        print("imap_unordered:", len(counts), "lines,", sum(counts), "words,", max(counts, default=0), "at the most")

        for b in (7, 0):
            job = pool.apply_async(
                divide, (42, b),
                callback=lambda value: print("callback:", value),
                error_callback=lambda error: print("error_callback:", error))
            job.wait()
            print("successful:", job.successful())

        job = pool.apply_async(wait_for_word, (None,))
        try:
            print("get:", job.get(timeout=0.05))
        except multiprocessing.TimeoutError:
            print("get: timed out, ready:", job.ready())
        os.write(gate[1], b"!")
        print("get:", job.get(timeout=60))

        try:
            pool.starmap(divide, [(1, 1), (2, 0), (3, 1)])
        except ValueError as error:
            print("failed:", error)
        try:
            print("get:", pool.apply_async(divide, (5, 0)).get())
        except ValueError as error:
            print("get failed:", error)

        print("imap:", numbers(pool.imap(square, range(3, 0, -1))))
        pool.close()
        pool.join()
        try:
            pool.apply(square, (1,))
        except ValueError:
            print("apply: the pool is closed")


gate = os.pipe()
if __name__ == "__main__":
    main()
