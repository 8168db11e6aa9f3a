"""What a question is about: marked text, or the document that is open. It is quoted before any passage."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from petra.errors import BadRequest, NotAllowed, TooLarge
from petra.knowledge import ignore, secrets
from petra.knowledge.walk import walk
from petra.messages import AskRequest, Span

LINES_BEFORE = 10
"""Lines in front of the place of interest that are kept of a document which has to be cut."""


@dataclass(frozen=True)
class Subject:
    """A text to quote. `lines` are its first and last in the file `path`, where they are known. `whole`
    says that it is a document, of which some may be left out, but not what is around line `focus`."""

    text: str
    path: str | None
    lines: Span | None
    whole: bool = False
    focus: int = 1

    def quoted(self) -> str:
        """As the model sees it."""
        where = f", lines {self.lines[0]} to {self.lines[1]}" if self.lines else ""
        if self.whole:
            return f"The file {self.path or 'that is open'}{where}:\n{self.text.strip(chr(10))}"
        origin = f" from {self.path}{where}" if self.path else ""
        return f"Selected text{origin}:\n{self.text.strip()}"

    def within(self, characters: int) -> Subject:
        """As much of a document as fits, in whole lines: from a little before the place of interest on,
        and what comes before that where there is room."""
        if not self.whole or len(self.text) <= characters:
            return self
        lines = self.text.splitlines()
        first = end = min(max(self.focus - 1 - LINES_BEFORE, 0), len(lines) - 1)
        room = characters
        while end < len(lines) and (room := room - len(lines[end]) - 1) >= 0:
            end += 1
        while first > 0 and (room := room - len(lines[first - 1]) - 1) >= 0:
            first -= 1
        end = max(end, first + 1)
        kept = "\n".join(lines[first:end])[:characters]
        return replace(self, text=kept, lines=(first + 1, end))


def subject_of(request: AskRequest) -> Subject | None:
    """What a request shows: the selection, else the document. Raises NotAllowed for what may hold
    secrets: it goes to no model."""
    text, whole = (request.selection, False) if request.selection else (request.document, True)
    if not text or not text.strip():
        return None
    refuse_secrets(request.file_path, text)
    if whole:
        return Subject(text, request.file_path, None, whole=True, focus=(request.lines or (1, 1))[0])
    return Subject(text, request.file_path, request.lines)


def refuse_secrets(path: str | None, text: str) -> None:
    """Raise NotAllowed for a text that may hold keys or passwords: it is neither kept nor sent anywhere."""
    if reason := _reason(path, text):
        name = PurePath(path).name if path else "this text"
        raise NotAllowed(
            f"Petra takes no part of {name}",
            cause=f"It {reason}",
            remedy="Leave keys and passwords out, or give the file another name if it has none",
        )


def may_be_quoted(path: str, text: str) -> bool:
    """Whether an open document may be searched and quoted without anybody asking for it: the rules of the
    index, going by its name and its text. Takes milliseconds a megabyte."""
    name = PurePath(path).name
    return ignore.file(name, len(text)) is None and ignore.why_text(text, name) is None


def left_out(root: str, path: str) -> str | None:
    """Why the index leaves out the file at `path` below a folder of this machine, going by the folders it
    is in and the rules that lie in them; None for one that it takes, or that is not saved yet. Blocking."""
    found = walk(Path(root), path)
    return found.left_out[0][1] if found.left_out else None


def check(request: AskRequest, limit: int) -> None:
    """Raise TooLarge for a selection that is no question any more, BadRequest for senseless lines."""
    if len(request.selection or "") > limit:
        raise TooLarge(
            f"The selection is longer than {limit} characters",
            remedy="Select less, or add long material as a file and ask about it",
        )
    if request.lines and not 1 <= request.lines[0] <= request.lines[1]:
        raise BadRequest("lines are not first and last, from 1", remedy="Leave them out, or give [1, 9]")


def _reason(path: str | None, text: str) -> str | None:
    """Why this may not go to a model, or None."""
    if path and secrets.named(PurePath(path).name):
        return "holds keys or passwords, going by its name"
    found = secrets.secret_in(text)
    return f"may hold {found}" if found else None
