"""Rows 42, 43 and 45 for documents that are archives: members whose names lead out, links, members that
overlap. Nothing is unpacked to a disk, and what no office program writes is refused with its reason."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from petra.errors import UnreadableDocument
from petra.knowledge.extract.archive import MOST_MEMBERS, Archive
from tests import office

PARTS = office.docx_parts(office.paragraph("Words."))


def opened(path: Path) -> Archive:
    return Archive(io.BytesIO(path.read_bytes()), path.name)


@pytest.mark.parametrize(
    "name", ["../out.xml", "word/../../out.xml", "/etc/passwd", "C:\\out.xml", "word\\..\\out.xml", "c:out"]
)
def test_a_name_that_leads_elsewhere(tmp_path: Path, name: str) -> None:
    path = office.archive(tmp_path / "a.docx", PARTS | {name: "x"})
    with pytest.raises(UnreadableDocument, match="has a name that leads elsewhere"):
        opened(path)


def test_a_link_is_only_bytes(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("word/media/link.xml")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = office.archive(tmp_path / "a.docx", PARTS)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(link, "/etc/passwd")
    assert opened(path).read("word/media/link.xml") == b"/etc/passwd"


def test_two_members_of_one_name(tmp_path: Path) -> None:
    path = office.archive(tmp_path / "a.docx", PARTS)
    with zipfile.ZipFile(path, "a") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("word/document.xml", "x")
    with pytest.raises(UnreadableDocument, match="have the same name"):
        opened(path)


def test_members_without_number(tmp_path: Path) -> None:
    path = office.archive(tmp_path / "a.docx", {f"{at}": "" for at in range(MOST_MEMBERS + 1)})
    with pytest.raises(UnreadableDocument, match="has 20,001 parts, more than 20,000"):
        opened(path)


def changed(path: Path, change: Callable[[bytearray, list[int]], None]) -> Path:
    """The archive with its directory changed; `change` is given the offsets of the directory's entries."""
    content = bytearray(path.read_bytes())
    entries, at = [], content.find(b"PK\x01\x02")
    while at >= 0:
        entries.append(at)
        at = content.find(b"PK\x01\x02", at + 4)
    change(content, entries)
    path.write_bytes(content)
    return path


def test_members_that_overlap(tmp_path: Path) -> None:
    """A quine of a member that many entries of the directory point to unpacks to petabytes."""

    def same_place(content: bytearray, entries: list[int]) -> None:
        content[entries[2] + 42 : entries[2] + 46] = content[entries[1] + 42 : entries[1] + 46]

    with pytest.raises(UnreadableDocument, match="Its parts overlap"):
        opened(changed(office.archive(tmp_path / "a.docx", PARTS), same_place))


def test_a_member_that_is_locked(tmp_path: Path) -> None:
    def lock(content: bytearray, entries: list[int]) -> None:
        content[entries[2] + 8] |= 1

    with pytest.raises(UnreadableDocument, match="password needed"):
        opened(changed(office.archive(tmp_path / "a.docx", PARTS), lock))


def test_a_member_packed_in_an_unusual_way(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDocument, match="packed in a way"):
        opened(office.archive(tmp_path / "a.docx", PARTS, zipfile.ZIP_LZMA))


def test_a_size_that_lies(tmp_path: Path) -> None:
    def small(content: bytearray, entries: list[int]) -> None:
        content[entries[2] + 24 : entries[2] + 28] = struct.pack("<I", 10)

    archive = opened(changed(office.archive(tmp_path / "a.docx", PARTS), small))
    with pytest.raises(UnreadableDocument, match="is damaged"):
        archive.read("word/document.xml")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_an_archive_that_ends_early(tmp_path: Path, share: float) -> None:
    path = office.archive(tmp_path / "a.docx", PARTS)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(UnreadableDocument, match="is damaged"):
        opened(path)
