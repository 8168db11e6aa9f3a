"""What every reader of a format hands back, and the reasons it may give for handing back nothing. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from petra.errors import UnreadableDocument
from petra.knowledge.blocks import Block


@dataclass(frozen=True)
class Document:
    """A document as blocks. `pages` counts its pages, slides, sheets, cells, chapters or parts, None for
    a file that only has lines. `notice` says what was left out, for the person."""

    blocks: list[Block]
    pages: int | None
    notice: str | None = None


class LeftOut(UnreadableDocument):
    """A file that is left out for what it holds; `cause` is the reason, as a sentence."""


def damaged(name: str, kind: str) -> UnreadableDocument:
    """For a file that ends early or is not what its format says. `kind` is a noun with its article."""
    return UnreadableDocument(
        f"{name} is damaged",
        cause=f"It ends early or is not {kind} that can be read, as after an interrupted download",
        remedy="Fetch or export it again",
    )


def locked(name: str) -> UnreadableDocument:
    """For a file that its author has encrypted."""
    return UnreadableDocument(
        f"{name} is encrypted: password needed",
        cause="Its author has locked it",
        remedy="Save a copy without a password and add that",
    )


def refused(name: str, cause: str) -> UnreadableDocument:
    """For a file that no honest program writes."""
    return UnreadableDocument(
        f"{name} was not read", cause=cause, remedy="Export it again from the program that made it"
    )


def without_text(name: str, cause: str) -> UnreadableDocument:
    """For a document of pictures only, or an empty one."""
    return UnreadableDocument(
        f"No text was found in {name}",
        cause=cause,
        remedy="If it holds pictures of text, export it as PDF, run text recognition (OCR) over that, and add"
        " the result",
    )


def counted(number: int, unit: str) -> str:
    """`1 slide`, `2 slides`."""
    return f"{number} {unit}" + ("" if number == 1 else "s")
