"""What a file is, from its content; its name decides only between kinds of text."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal

from petra.errors import UnreadableDocument
from petra.knowledge.extract.document import locked

if TYPE_CHECKING:  # the children do without the wire
    from petra.messages import PlaceUnit

Form = Literal["pdf", "zip", "text"]
TextType = Literal[
    "text/markdown",
    "text/plain",
    "text/x-source",
    "text/html",
    "text/csv",
    "text/x-tex",
    "application/x-ipynb+json",
]

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
EPUB = "application/epub+zip"
NOTEBOOK = "application/x-ipynb+json"

READABLE = (
    "Petra reads PDF, Word, PowerPoint, Excel, EPUB, web pages, notebooks, tables, LaTeX, Markdown, plain"
    " text and source code"
)

UNITS: Mapping[str, PlaceUnit] = {
    PPTX: "slide",
    XLSX: "sheet",
    NOTEBOOK: "cell",
    EPUB: "chapter",
    DOCX: "part",
    "text/html": "part",
}
"""What the pages of a document are called, by media type, where they are not pages. A part of a Word
document or a web page is what stands under one heading."""

# First bytes of files that people do have, so that the reason can name them.
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"RIFF", "a picture, sound or video"),
    (b"OggS", "sound or video"),
    (b"ID3", "sound"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a Windows program"),
    (b"\xca\xfe\xba\xbe", "a compiled program"),
    (b"SQLite format 3", "a SQLite database"),
    (b"\xd0\xcf\x11\xe0", "an old Office document: save it as .docx, .pptx or .xlsx"),
    (b"{\\rtf", "a rich text document: save it as .docx"),
)
ZIP = b"PK\x03\x04"
_ZIPPED = {
    **dict.fromkeys((".docx", ".docm", ".dotx", ".dotm"), DOCX),
    **dict.fromkeys((".pptx", ".pptm", ".ppsx", ".ppsm", ".potx", ".potm"), PPTX),
    **dict.fromkeys((".xlsx", ".xlsm", ".xltx", ".xltm", ".xlsb"), XLSX),
    ".epub": EPUB,
}
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
MARKDOWN = frozenset({".md", ".markdown", ".mdown", ".mkd"})
PROSE = frozenset({"", ".txt", ".text", ".rst", ".adoc", ".org", ".log"})
_TEXT_TYPES: Mapping[str, TextType] = {
    **dict.fromkeys(MARKDOWN, "text/markdown"),
    **dict.fromkeys(PROSE, "text/plain"),
    **dict.fromkeys((".html", ".htm", ".xhtml"), "text/html"),
    **dict.fromkeys((".csv", ".tsv"), "text/csv"),
    **dict.fromkeys((".tex", ".ltx", ".latex"), "text/x-tex"),
    ".ipynb": "application/x-ipynb+json",
}


_OLD_OFFICE = b"\xd0\xcf\x11\xe0"
_NAMED = re.compile(
    rb"""(?:charset=["']?|encoding=["']|coding[:=][ \t]*|\\usepackage\[)"""
    rb"((?:iso|latin|windows|cp|koi8|gb|big5|euc|shift|sjis|mac|ks_c|tis)[-\w]{1,20})",
    re.IGNORECASE,
)
_SAMPLE = 20_000
_FEWEST = 6
"""Bytes beyond ASCII that say something about the others."""


class NotText(UnreadableDocument):
    """A file that is empty or binary: in a folder it is passed over, as an upload it fails."""


class EmptyText(NotText):
    """A file without any text in it."""


@dataclass(frozen=True)
class Text:
    """Decoded text and the media type that its name gives it."""

    content: str
    media_type: TextType


def form(head: bytes) -> Form:
    """Whether this is a PDF, an archive, or something that may be text. A PDF may have junk before its
    header."""
    if head.startswith(ZIP):
        return "zip"
    return "pdf" if b"%PDF-" in head[:1024] else "text"


def text_type(name: str) -> TextType:
    """The kind of text that a file of this name holds, if it holds text."""
    return _TEXT_TYPES.get(PurePath(name).suffix.lower(), "text/x-source")


def media_type(head: bytes, name: str) -> str:
    """What a file seems to be, going by its first 1024 bytes and its name."""
    found = form(head)
    if found == "zip":
        return _ZIPPED.get(PurePath(name).suffix.lower(), "application/zip")
    return PDF if found == "pdf" else text_type(name)


def unit(media_type: str) -> PlaceUnit | None:
    """What the pages of such a document are called; None where they are pages, or it has none."""
    return UNITS.get(media_type)


def read_text(content: bytes, name: str) -> Text:
    """Decode a file. Raises NotText when it is not text, or empty, UnreadableDocument when it is locked."""
    if content.startswith(_OLD_OFFICE) and "EncryptedPackage".encode("utf-16-le") in content:
        raise locked(name)
    text = decode(content) if content.strip(b"\0") else ""
    if text is not None and not text.strip(" \t\r\n\f\ufeff"):
        raise EmptyText(
            f"{name} is empty", cause="There is no text in it", remedy="Choose a file with content"
        )
    if text is None or any(content.startswith(magic) for magic, _ in _MAGIC if not magic.isascii()):
        raise NotText(f"{name} is not text", cause=f"It is {_what(content)}", remedy=READABLE)
    return Text(text, text_type(name))


def _what(content: bytes) -> str:
    """Names a binary file for the person who chose it."""
    return next((kind for magic, kind in _MAGIC if content.startswith(magic)), "binary data")


def decode(content: bytes) -> str | None:
    """Text from bytes, or None when they are none.

    Byte order marks first, then strict UTF-8, then UTF-16 by where its zero bytes stand, then the
    encoding that the text itself names, then UTF-8 with a few bad bytes, then what its letters look like
    in scripts other than Latin, then Windows-1252 (which holds all that Latin-1 shows).
    """
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return _if_text(content.decode(encoding, errors="replace"))
    if 0 not in content:
        try:
            return _if_text(content.decode("utf-8"))
        except UnicodeDecodeError:
            return _if_text(old) if (old := _decode_old(content)) is not None else None
    sample = content[:4096]
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    for zeros, others, encoding in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if zeros > len(sample) / 8 and others * 20 < zeros:
            return _if_text(content.decode(encoding, errors="replace"))
    return None


def _decode_old(content: bytes) -> str | None:
    """Text that is not strict UTF-8, from before everything was; None for bytes most of which are no ASCII,
    in none of the scripts that look like that."""
    for named in _NAMED.findall(content[:2048]):
        try:
            return content.decode(named.decode())
        except (LookupError, ValueError, OSError):
            continue
    loose = content.decode("utf-8", errors="replace")
    if loose.count("\ufffd") * 10 < sum(char > "\x7f" for char in loose):
        return loose
    if guess := _guess(content):
        return content.decode(guess, errors="replace")
    sample = content[:_SAMPLE]
    beyond = sum(byte > 127 for byte in sample)
    binary = beyond >= _FEWEST and beyond * 2 > len(sample)
    return None if binary else content.decode("cp1252", errors="replace")


def _guess(content: bytes) -> str | None:
    """The encoding of text in a script other than Latin, by what its letters look like; among those of
    Latin ones short texts tell too little."""
    sample = content[:_SAMPLE]
    if sum(byte > 127 for byte in sample) < _FEWEST:
        return None
    try:
        from charset_normalizer import from_bytes

        found = from_bytes(sample[: sample.rfind(b"\n") + 1] or sample).best()
        encoding = found.encoding if found else "ascii"
        letters = [char for char in content[:_SAMPLE].decode(encoding, errors="ignore") if char > "\x7f"]
    except (ImportError, LookupError, OSError):  # a child that may open no file any more
        return None
    letters = [char for char in letters if char.isalpha()]
    others = sum("\u0370" <= char <= "\u0eff" or "\u3040" <= char <= "\ud7a3" for char in letters)
    return encoding if others * 2 > len(letters) else None


def _if_text(text: str) -> str | None:
    """The text, unless too many of its characters are ones that nobody types."""
    sample = text[:20_000]
    odd = sum(char == "\ufffd" or (char not in "\t\n\r\f\x1b" and _is_control(char)) for char in sample)
    return text if odd * 50 <= len(sample) else None


def _is_control(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cn", "Co")
