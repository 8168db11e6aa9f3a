"""Which collection a path belongs to, and why a file that is asked for by name is left out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from petra.errors import BadRequest, NotFound
from petra.knowledge import ignore, reasons
from petra.knowledge.homes import Place, followed_above, place_of
from petra.storage.collections import Collection


def following(root: Path) -> Collection:
    return Collection(root.name, "me", root.name, str(root), 0, 0.0)


def write(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("text")


def test_the_nearest_followed_folder_has_what_its_rules_let_in(tmp_path: Path) -> None:
    top, inner = tmp_path / "top", tmp_path / "top" / "inner"
    write(
        top, "a.md", "inner/b.md", "week/c.md", "build/d.md", ".hidden/e.md", "week/f.log", "env/pyvenv.cfg"
    )
    write(top, "env/g.md", "link-to/h.md")
    (top / ".gitignore").write_text("build/\n*.log\n")
    (top / "link").symlink_to(top / "link-to")
    mine = [following(top), following(inner)]

    def home(path: Path) -> tuple[str, str | None] | None:
        found = followed_above(place_of(path), mine)
        return (found[0].name, found[1].only) if found else None

    assert home(top) == ("top", None)
    assert home(top / "a.md") == ("top", "a.md")
    assert home(top / "week") == ("top", None)
    assert home(top / "week" / "c.md") == ("top", "week/c.md")
    assert home(inner) == ("inner", None)
    assert home(inner / "b.md") == ("inner", "b.md")
    assert home(top / "link" / "h.md") == ("top", "link-to/h.md")
    for own in ("build", "build/d.md", ".hidden", ".hidden/e.md", "week/f.log", "env", "env/g.md"):
        assert home(top / own) is None, own
    assert home(tmp_path) is None
    # What lies in the folder itself is refused there, and not tried elsewhere.
    (top / "x.log").write_text("noise")
    assert home(top / "x.log") == ("top", "x.log")


def test_a_place_is_a_folder_or_a_file_in_one(tmp_path: Path) -> None:
    write(tmp_path, "week/a.md")
    real = tmp_path.resolve()
    assert place_of(tmp_path / "week") == Place(real / "week", None)
    assert place_of(tmp_path / "week" / "a.md") == Place(real / "week", "a.md")
    with pytest.raises(NotFound):
        place_of(tmp_path / "none")
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(BadRequest, match="cannot be indexed"):
            place_of(path)


@pytest.mark.parametrize(
    ("reason", "sentence", "how"),
    [
        ("hidden", "It is hidden", "dot"),
        (ignore.file("a.csv", 1 << 30), "It is too large (over 4 MiB)", "Split"),
        (f"{ignore.SECRET}: an AWS key", "It may hold secrets: an AWS key", "no secret"),
        ("could not be opened", "It could not be opened", "may read"),
        (ignore.BY_GIT, "It is ignored by git", "`!a.md` into a file .petraignore"),
        (ignore.BY_PETRA, "It is in .petraignore", "`!a.md`"),
        ("a link", "It is a link", "another file"),
    ],
)
def test_a_reason_is_a_sentence_with_a_remedy(reason: str, sentence: str, how: str) -> None:
    error = reasons.left_out("week/a.md", reason)
    assert (error.what, error.cause) == ("week/a.md is left out", sentence)
    assert how in error.remedy
    assert reasons.reason_in(error.cause) == reason
