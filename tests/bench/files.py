# SPDX-License-Identifier: MIT
"""The files that are read, and lists of them."""

import os
import shutil
import subprocess
import tempfile


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
        return self._write_list(name, [os.fsencode(path) for path in paths])

    def one_among(self, name, count, size, large):
        """That list with one of `large` bytes in its middle; the large one."""
        path = self.path(f"{name}.large")
        if f"{name}+" not in self.lists:
            with open(path, "wb") as file:
                file.truncate(large)
            with open(path, "rb") as file:
                while file.read(1 << 20):
                    pass
            with open(self.list_of(name, count, size), "rb") as file:
                paths = file.read().split(b"\0")[:-1]
            paths.insert(count // 2, os.fsencode(path))
            self.lists[f"{name}+"] = self._write_list(f"{name}+", paths)
        return self.lists[f"{name}+"], path

    def tree(self, top):
        """The list of the regular files below a directory, as find has them;
        without names that are written differently by each of the peers."""
        if top not in self.lists:
            argv = ["find", top, "-type", "f", "-readable",
                    "!", "-path", r"*\\*", "!", "-path", "*\n*", "-print0"]
            found = subprocess.run(argv, stdin=subprocess.DEVNULL,
                                   capture_output=True, check=False).stdout
            self.lists[top] = self._write_list("tree", found.split(b"\0")[:-1])
        return self.lists[top]

    def _write_list(self, name, paths):
        with open(self.path(f"{name}.list"), "wb") as file:
            file.writelines(path + b"\0" for path in paths)
        return file.name

    def remove(self):
        if self.directory:
            shutil.rmtree(self.directory)
