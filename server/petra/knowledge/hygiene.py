"""Clean text: what PDF writers and encodings leave behind that no reader ever sees.

Pure functions. `clean` keeps the number of lines, so that line numbers stay exact.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

_LIGATURES = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st", "\u00a0": " "}
)
# Controls but tab and newline; surrogates; zero-width, bidirectional and byte-order marks (they can
# make text read otherwise than it is); non-characters. U+00AD and U+FFFE are PDFium's line-end hyphens
# and go only after `unwrap` has used them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\uffff]"
)
_HYPHENS = re.compile("[\u00ad\ufffe\x02]")
_NEWLINE = re.compile(r"\r\n|\n|\r")
_BULLET = re.compile(r"\s*(?:[-*•◦▪–‣]|\(?\d{1,3}[.)])\s")
_BROKEN = re.compile(r"[a-zà-ÿ]-$")
_NUMBER = r"(?:page\s+|p\.\s*)?\d{1,4}(?:\s*(?:/|of|von|de)\s*\d{1,4})?"
_PAGE_NUMBER = re.compile(rf"^{_NUMBER}(?=\W|$)|(?:^|(?<=\W)){_NUMBER}$", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?:;…。！？][\"'”’)\]]*$")


def lines_of(text: str) -> list[str]:
    """Lines as editors and LSP count them (`str.splitlines` also breaks at form feeds and others)."""
    return _NEWLINE.split(text)


def clean(text: str) -> str:
    """Text without characters that cannot be seen, with ligatures spelt out and `\\n` as line ends."""
    text = _NEWLINE.sub("\n", text).translate(_LIGATURES)
    return _HYPHENS.sub("", _UNSEEN.sub("", text))


def unwrap(page: str) -> str:
    """One page of a PDF with its lines joined to paragraphs and its line-end hyphens gone.

    A line is joined to the one before when that one is nearly as long as the page's long lines, so
    that titles, lists and slides keep their lines.
    """
    lines = [line.strip() for line in lines_of(page)]
    lengths = sorted(len(line) for line in lines if line)
    long = lengths[int(len(lengths) * 0.9)] if lengths else 0
    parts: list[str] = []
    before = ""
    for line in lines:
        if not before or not line:
            parts.append("\n" + line)
        elif _HYPHENS.search(before[-1]) or (_BROKEN.search(before) and line[0].islower()):
            parts[-1] = parts[-1][:-1]
            parts.append(line)
        elif _continues(before, line, long):
            parts.append(" " + line)
        else:
            parts.append("\n" + line)
        before = line
    return clean("".join(parts)).strip("\n")


def _continues(before: str, line: str, long: int) -> bool:
    """Whether `line` goes on with the paragraph of the line before it."""
    if _BULLET.match(line):
        return False
    return len(before) >= long * (0.85 if _SENTENCE_END.search(before) else 0.6)


def without_running_lines(pages: Sequence[str]) -> list[str]:
    """Pages without the lines that stand at the top or bottom of most of them, page numbers included."""
    split = [lines_of(page) for page in pages]
    edges = [_edge_lines(lines) for lines in split]
    counts = Counter(key for keys in edges for key in set(keys.values()))
    enough = max(3, len(pages) / 2)
    return [
        "\n".join(line for at, line in enumerate(lines) if counts.get(keys.get(at, ""), 0) < enough)
        for lines, keys in zip(split, edges, strict=True)
    ]


def _edge_lines(lines: Sequence[str]) -> dict[int, str]:
    """The first two and last two lines with text, by their place, each with what makes it the same as
    on another page: the line without a page number."""
    full = [at for at, line in enumerate(lines) if line.strip()]
    keys = {}
    for at in dict.fromkeys(full[:2] + full[-2:]):
        line = lines[at].strip()
        bare = _PAGE_NUMBER.sub("", line).strip(" |-–—·•")
        # "Problem 7" is a title, "Operating Systems 7" a running one.
        keys[at] = f"#{bare}" if bare != line and (not bare or " " in bare) else line
    return keys
