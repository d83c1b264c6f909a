# SPDX-License-Identifier: MIT
"""A page of prun log --html: page_check.py PAGE [TABLE]

That it is whole, needs nothing else and runs nothing; then its figures on a
line, or the texts of the items in TABLE, as JSON.
"""

import html.parser
import json
import re
import sys

VOID = {"meta", "link"}
KNOWN = VOID | set("""html head title style body main h1 h2 pre p dl div dt dd
    data svg path rect span table caption thead tbody tr th td bdi""".split())
ATTRIBUTES = set("""lang charset name content http-equiv rel href class id value
    viewbox preserveaspectratio role aria-label d x y width height style scope
    stroke-width stroke-opacity""".split())


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.ids, self.figures = [], set(), {}
        self.table, self.cells, self.rows = None, {}, 0
        self.bars, self.titles, self.style = 0, 0, ""
        self.doctype = None

    def handle_decl(self, decl):
        self.doctype = decl

    def handle_starttag(self, tag, attrs):
        assert tag in KNOWN, tag
        values = dict(attrs)
        assert len(values) == len(attrs) and set(values) <= ATTRIBUTES, attrs
        for name, value in attrs:
            assert "//" not in value and "url(" not in value, (name, value)
        if tag == "link":
            assert values == {"rel": "icon", "href": "data:,"}, values
        if "id" in values:
            assert values["id"] not in self.ids, values
            self.ids.add(values["id"])
        if tag == "data":
            self.figures[values["id"]] = values["value"]
        if tag == "table":
            self.table = values["id"]
            self.cells[self.table] = []
        if tag == "td" and values.get("class") == "item":
            self.cells[self.table].append("")
        if tag == "svg":
            assert values["role"] == "img" and values["aria-label"], values
            self.rows += values["aria-label"].startswith("worker ")
        if tag == "rect":
            self.bars += 1
        if tag not in VOID:
            self.open.append((tag, values.get("class")))

    def handle_endtag(self, tag):
        assert self.open and self.open.pop()[0] == tag, tag

    def handle_data(self, data):
        if self.open and self.open[-1][0] == "style":
            self.style += data
        if ("td", "item") in self.open:
            self.cells[self.table][-1] += data


def main():
    with open(sys.argv[1], encoding="utf-8", newline="") as file:
        text = file.read()
    page = Page()
    page.feed(text)
    page.close()
    assert page.doctype == "DOCTYPE html" and not page.open, page.open
    assert "default-src 'none'" in text
    assert not re.search(r"url\(|@import|//", page.style), "its style"
    assert "prefers-color-scheme: dark" in page.style
    assert not [c for c in text if ord(c) < 32 and c not in "\n\t"], "controls"
    if len(sys.argv) > 2:
        print(json.dumps(page.cells.get(sys.argv[2])))
        return
    figures = page.figures
    print(*["%s: %s" % (name, figures[name]) for name in
            ("items", "done", "failed", "runs", "retried", "workers")],
          "rows: %d" % page.rows, "bars: %s" % (page.bars > 0),
          "time: %s of all items %s" % (figures["time"], figures["worked"]))


main()
