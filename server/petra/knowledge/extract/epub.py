"""Books to blocks, chapter by chapter in reading order."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

from petra.errors import UnreadableDocument
from petra.knowledge.blocks import Block
from petra.knowledge.extract import html
from petra.knowledge.extract.archive import Archive, beside
from petra.knowledge.extract.document import Document, counted, damaged, without_text
from petra.knowledge.extract.markup import parse
from petra.knowledge.extract.sniff import decode

CONTAINER = "META-INF/container.xml"
_RIGHTS = "META-INF/encryption.xml"
_FONTS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
"""Ways to hide a font from copying, which no reader of text minds."""


def read(archive: Archive, *, chapter_limit: int, text_limit: int) -> Document:
    """The chapters of a book. `text_limit` counts characters of its pages as they are written.

    Raises UnreadableDocument.
    """
    name = archive.name
    container, package, rights = _Package(), _Package(), _Package()
    parse(archive.stream(CONTAINER), container, name)
    if not container.root or container.root not in archive:
        raise damaged(name, "a book")
    parse(archive.stream(container.root), package, name)
    if _RIGHTS in archive:
        parse(archive.stream(_RIGHTS), rights, name)
    if rights.methods - set(_FONTS):
        raise UnreadableDocument(
            f"{name} is encrypted",
            cause="It is protected against copying (DRM)",
            remedy="Choose an open copy",
        )
    chapters = [beside(container.root, unquote(href)) for href in package.chapters]
    blocks: list[Block] = []
    room, count = text_limit, 0
    for number, part in enumerate(chapters[:chapter_limit], 1):
        text = decode(archive.read(part, room + 1)) or ""
        blocks += html.sections(text[:room], number)
        room, count = room - len(text), number
        if room < 0:
            break
    if not blocks:
        raise without_text(name, f"It has {counted(len(chapters), 'chapter')} of pictures only")
    left_out = f"Only the first {count:,} of {counted(len(chapters), 'chapter')} were read"
    return Document(blocks, len(chapters), left_out if count < len(chapters) or room < 0 else None)


class _Package:
    """What the small files of a book say: where the package is, its parts, their order, their locks."""

    def __init__(self) -> None:
        self.root = ""
        self.methods: set[str] = set()
        self._files: dict[str, str] = {}
        self._order: list[str] = []

    @property
    def chapters(self) -> list[str]:
        """References to the chapters in reading order; what is not part of the reading is left out."""
        return [self._files[id] for id in self._order if id in self._files]

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "rootfile":
            self.root = self.root or attributes.get("full-path", "")
        elif tag == "item" and "html" in attributes.get("media-type", ""):
            if "nav" not in attributes.get("properties", "").split():
                self._files[attributes.get("id", "")] = attributes.get("href", "")
        elif tag == "itemref" and attributes.get("linear") != "no":
            self._order.append(attributes.get("idref", ""))
        elif tag == "EncryptionMethod":
            self.methods.add(attributes.get("Algorithm", ""))

    def end(self, tag: str) -> None:
        pass

    def text(self, data: str) -> None:
        pass
