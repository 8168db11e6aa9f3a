"""What is suggested of what a model writes, case by case: `cases/*.txt`.

The first line names the language, how much is to be suggested, and `prose` where comments and strings are
wanted too; then the file with ▮ for the cursor, what the model writes, and what is shown of it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from petra.assistant.completion.cursor import Cursor
from petra.assistant.completion.extent import extent
from petra.assistant.completion.finish import enough, finish
from petra.assistant.completion.prompt import MARKS
from petra.knowledge.place import guessed
from petra.knowledge.syntax import place

CASES = sorted(Path(__file__).with_name("cases").glob("*.txt"))
WRITES, SHOWN = "--- the model writes\n", "--- shown\n"


def parts(path: Path) -> tuple[Cursor, str, bool, str, str]:
    """Cursor, extent, prose, what is written, what is shown."""
    head, _, rest = path.read_text().partition("\n")
    language, wanted, *prose = head.split()
    text, _, rest = rest.partition(WRITES)
    written, _, shown = rest.partition(SHOWN)
    before, _, after = text.partition("▮")
    cursor = Cursor("a", "a", language, before, after.removesuffix("\n"))
    return cursor, wanted, bool(prose), written.removesuffix("\n"), shown.removesuffix("\n")


def check(path: Path) -> None:
    cursor, wanted, prose, written, shown = parts(path)
    where = guessed(cursor.before, MARKS[cursor.language])
    if cursor.language != "dart":
        text = cursor.before + cursor.after
        found = place.at(text, len(cursor.before), cursor.language, seconds=5)
        assert found is not None
        where = found
    how_much = extent(cursor, where, prose=prose)
    assert (how_much or "nothing") == wanted
    if how_much is None:
        return
    assert finish(written, cursor, how_much) == shown
    # Whoever stops reading as soon as it is enough shows the same.
    for end in range(len(written)):
        if enough(written[:end], cursor, how_much):
            assert finish(written[:end], cursor, how_much) == shown, written[:end]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_case(path: Path) -> None:
    check(path)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_without_a_grammar_the_guess_is_the_same(path: Path) -> None:
    cursor, wanted, prose, _, _ = parts(path)
    where = guessed(cursor.before, MARKS[cursor.language])
    assert (extent(cursor, where, prose=prose) or "nothing") == wanted
