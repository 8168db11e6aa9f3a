"""What indexing a folder would take and leave out, without doing it. Blocking: for threads and the shell."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from petra.knowledge import ignore
from petra.knowledge.extract import sniff
from petra.knowledge.walk import Found, walk

HEAD = 1024


@dataclass(frozen=True)
class Preview:
    """`taken` are the files that would become documents; PDF, office files and archives among them have not
    been opened. `left_out` has (path, reason); a folder's path ends with `/`."""

    taken: list[Found]
    left_out: list[tuple[str, str]]


def preview(path: Path) -> Preview:
    """Look at a folder, or at one file, as indexing it would. Raises OSError when it cannot be read."""
    root, only = (path, None) if path.is_dir() else (path.parent, path.name)
    found = walk(root, only)
    taken: list[Found] = []
    left_out = [*found.left_out, *((f"{folder}/", "could not be opened") for folder in found.unread)]
    for file in found.files:
        if reason := _why(root / file.path, PurePosixPath(file.path).name):
            left_out.append((file.path, reason))
        else:
            taken.append(file)
    return Preview(taken, sorted(left_out))


def _why(path: Path, name: str) -> str | None:
    """Why a file is left out for what it holds, or None."""
    try:
        with path.open("rb") as opened:
            head = opened.read(HEAD)
            if sniff.form(head) != "text":
                return None
            text = sniff.read_text(head + opened.read(), name)
    except OSError:
        return "could not be opened"
    except sniff.EmptyText:
        return "empty"
    except sniff.NotText:
        return "not text"
    return ignore.why_text(text.content, name)
