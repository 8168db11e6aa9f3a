"""Why a file is left out, as a sentence, and what a person can do who wants it all the same. Pure."""

from __future__ import annotations

from petra.errors import UnreadableDocument
from petra.knowledge import ignore

_BY_ITSELF = ("may ", "could ")
_PAGE = "add it on the page (petra open)"
_REMEDIES = {
    ignore.SECRET: "Petra reads no file that may hold one: copy what is no secret into another",
    ignore.LARGE: "Split it into smaller files; no setting changes this limit",
    ignore.LEFT_BEHIND: "Give it another name",
    ignore.BY_GIT: "Write `!{name}` into a file .petraignore in its folder",
    ignore.BY_PETRA: "Take it out of that file, or write `!{name}` after it",
    "hidden": f"Copy it to a name that does not begin with a dot, or {_PAGE}",
    "generated": f"To have it all the same, {_PAGE}",
    "minified": f"To have it all the same, {_PAGE}",
    "empty": "Write something into it",
    "not text": "Export it as text, PDF or an Office document (docs/formats.md)",
    "could not be opened": "Check that you may read it",
}


def sentence(reason: str) -> str:
    """`It is hidden`, `It may hold secrets: an AWS key`."""
    return f"It {reason}" if reason.startswith(_BY_ITSELF) else f"It is {reason}"


def reason_in(sentence: str) -> str:
    """The reason of which `sentence` was made."""
    return sentence.removeprefix("It ").removeprefix("is ")


def remedy(reason: str, name: str) -> str:
    """How to have a file of this name that is left out for this reason."""
    found = next(
        (text for start, text in _REMEDIES.items() if reason.startswith(start)), "Choose another file"
    )
    return found.format(name=name)


def left_out(path: str, reason: str) -> UnreadableDocument:
    """For a file that was asked for by its own name."""
    name = path.rpartition("/")[2]
    return UnreadableDocument(f"{path} is left out", cause=sentence(reason), remedy=remedy(reason, name))
