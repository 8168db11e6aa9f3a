"""Word documents to blocks: a part for each heading with what stands under it, and its tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from petra.knowledge.extract.archive import Archive
from petra.knowledge.extract.document import Document, without_text
from petra.knowledge.extract.markup import parse
from petra.knowledge.extract.office import Texts, relations
from petra.knowledge.extract.parts import Parts


def read(archive: Archive, main: str, *, text_limit: int) -> Document:
    """The text of a Word document whose first part is `main`. `text_limit` counts characters.

    Raises UnreadableDocument.
    """
    name = archive.name
    by_kind = {relation.kind: relation.part for relation in relations(archive, main).values()}
    styles = _Styles()
    if (part := by_kind.get("styles", "")) in archive:
        parse(archive.stream(part), styles, name)
    parts = Parts()
    body = _Body(parts, styles.levels(), styles.lists, text_limit)
    parse(archive.stream(main), body, name)
    room = body.room
    for kind, title in (("footnotes", "Footnotes"), ("endnotes", "Endnotes")):
        if (part := by_kind.get(kind, "")) in archive and room >= 0:
            notes = _Notes(room)
            parse(archive.stream(part), notes, name)
            room = notes.room
            if notes.found:
                parts.heading(0, title)
            for note in notes.found:
                parts.paragraph(note, listed=True)
    blocks = parts.finish()
    if not blocks:
        raise without_text(name, "It is empty, or holds pictures only")
    notice = None if room >= 0 else f"Only the first {text_limit:,} characters were read"
    return Document(blocks, max(block.page or 1 for block in blocks), notice)


class _Styles:
    """Which paragraph styles are headings, and how deep, also through the styles they are based on; and
    which are those of lists."""

    def __init__(self) -> None:
        self.lists: set[str] = set()
        self._own: dict[str, int] = {}
        self._based_on: dict[str, str] = {}
        self._style = ""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        value = attributes.get("val", "")
        if tag == "style":
            self._style = attributes.get("styleId", "")
        elif tag == "name" and (level := _named_level(value)) is not None:
            self._own[self._style] = level
        elif (tag == "name" and value.lower().startswith("list ")) or tag == "numPr":
            self.lists.add(self._style)
        elif tag == "basedOn":
            self._based_on[self._style] = value
        elif tag == "outlineLvl" and (level := _outline_level(value)) is not None:
            self._own.setdefault(self._style, level)

    def end(self, tag: str) -> None:
        pass

    def text(self, data: str) -> None:
        pass

    def levels(self) -> dict[str, int]:
        """Levels by style id: 0 for a title, 1 to 9 for headings."""
        found = {}
        for style in {*self._own, *self._based_on}:
            at, steps = style, 0
            while at not in self._own and at in self._based_on and steps < 16:
                at, steps = self._based_on[at], steps + 1
            if at in self._own:
                found[style] = self._own[at]
        return found


def _named_level(name: str) -> int | None:
    """Word calls its built-in styles by their English names in every language."""
    word, _, number = name.lower().partition(" ")
    if word == "title" and not number:
        return 0
    return int(number) if word == "heading" and len(number) == 1 and number in "123456789" else None


def _outline_level(value: str) -> int | None:
    return int(value) + 1 if len(value) == 1 and value in "012345678" else None


class _Body(Texts):
    IGNORED = Texts.IGNORED | {"moveFrom", "del", "separator", "continuationSeparator"}

    def __init__(self, parts: Parts, levels: Mapping[str, int], lists: Collection[str], room: int) -> None:
        super().__init__(room)
        self._parts = parts
        self._levels = levels
        self._lists = lists
        self._level: int | None = None
        self._listed = False

    def properties(self, tag: str, attributes: Mapping[str, str]) -> None:
        value = attributes.get("val", "")
        if tag == "p":
            self._level, self._listed = None, False
        elif tag == "pStyle":
            self._level = self._levels.get(value)
            self._listed = value in self._lists
        elif tag == "outlineLvl":
            self._level = _outline_level(value)
        elif tag == "numPr":
            self._listed = True

    def paragraph(self, text: str) -> None:
        if self._level is None:
            self._parts.paragraph(text, listed=self._listed)
        else:
            self._parts.heading(self._level, text)

    def table(self, rows: list[list[str]]) -> None:
        self._parts.table(rows)


class _Notes(Texts):
    """Footnotes, which Word keeps in a part of their own."""

    def __init__(self, room: int) -> None:
        super().__init__(room)
        self.found: list[str] = []

    def paragraph(self, text: str) -> None:
        if text.strip():
            self.found.append(text)
