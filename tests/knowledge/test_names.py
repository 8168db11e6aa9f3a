from __future__ import annotations

import unicodedata
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from petra.knowledge.names import LONGEST, shown
from tests.knowledge.conftest import Room


def test_what_cannot_be_seen_is_not_in_a_name() -> None:
    assert shown("invoice\u202efdp.exe") == "invoicefdp.exe"
    assert shown("two\r\nlines\u2028.md\x07") == "twolines.md"
    assert shown('déjà "vu" 漢字 😀.md') == 'déjà "vu" 漢字 😀.md'
    assert shown("\u200b\n") == "unnamed"


@given(st.text())
def test_a_name_is_never_empty_and_always_one_line(name: str) -> None:
    assert 0 < len(shown(name)) <= LONGEST
    assert not {unicodedata.category(char) for char in shown(name)} & {"Cc", "Cf", "Zl", "Zp"}


async def test_a_file_of_a_folder_keeps_its_path_and_gets_a_readable_title(
    room: Room, tmp_path: Path
) -> None:
    root = tmp_path / "names"
    root.mkdir()
    (root / "list\u202edm.txt").write_text("The exam is on Friday.")
    collection, _ = await room.indexed(root)
    (best,) = await room.searcher.search("exam", [collection.id], 3)
    assert (best.document, best.path) == ("listdm.txt", "list\u202edm.txt")
