# SPDX-License-Identifier: MIT
"""How many words each file has, for prun coproc:

    prun coproc --tag python3 count_words.py ::: *.txt

A line is the name of a file, and so is an answer: one line for each, written out
at once. A file that cannot be read has an answer, too; to end instead would make
prun start this program anew.
"""

import sys

for name in sys.stdin:
    try:
        with open(name.rstrip("\n"), "rb") as file:
            answer = len(file.read().split())
    except OSError as error:
        answer = error.strerror
    print(answer, flush=True)
