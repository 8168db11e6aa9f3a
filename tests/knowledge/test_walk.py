"""Walking a folder whose parts may not all be looked into."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from petra.knowledge.walk import walk


@contextmanager
def not_root() -> Iterator[None]:
    """Root may look into everything."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_folder_that_may_not_be_looked_into_does_not_end_the_walk(tmp_path: Path) -> None:
    for parent in tmp_path.parents[:3]:
        if parent.owner() == tmp_path.owner():
            parent.chmod(0o755)
    tmp_path.chmod(0o755)
    (tmp_path / "a.md").write_text("read me")
    for name, mode in (("closed", 0o000), ("listed", 0o444)):
        (tmp_path / name / "inner").mkdir(parents=True)
        (tmp_path / name / "b.md").write_text("not me")
        (tmp_path / name).chmod(mode)
    try:
        with not_root():
            found = walk(tmp_path)
    finally:
        for name in ("closed", "listed"):
            (tmp_path / name).chmod(0o755)
    assert [file.path for file in found.files] == ["a.md"]
    assert set(found.unread) == {"closed", "listed", "listed/inner"}
