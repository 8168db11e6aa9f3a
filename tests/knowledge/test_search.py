"""A question to passages, through the index and the rows, on the real embedder."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from petra.errors import Busy, ModelUnavailable, PetraError
from petra.inference.client import ModelEndpoint
from petra.knowledge.ranking import Factors
from petra.knowledge.search import Searcher
from tests.knowledge.conftest import Room

STORE = '''"""Where tokens live."""

LIMIT = 3


class TokenStore:
    """Keeps tokens."""

    def refresh(self, token):
        return token
'''
USES = "\n\n".join(f"def use_{n}(TokenStore):\n    return TokenStore() or TokenStore" for n in range(4))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for path, text in {
        "src/keeping.py": STORE,
        "src/uses.py": USES,
        "tests/test_keeping.py": f"from keeping import TokenStore\n\n\n{USES}\n",
        "docs/guide.md": "# Tokens\n\nA TokenStore keeps tokens. Refresh them daily.\n",
        "docs/copy.md": "# Tokens\n\nA TokenStore keeps tokens. Refresh them daily.\n",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


async def test_the_definition_of_a_symbol_comes_first_and_says_why(room: Room, folder: Path) -> None:
    collection, _ = await room.indexed(folder)
    found = await room.searcher.search("TokenStore", [collection.id], 5)
    assert (found[0].path, found[0].score) == ("src/keeping.py", 1.0)
    assert "class TokenStore" in found[0].text
    assert found[0].why["definition"] > 0
    assert [item.score for item in found] == sorted((item.score for item in found), reverse=True)
    room.searcher.factors = replace(Factors(), definition=False)
    assert all(
        "definition" not in item.why for item in await room.searcher.search("TokenStore", [collection.id], 5)
    )


async def test_a_definition_elsewhere_does_not_leave_the_path_or_the_collection(
    room: Room, folder: Path
) -> None:
    collection, _ = await room.indexed(folder)
    other, _ = await room.indexed(folder / "docs", "docs alone")
    for found in (
        await room.searcher.search("TokenStore", [collection.id], 5, path="docs"),
        await room.searcher.search("TokenStore", [other.id], 5),
    ):
        assert {item.path.removeprefix("docs/") for item in found} == {"guide.md"} or {
            item.path.removeprefix("docs/") for item in found
        } == {"copy.md"}, "once, and from here only"


async def test_a_line_that_is_named_comes_first(room: Room, folder: Path) -> None:
    collection, _ = await room.indexed(folder)
    trace = f'  File "{folder}/src/keeping.py", line 9, in refresh\nKeyError: token'
    (first, *_) = await room.searcher.search(trace, [collection.id], 3)
    assert first.path == "src/keeping.py"
    assert first.lines is not None
    assert first.lines[0] <= 9 <= first.lines[1]


class Waiting:
    """An embedder whose answer comes when it is let go."""

    def __init__(self, endpoint: ModelEndpoint) -> None:
        self.endpoint = endpoint
        self.asked = 0
        self.go = asyncio.Event()

    async def use(self) -> ModelEndpoint:
        self.asked += 1
        await self.go.wait()
        return self.endpoint


async def test_a_slow_embedder_is_not_waited_for_and_serves_the_next_search(room: Room, folder: Path) -> None:
    collection, _ = await room.indexed(folder)
    waiting = Waiting(room.endpoint)
    searcher = Searcher(room.db, room.indexes, waiting.use, patience=0.01)
    found = await searcher.search("refresh tokens", [collection.id], 3)
    assert found
    assert {item.dense for item in found} == {None}
    await searcher.search("refresh tokens", [collection.id], 3)
    assert waiting.asked == 1, "the same question waits once"
    waiting.go.set()
    while (await searcher.search("refresh tokens", [collection.id], 3))[0].dense is None:
        await asyncio.sleep(0.01)
    assert waiting.asked == 1
    await searcher.close()


async def test_an_embedder_that_fails_is_asked_again(room: Room, folder: Path) -> None:
    collection, _ = await room.indexed(folder)
    fails = True

    async def use() -> ModelEndpoint:
        if fails:
            raise ModelUnavailable("away", cause="It is starting")
        return room.endpoint

    searcher = Searcher(room.db, room.indexes, use, patience=60)
    assert (await searcher.search("refresh tokens", [collection.id], 1))[0].dense is None
    fails = False
    assert (await searcher.search("refresh tokens", [collection.id], 1))[0].dense is not None


async def test_a_search_is_remembered_until_something_changes(
    room: Room, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection, _ = await room.indexed(folder)
    asked = 0
    real = room.indexes.search

    async def counted(*arguments: object) -> object:
        nonlocal asked
        asked += 1
        return await real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(room.indexes, "search", counted)
    embedded = room.endpoint.embedded
    first = await room.searcher.search("refresh tokens", [collection.id], 3)
    assert await room.searcher.search("refresh tokens", [collection.id], 3) == first
    assert (asked, room.endpoint.embedded) == (1, embedded + 1)
    await room.searcher.search("refresh tokens", [collection.id], 2)
    await room.searcher.search("refresh tokens", [collection.id], 3, path="src")
    assert (asked, room.endpoint.embedded) == (3, embedded + 1)
    (folder / "src" / "news.md").write_text("# Refresh tokens\n\nRefresh tokens hourly.\n")
    await room.indexed(folder)
    assert "src/news.md" in {
        item.path for item in await room.searcher.search("refresh tokens", [collection.id], 3)
    }


async def test_what_has_no_vector_yet_is_compared_all_the_same(room: Room, folder: Path) -> None:
    collection, _ = await room.indexed(folder)
    query = "How are tokens refreshed?"
    known = await room.searcher.search(query, [collection.id], 5)
    new = [replace(item, dense=None) for item in known]
    compared = await room.searcher.compared(query, [new[0], *known[1:]])
    assert [item.dense for item in compared] == pytest.approx([item.dense for item in known], abs=0.01)
    assert [item.path for item in compared] == [item.path for item in known]
    foreign = await room.searcher.compared("Which wine goes with grilled octopus?", new)
    assert max(item.relevance for item in foreign) < 0.3, "it no longer counts as relevant"
    waiting = Waiting(room.endpoint)
    slow = Searcher(room.db, room.indexes, waiting.use, patience=0.01)
    assert await slow.compared(query, new) == new, "an embedder that is away changes nothing"
    await slow.close()


@pytest.mark.parametrize("error", [Busy("Every place is taken"), ModelUnavailable("It is away")])
async def test_an_embedder_that_takes_no_more_fails_no_search(
    room: Room, folder: Path, error: PetraError
) -> None:
    collection, _ = await room.indexed(folder)

    takes = True

    async def use() -> ModelEndpoint:
        if takes:
            return room.endpoint
        raise error

    searcher = Searcher(room.db, room.indexes, use)
    assert await searcher.near("refresh tokens", ["a text"])
    takes = False
    assert await searcher.near("refresh tokens", ["a text"]) is None, "the query is known, the text is not"
    found = await searcher.search("tokens, anew", [collection.id], 3)
    assert found and found[0].dense is None
    assert await searcher.compared("tokens, anew", found) == found
    await searcher.close()
