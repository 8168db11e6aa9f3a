"""Folders to index, made of the standard library of the Python that runs: real code that everybody has."""

from __future__ import annotations

import sysconfig
import textwrap
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

LINES_A_FILE = 20


def repository(target: Path, lines: int = 50_000) -> int:
    """A repository of about so many lines; returns how many. The same Python makes the same one."""
    written = 0
    for path, text in _sources():
        place = target / "lib" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
        written += text.count("\n")
        if written >= lines:
            break
    return written


def many_files(target: Path, count: int) -> None:
    """`count` small files in folders of a hundred."""
    for number, text in enumerate(islice(_windows(), count)):
        folder = target / f"part_{number // 100:03}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"piece_{number:05}.py").write_text(text, encoding="utf-8")


def _windows() -> Iterator[str]:
    seen = set()
    for _, text in _sources():
        lines = text.splitlines(keepends=True)
        for start in range(0, len(lines), LINES_A_FILE):
            window = "".join(lines[start : start + LINES_A_FILE])
            if window.strip() and window not in seen:
                seen.add(window)
                yield window


def _sources() -> Iterator[tuple[Path, str]]:
    root = Path(sysconfig.get_path("stdlib"))
    for path in sorted(root.rglob("*.py")):
        relative = path.relative_to(root)
        if {"site-packages", "__pycache__", "lib2to3"} & set(relative.parts):
            continue
        try:
            yield relative, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def prose(start: int, count: int, columns: int) -> list[str]:
    """`count` lines of running text from the `start`th on, of the docstrings of the same files."""
    return list(islice(_set_lines(columns), start, start + count))


def _set_lines(columns: int) -> Iterator[str]:
    while True:  # the library is long enough for most; after its end it begins anew
        for _, text in _sources():
            for part in text.split('"""')[1::2]:
                yield from textwrap.wrap(" ".join(part.split()), columns)
