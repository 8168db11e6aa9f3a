"""A corpus as files, as a person would have them: one for each document. Blocking: for threads."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from petra.research.beir import Document

_LETTERS = "bcdfghjklmnpqrstvwxz"
_LENGTH = 6


def write(documents: Iterable[Document], folder: Path, suffix: str) -> dict[str, str]:
    """Make `folder` hold these documents and nothing else; returns the document's id by file name.

    A file that is as it should be stays untouched, so that nothing is read or embedded again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ids: dict[str, str] = {}
    for number, document in enumerate(documents):
        name = file_name(number) + suffix
        ids[name] = document.id
        _put(folder / name, text(document, suffix).encode())
    for path in folder.iterdir():
        if path.name not in ids:
            path.unlink()
    return ids


def file_name(number: int) -> str:
    """A name that says nothing: the words of a path can be searched, and an id of the collection may be a
    number that stands in a question."""
    found = ""
    for _ in range(_LENGTH):
        number, digit = divmod(number, len(_LETTERS))
        found = _LETTERS[digit] + found
    return found


def text(document: Document, suffix: str) -> str:
    """A document with its title where such files have it: in Markdown as the heading."""
    if not document.title:
        return document.text
    mark = "# " if suffix == ".md" else ""
    return f"{mark}{' '.join(document.title.split())}\n\n{document.text}\n"


def _put(path: Path, content: bytes) -> None:
    if path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content:
        return
    # Written whole or not at all: half a file of a run that was cut off would be taken for the document.
    new = path.with_name(f"{path.name}.new")
    new.write_bytes(content)
    new.replace(path)
