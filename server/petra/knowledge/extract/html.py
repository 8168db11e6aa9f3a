"""Web pages to blocks: headings with the text under them, without what only surrounds it.

By the standard library's parser, which takes whatever a browser takes and builds no tree.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

from petra.knowledge.blocks import Block
from petra.knowledge.extract.parts import Parts
from petra.knowledge.extract.tables import MOST_COLUMNS, cells_text
from petra.knowledge.hygiene import clean

_HIDDEN = frozenset(
    {"annotation", "audio", "button", "canvas", "datalist", "footer", "iframe", "nav", "noscript", "object"}
    | {"script", "select", "style", "svg", "template", "textarea", "video"}
)
_BREAKS = frozenset(
    {
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "caption",
        "center",
        "dd",
        "details",
        "dialog",
        "div",
    }
    | {"dl", "dt", "fieldset", "figcaption", "figure", "form", "header", "hr", "html", "legend", "li", "main"}
    | {"menu", "ol", "p", "pre", "section", "summary", "title", "ul"}
)
_LEVELS = {f"h{level}": level for level in range(1, 7)}
_DEEPEST_TABLE = 16
_MOST_UNFINISHED = 20
_TEMPLATE = re.compile(r"\{%|\{\{|<\?php|<%")
_FEWEST_WORDS = 40


def read(content: str) -> list[Block]:
    """A page as parts; a template, or a page that a program fills in, as the source code that it is."""
    blocks = sections(content)
    words = sum(len(block.text.split()) for block in blocks)
    if _TEMPLATE.search(content) or (words < _FEWEST_WORDS and words * 20 < len(content)):
        return [Block(text=clean(content), kind="source", line=1)]
    return blocks


def sections(content: str, page: int | None = None) -> list[Block]:
    """The text of a page under its headings; all of it on `page`, if that is given."""
    reader = _Reader(Parts(page))
    reader.feed(content)
    reader.close()
    return reader.finish()


class _Reader(HTMLParser):
    def __init__(self, parts: Parts) -> None:
        super().__init__(convert_charrefs=True)
        self._parts = parts
        self._hidden: list[str] = []
        self._words: list[str] = []
        self._as: str = ""
        """What the words become: "", "li", "pre", "title" or a heading."""
        self._tables: list[list[list[str]]] = []
        self._unfinished = 0

    # Each tag that never ends is looked for up to the end of the page, by Pythons before 2025 from every
    # place: with a few of them, what is left is no page.
    def parse_starttag(self, i: int) -> int:
        """Where the tag that begins at `i` ends, or -1."""
        return self._tried(super().parse_starttag(i))

    def parse_endtag(self, i: int) -> int:
        """The same for an end tag."""
        return self._tried(super().parse_endtag(i))

    def parse_comment(self, i: int, report: bool = True) -> int:
        """The same for a comment."""
        return self._tried(super().parse_comment(i, report))

    def parse_html_declaration(self, i: int) -> int:
        """The same for a declaration."""
        return self._tried(super().parse_html_declaration(i))

    def parse_pi(self, i: int) -> int:
        """The same for a processing instruction."""
        return self._tried(super().parse_pi(i))

    def _tried(self, end: int) -> int:
        self._unfinished += end < 0
        return len(self.rawdata) if self._unfinished > _MOST_UNFINISHED else end

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if self._hidden:
            if tag == self._hidden[-1]:
                self._hidden.append(tag)
        elif tag in _HIDDEN:
            self._hidden.append(tag)
        elif tag == "br":
            self._words.append("\n")
        elif tag == "table":
            self._flush()
            if len(self._tables) < _DEEPEST_TABLE:
                self._tables.append([])
        elif tag == "tr" and self._tables:
            self._flush()
            self._tables[-1].append([])
        elif tag in ("td", "th") and self._tables:
            self._flush()
            if not self._tables[-1]:
                self._tables[-1].append([])
            if len(self._tables[-1][-1]) < MOST_COLUMNS:
                self._tables[-1][-1].append("")
        elif tag in _BREAKS or tag in _LEVELS:
            self._flush()
            self._as = tag

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        """`<br/>`; in HTML, unlike in XHTML, `<div/>` only begins, but whoever writes it means XHTML."""
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._hidden:
            if tag == self._hidden[-1]:
                self._hidden.pop()
        elif tag == "table" and self._tables:
            self._flush()
            rows = self._tables.pop()
            if self._tables and self._tables[-1] and self._tables[-1][-1]:
                self._tables[-1][-1][-1] += f" {cells_text(rows)}"
            elif any(map(any, rows)):
                self._parts.table(rows)
        elif tag in _BREAKS or tag in _LEVELS or tag in ("td", "th", "tr"):
            self._flush()
            self._as = ""

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._words.append(data if self._as == "pre" else data.replace("\n", " "))

    def finish(self) -> list[Block]:
        """All blocks, when the page has ended; tables that it left open too."""
        while self._tables:
            self.handle_endtag("table")
        self._flush()
        return self._parts.finish()

    def _flush(self) -> None:
        text = "".join(self._words)
        self._words = []
        if self._as != "pre":
            text = "\n".join(filter(None, (" ".join(line.split()) for line in text.split("\n"))))
        if not text.strip():
            return
        if self._tables and self._tables[-1] and self._tables[-1][-1]:
            self._tables[-1][-1][-1] += f" {text}"
        elif self._as == "title":
            self._parts.name(text)
        elif level := _LEVELS.get(self._as):
            self._parts.heading(level, text)
        else:
            self._parts.paragraph(text, listed=self._as == "li")
        self._as = "" if self._as == "title" else self._as
