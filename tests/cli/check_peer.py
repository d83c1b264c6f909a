#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compare `prun check` with md5sum -c and its kin on sum files of every form.

    check_peer.py [SEED]

Makes files in the current folder, then sum files of them, first by hand, then
at random, and compares standard output, standard error and the exit status
under all combinations of options. What may differ on standard error: the name
of the program, and how a name is quoted (the names are compared as a shell
would read them). Results go to the file RESULTS, as those of lib.sh.
"""

import concurrent.futures
import hashlib
import itertools
import os
import random
import re
import subprocess
import sys

PRUN = os.environ["PRUN"]
CASE = os.environ["CASE"]
RESULTS = open(os.environ["RESULTS"], "a", encoding="utf-8")
SHOWN_MAX = 4096  # of a name in a message of prun's
SEED = int(sys.argv[1]) if len(sys.argv) > 1 else random.randrange(1 << 32)
RANDOM_FILES = 150

# The programs of a comparison mostly wait for their starts and ends.
POOL = concurrent.futures.ThreadPoolExecutor(4)
STARTED = []

SUMS = {"md5sum": ("md5", b"MD5"), "sha1sum": ("sha1", b"SHA1"),
        "sha224sum": ("sha224", b"SHA224"),
        "sha256sum": ("sha256", b"SHA256"),
        "sha384sum": ("sha384", b"SHA384"),
        "sha512sum": ("sha512", b"SHA512"),
        "b2sum": ("blake2b512", b"BLAKE2b")}

REPORTS = [[], ["-w"], ["--quiet"], ["--status"]]
OTHERS = [[], ["--strict"], ["--ignore-missing"],
          ["--strict", "--ignore-missing"]]
ORDERS = [["-w", "--quiet"], ["--quiet", "--warn"], ["--status", "-w"],
          ["-w", "--status"], ["--status", "--quiet"]]
ALL = [r + o for r in REPORTS for o in OTHERS] + ORDERS
SOME = [[], ["-w"], ["--strict", "--quiet"], ["--status", "--strict"],
        ["--ignore-missing", "-w", "--strict"]]

CONTENTS = {
    b"a": b"a\n", b"b c": b"b\n", b"empty": b"", b" lead": b"lead",
    b"  two": b"two", b"*star": b"star", b"*": b"one star", b" ": b"a blank",
    b"back\\slash": b"b", b"new\nline": b"n", b"cr\rname": b"c",
    b"all\\\n\r": b"all", b"end\r": b"end", b"paren)": b"p",
    b"x) = y": b"q", b"(": b"(", b"\xc3\xa9": b"e", b"\xff\xfe": b"f",
    b"tab\t": b"t", b"#hash": b"#", b"-dash": b"-", b"long" * 60: b"l",
    b"it's": b"i", b"$HOME;`x`": b"$", b"large": b"0123456789abcdef" * 70000,
}


# -------------------------------------------------------------- the sum files


def digest(tool, name, content=None):
    content = CONTENTS.get(name, b"missing") if content is None else content
    algorithm = SUMS[tool][0]
    new = hashlib.blake2b if algorithm == "blake2b512" else \
        getattr(hashlib, algorithm)
    return new(content).hexdigest().encode()


def escaped(name):
    return name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n") \
        .replace(b"\r", b"\\r")


def plain(tool, name, separator=b"  ", content=None):
    """As md5sum writes it."""
    mark = b"\\" if escaped(name) != name else b""
    return mark + digest(tool, name, content) + separator + escaped(name)


def tagged(tool, name, form=b"%s (%s) = %s", content=None):
    mark = b"\\" if escaped(name) != name else b""
    return mark + form % (SUMS[tool][1], escaped(name),
                          digest(tool, name, content))


def lines(*all_lines, end=b"\n"):
    return b"".join(line + end for line in all_lines)


OPENSSL = b"%s(%s)= %s"


def sum_files(tool):
    """By name: what each holds, and which options to try."""
    every = list(CONTENTS)
    hexes = digest(tool, b"a")
    short = [b"a", b"empty", b"b c"]
    files = {
        "two-blanks": (lines(*(plain(tool, n) for n in every)), ALL),
        "star": (lines(*(plain(tool, n, b" *") for n in every)), SOME),
        "one-blank": (lines(*(plain(tool, n, b" ") for n in every
                              if n[:1] not in (b" ", b"*"))), SOME),
        "one-then-two": (lines(plain(tool, b"a", b" "),
                               plain(tool, b"lead", b"  "),
                               plain(tool, b"star", b" *"),
                               plain(tool, b"a", b"\t")), ALL),
        "two-then-one": (lines(plain(tool, b"a"), plain(tool, b"a", b" "),
                               plain(tool, b"empty", b" *"),
                               plain(tool, b" ", b"  "),
                               hexes + b"  "), ALL),
        "one-character": (lines(hexes + b"  ", hexes + b" *", hexes + b" a",
                                hexes + b" ", hexes), ALL),
        "bsd": (lines(*(tagged(tool, n) for n in every)), SOME),
        "openssl": (lines(*(tagged(tool, n, OPENSSL) for n in every)), SOME),
        "upper": (lines(*(plain(tool, n, content=None).split(b"  ")[0].upper()
                          + b"  " + n for n in short)), SOME),
        "crlf": (lines(*(plain(tool, n) for n in short), b"", b"# c", b"bad",
                       tagged(tool, b"a"), plain(tool, b"end\r"),
                       end=b"\r\n"), ALL),
        "comments": (lines(b"# one", b"", b"#", plain(tool, b"a"), b" #", b"",
                           b"#" + plain(tool, b"b c")), ALL),
        "bad": (lines(b"bad", plain(tool, b"a"), b"bad", hexes[:-1] + b"  a",
                      hexes + b"0  a", hexes + b"a", b"x" * 32 + b"  a",
                      b"  ", b"\t", plain(tool, b"gone"), b"\x01\x02\xff",
                      tagged(tool, b"a") + b" ", tagged(tool, b"a", b"%s %s%s"),
                      tagged(tool, b"a", b"%s (%s %s"),
                      tagged(tool, b"a", b"%s  (%s) = %s"),
                      tagged(tool, b"a", b"%s (%s) %s")), ALL),
        "one-bad": (lines(b"bad", plain(tool, b"a")), ALL),
        "all-bad": (lines(b"bad", b"worse"), ALL),
        "wrong": (lines(plain(tool, b"a", content=b"x"), plain(tool, b"empty"),
                        plain(tool, b"new\nline", content=b"x"),
                        plain(tool, b"cr\rname", content=b"x"),
                        plain(tool, b"all\\\n\r", content=b"x"),
                        tagged(tool, b"b c", content=b"x")), ALL),
        "one-wrong": (lines(plain(tool, b"a", content=b"x")), ALL),
        "all-wrong": (lines(plain(tool, b"a", content=b"x"),
                            plain(tool, b"empty", content=b"x")), SOME),
        "missing": (lines(plain(tool, b"a"), plain(tool, b"gone"),
                          plain(tool, b"gone\nfar"), plain(tool, b"a/b"),
                          plain(tool, b"folder"), plain(tool, b"loop"),
                          plain(tool, b"dangling"), plain(tool, b"shut"),
                          plain(tool, b"x" * 300), plain(tool, b"y" * 5000),
                          tagged(tool, b"")), ALL),
        "one-missing": (lines(plain(tool, b"gone")), ALL),
        "all-missing": (lines(plain(tool, b"gone"), tagged(tool, b"gone2")),
                        ALL),
        "missing-and-wrong": (lines(plain(tool, b"gone"),
                                    plain(tool, b"a", content=b"x")), ALL),
        "mixed": (lines(plain(tool, b"a"), plain(tool, b"a", content=b"x"),
                        b"bad", plain(tool, b"gone"), tagged(tool, b"empty"),
                        b"bad", b"bad", plain(tool, b"folder"), b"bad"), ALL),
        "escapes": (lines(b"\\" + hexes + b"  a", b"\\" + hexes + b"  a\\",
                          b"\\" + hexes + b"  a\\t", b"\\" + hexes + b"  \\\\n",
                          b"\\\\" + hexes + b"  a", b" \\" + hexes + b"  a",
                          b"\\ " + hexes + b"  a", hexes + b"  back\\slash",
                          b"\\" + tagged(tool, b"a"),
                          b"\\" + tagged(tool, b"a\\"),
                          b"\\" + hexes + b"  a\rb"), ALL),
        "blanks": (lines(b" " + plain(tool, b"a"), b"\t \t" + tagged(tool, b"a"),
                         plain(tool, b"a", b"\t "), plain(tool, b"a", b"\t*"),
                         plain(tool, b"a "), tagged(tool, b"a", b"%s (%s)=%s"),
                         tagged(tool, b"a", b"%s(%s) \t= \t%s")), ALL),
        "nuls": (lines(hexes + b"  a\0b", b"\\" + hexes + b"  a\0b", b"\0",
                       b"\0" + hexes + b"  a", hexes + b"\0  a",
                       hexes + b"  \0", hexes + b" \0a",
                       tagged(tool, b"a\0b"), tagged(tool, b"a") + b"\0c",
                       tagged(tool, b"a") + b"\0)"), ALL),
        "no-last-newline": (lines(plain(tool, b"empty")) + plain(tool, b"a"),
                            SOME),
        "no-last-newline-bad": (lines(plain(tool, b"empty")) + b"bad", SOME),
        "no-last-newline-cr": (plain(tool, b"a") + b"\r", SOME),
        "empty-file": (b"", ALL),
        "only-newlines": (b"\n\n\r\n", SOME),
        "junk": (random.Random(7).randbytes(20000), SOME),
        "dashes": (lines(plain(tool, b"-dash"), plain(tool, b"-", content=b"x"),
                         plain(tool, b"a")), ALL),
        "many": (lines(*(plain(tool, random.Random(i).choice(every))
                         for i in range(3000))), SOME),
        "other-digest": (lines(b"0" * 50 + b"  a", b"MD4 (a) = " + hexes,
                               b"SHA1 (a) = " + hexes[:-1], plain(tool, b"a")),
                         SOME),
    }
    for name, (content, _) in files.items():
        with open(f"../{tool}.{name}", "wb") as file:
            file.write(content)
    return files


def random_line(rng, tool):
    """A line that is good, or nearly."""
    name = rng.choice(list(CONTENTS) + [b"gone", b"folder"])
    kind = rng.randrange(8)
    if kind < 3:
        line = plain(tool, name, rng.choice([b"  ", b"  ", b" *", b" "]))
    elif kind < 5:
        line = tagged(tool, name, rng.choice([OPENSSL, b"%s (%s) = %s"]))
    elif kind == 5:
        line = plain(tool, name, content=b"other")
    elif kind == 6:
        line = digest(tool, name) + b"  " + name
    else:
        line = rng.choice([b"", b"#", b"junk", b"# " + name])
    line = bytearray(line)
    for _ in range(rng.choice([0, 0, 0, 1, 2])):
        at = rng.randrange(len(line) + 1)
        what = rng.choice(b" \t\\\r\n\0)(=*#ag0\xff")
        if rng.randrange(2):
            line.insert(at, what)
        elif at < len(line):
            line[at] = what
    return bytes(line)


# ----------------------------------------------------------------- comparing


def shell_word(text):
    """What stands first in it, as a shell reads it, and the rest."""
    word, at = b"", 0
    while at < len(text):
        if text[at:at + 1] in (b"'", b'"'):
            end = text.index(text[at:at + 1], at + 1)
            word += text[at + 1:end]
            at = end + 1
        elif text.startswith(b"$'", at):
            end = text.index(b"'", at + 2)
            word += text[at + 2:end].decode("latin-1") \
                .encode("latin-1").decode("unicode_escape").encode("latin-1")
            at = end + 1
        elif text.startswith(b"\\'", at):
            word += b"'"
            at += 2
        else:
            break
    return word, text[at:]


def message(line):
    """A line of standard error, without the program and the quotes."""
    program, _, text = line.partition(b": ")
    if text[:1] in (b"'", b'"') or text.startswith(b"$'"):
        name, rest = shell_word(text)
    elif b": " in text:
        name, rest = text.rsplit(b": ", 1)
        rest = b": " + rest
        # "FILE: 3: improperly formatted", of both.
        found = re.match(rb"(.*?)(: \d+)$", name, re.S)
        if found:
            name, rest = found[1], found[2] + rest
    else:
        return text
    if program != b"prun" and len(name) > SHOWN_MAX:
        name = name[:SHOWN_MAX] + b"..."
    return name + rest


def run(argv, stdin):
    done = subprocess.run(argv, input=stdin, capture_output=True, timeout=100,
                          check=False)
    return (done.returncode, done.stdout,
            [message(line) for line in done.stderr.splitlines()])


def compare(*arguments, **options):
    STARTED.append(POOL.submit(compared, *arguments, **options))


def compared(name, tool, names, options, *, any_digest=False, stdin=b""):
    """The lines of a comparison's result."""
    algorithm, tag = SUMS[tool]
    argv = [PRUN, "check", "-j2", *options]
    if not any_digest:
        argv += ["-a", algorithm]
    got = run([*argv, "--", *names], stdin)
    want = run([tool, "-c", *options, "--", *names], stdin)
    if any_digest:
        want = (*want[:2], [line.replace(b"formatted " + tag + b" ",
                                         b"formatted ") for line in want[2]])
    title = f"{CASE}: {tool} {name} {' '.join(options)}"
    if got == want:
        return [f"ok {title}"]
    said = [f"FAIL {title}"]
    for what, a, b in zip(("status", "stdout", "stderr"), want, got):
        if a != b:
            said.append(f"    {what}: want {str(a)[:900]}")
            said.append(f"    {what}: got  {str(b)[:900]}")
    return said


# --------------------------------------------------------------------- the runs


def make_files():
    os.mkdir("files")
    os.chdir("files")
    for name, content in CONTENTS.items():
        with open(name, "wb") as file:
            file.write(content)
    os.mkdir("folder")
    os.symlink("loop", "loop")
    os.symlink("nowhere", "dangling")
    with open("shut", "wb") as file:
        os.fchmod(file.fileno(), 0)


def by_hand(tool, option_sets):
    for name, (content, wanted) in sum_files(tool).items():
        for options in wanted if option_sets is None else option_sets:
            compare(name, tool, [f"../{tool}.{name}"], options, stdin=b"x")
        compare(f"{name} on stdin", tool, [], ["-w"], stdin=content)


def several(tool):
    """SUMFILEs have their own counts; the form with one blank is of a run."""
    names = ["mixed", "two-blanks", "empty-file", "one-missing", "all-bad",
             "one-then-two", "two-then-one", "bad"]
    for first, second in itertools.permutations(names, 2):
        compare(f"{first} and {second}", tool,
                [f"../{tool}.{first}", f"../{tool}.{second}"], ["-w"])
    for options in ALL:
        compare("several", tool, [f"../{tool}.mixed", "../not-there", "folder",
                                  f"../{tool}.crlf", f"../{tool}.empty-file",
                                  "loop"], options)
    compare("stdin among others", tool, [f"../{tool}.mixed", "-",
                                         f"../{tool}.mixed", "-"], ["-w"],
            stdin=lines(b"bad", plain(tool, b"a")))
    compare("stdin lists itself", tool, ["-"], ["-w"],
            stdin=lines(plain(tool, b"-"), plain(tool, b"a")))


def any_digest():
    """Without -a, where no line could be one of another digest."""
    for tool in ("md5sum", "sha256sum", "b2sum"):
        for name in ("two-blanks", "bsd", "missing", "mixed", "wrong", "crlf",
                     "one-then-two", "empty-file"):
            if tool == "b2sum" and name != "bsd":
                continue  # 128 digits alone are sha512's
            for options in SOME:
                compare(f"{name} of any digest", tool, [f"../{tool}.{name}"],
                        options, any_digest=True)


def at_random():
    rng = random.Random(SEED)
    for i in range(RANDOM_FILES):
        tool = rng.choice(["md5sum", "sha256sum", "sha1sum"])
        name = f"../random.{i}"
        end = rng.choice([b"\n", b"\n", b"\r\n"])
        content = lines(*(random_line(rng, tool)
                          for _ in range(rng.randrange(30))), end=end)
        if rng.randrange(4) == 0:
            content = content[:-1]
        with open(name, "wb") as file:
            file.write(content)
        compare(f"random {i} of seed {SEED}", tool, [name], rng.choice(ALL))


def main():
    make_files()
    by_hand("md5sum", None)
    for tool in ("sha1sum", "sha256sum", "sha512sum"):
        by_hand(tool, [["-w"], ["--strict", "--quiet"]])
    # A digest's length is fixed for prun, and said by the line for b2sum.
    sum_files("b2sum")
    several("md5sum")
    any_digest()
    at_random()
    for future in STARTED:
        said = future.result()
        print(said[0], file=RESULTS)
        if len(said) > 1:
            print("\n".join(said))


main()
