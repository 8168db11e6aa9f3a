"""What kind of place a cursor is at: from the syntax tree, guessed, and asked of a child."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from petra.knowledge.extract.extractor import Extractor
from petra.knowledge.extract.places import Places
from petra.knowledge.place import Place, guessed
from petra.knowledge.syntax import place

CODE, OPENS = Place("code"), Place("code", opens=True)
ANNOUNCED, COMMENT, STRING = Place("code", announced=True), Place("comment"), Place("string")

TREES = [
    ("python", "def f(x):\n    ▮\n", OPENS),
    ("python", "def f(x):▮\n", OPENS),
    ("python", "class A:\n    async def f(self) -> int:\n        ▮", OPENS),
    ("python", "x = {▮}\n", CODE),
    ("python", "x: ▮\n", CODE),
    ("python", "d[1:▮]\n", CODE),
    ("python", "f(lambda:▮)\n", CODE),
    ("python", "# sorts\n▮\n", ANNOUNCED),
    ("python", "# sorts▮\nx = 1\n", COMMENT),
    ("python", "x = 'ab▮\n", STRING),
    ("python", "x = 'ab'▮\n", CODE),
    ("python", "x = f'a{b▮}'\n", CODE),
    ("python", 'def f():\n    """Sorts ▮"""\n', STRING),
    ("javascript", "function f() {\n  ▮\n}\n", OPENS),
    ("javascript", "f(() => {▮})\n", OPENS),
    ("javascript", "const x = {\n  ▮\n}", CODE),
    ("javascript", "`a ${b▮}`", CODE),
    ("javascript", "`a ▮`", STRING),
    ("c", "int main(void) {\n\t▮\n}\n", OPENS),
    ("c", "int a[] = {▮};\n", CODE),
    ("c", "int a; /* not yet ▮ */\n", COMMENT),
    ("rust", "fn f() -> i32 {\n    ▮\n}\n", OPENS),
    ("rust", "/// sorts\n▮", ANNOUNCED),
    ("go", "var x = T{▮}\n", CODE),
    ("lua", "function f(x)\n  ▮\nend\n", OPENS),
    ("ruby", "def f(x)\n  ▮\nend\n", OPENS),
]
GUESSES = [
    ("#", "if x:▮", OPENS),
    ("#", "if x:\n    ▮", OPENS),
    ("#", "f(a,\n    ▮", CODE),
    ("#", "x = 'a # b▮", STRING),
    ("#", "x = 'it\\'s'▮", CODE),
    ("#", "  # sorts ▮", COMMENT),
    ("//", "// sorts\n▮", ANNOUNCED),
    ("//", "return {▮", CODE),
    ("", "# Heading▮", CODE),
]


@pytest.mark.parametrize(("language", "text", "wanted"), TREES)
def test_the_tree_knows(language: str, text: str, wanted: Place) -> None:
    assert place.at(text.replace("▮", ""), text.index("▮"), language, seconds=5) == wanted


@pytest.mark.parametrize(("mark", "text", "wanted"), GUESSES)
def test_lines_let_it_be_guessed(mark: str, text: str, wanted: Place) -> None:
    assert guessed(text.replace("▮", ""), mark) == wanted


@pytest.fixture
async def places() -> AsyncIterator[Places]:
    opened = Places(Extractor(tokenizer=None, chunk_size=256, chunk_overlap=32).arguments)
    yield opened
    await opened.close()


async def test_a_child_knows_the_grammars(places: Places) -> None:
    assert await places.at("a.py", "def f():\n    ", "\n", 30) == OPENS
    assert await places.at("a.unknown", "def f():\n    ", "\n", 30) is None
    assert await places.at("Untitled-1", "f() {\n", "\n}\n", 30, language="shellscript") == OPENS


async def test_nobody_waits_for_a_child_that_is_slow(places: Places) -> None:
    assert await places.at("a.py", "def f():\n    ", "\n", 0) is None
    assert await places.at("a.py", "def f():\n    ", "\n", 30) is None, "it still starts"


async def test_a_child_that_died_is_started_again(places: Places) -> None:
    assert await places.at("a.py", "x = (", ")\n", 30) == CODE
    assert places._child
    places._child.end()
    assert await places.at("a.py", "def f():\n    ", "\n", 30) == OPENS


async def test_the_middle_of_a_large_file_is_enough(places: Places) -> None:
    above = "def g():\n    return 1\n\n\n" * 4000
    assert await places.at("a.py", f"{above}def f():\n    ", "\n", 30) == OPENS
