"""What a file is, from its content; its name decides only between kinds of text."""

from __future__ import annotations

import codecs
import unicodedata
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from petra.errors import UnreadableDocument

Form = Literal["pdf", "text"]
TextType = Literal["text/markdown", "text/plain", "text/x-source"]

READABLE = "Petra reads PDF, Markdown, plain text and source code"

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
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
)
_OFFICE = ((b"word/", "a Word document"), (b"ppt/", "a PowerPoint document"), (b"xl/", "an Excel document"))
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
MARKDOWN = frozenset({".md", ".markdown", ".mdown", ".mkd"})
PROSE = frozenset({"", ".txt", ".text", ".rst", ".adoc", ".org", ".tex", ".log"})


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
    """Whether this is a PDF or something that may be text. A PDF may have junk before its header."""
    return "pdf" if b"%PDF-" in head[:1024] else "text"


def text_type(name: str) -> TextType:
    """The kind of text that a file of this name holds, if it holds text."""
    suffix = PurePath(name).suffix.lower()
    if suffix in MARKDOWN:
        return "text/markdown"
    return "text/plain" if suffix in PROSE else "text/x-source"


def media_type(head: bytes, name: str) -> str:
    """What a file seems to be, going by its first 1024 bytes and its name."""
    return "application/pdf" if form(head) == "pdf" else text_type(name)


def read_text(content: bytes, name: str) -> Text:
    """Decode a file. Raises NotText when it is not text, or empty."""
    text = _decode(content) if content.strip(b"\0") else ""
    if text is not None and not text.strip(" \t\r\n\f\ufeff"):
        raise EmptyText(
            f"{name} is empty", cause="There is no text in it", remedy="Choose a file with content"
        )
    if text is None or any(content.startswith(magic) for magic, _ in _MAGIC if not magic.isascii()):
        raise NotText(f"{name} is not text", cause=f"It is {_what(content)}", remedy=READABLE)
    return Text(text, text_type(name))


def _what(content: bytes) -> str:
    """Names a binary file for the person who chose it."""
    if content.startswith(b"PK\x03\x04"):
        for mark, kind in _OFFICE:
            if mark in content[:8192]:
                return f"{kind}: export it as PDF"
        return "a ZIP archive: unpack it first"
    return next((kind for magic, kind in _MAGIC if content.startswith(magic)), "binary data")


def _decode(content: bytes) -> str | None:
    """Text from bytes, or None when they are none.

    Byte order marks first, then strict UTF-8, then UTF-16 by where its zero bytes stand, then UTF-8
    with a few bad bytes, then Windows-1252 (which holds all that Latin-1 shows).
    """
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return _if_text(content.decode(encoding, errors="replace"))
    if 0 not in content:
        try:
            return _if_text(content.decode("utf-8"))
        except UnicodeDecodeError:
            loose = content.decode("utf-8", errors="replace")
            bad = loose.count("\ufffd")
            if bad * 10 < sum(char > "\x7f" for char in loose):
                return _if_text(loose)
            return _if_text(content.decode("cp1252", errors="replace"))
    sample = content[:4096]
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    for zeros, others, encoding in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if zeros > len(sample) / 8 and others * 20 < zeros:
            return _if_text(content.decode(encoding, errors="replace"))
    return None


def _if_text(text: str) -> str | None:
    """The text, unless too many of its characters are ones that nobody types."""
    sample = text[:20_000]
    odd = sum(char == "\ufffd" or (char not in "\t\n\r\f\x1b" and _is_control(char)) for char in sample)
    return text if odd * 50 <= len(sample) else None


def _is_control(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cn", "Co")
