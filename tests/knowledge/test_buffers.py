"""Open documents are cut with their lines and found by words, the best of them by meaning."""

from __future__ import annotations

from collections.abc import Sequence

from petra.knowledge import buffers
from petra.knowledge.buffers import Buffer

CODE = "import os\n\n\n" + "\n\n".join(
    f"def part_{n}(value):\n    total = value + {n}\n" + "    total += 1\n" * 12 + "    return total\n"
    for n in range(12)
)
LOCK = "def take_lock(queue):\n    queue.lock.acquire()\n    return queue\n"


def test_pieces_cover_the_text_with_their_lines() -> None:
    text = CODE + "\n\n" + LOCK
    lines = text.split("\n")
    for piece in buffers.cut(Buffer("a.py", text)):
        assert piece.lines
        first, last = piece.lines
        assert piece.text.strip("\n") == "\n".join(lines[first - 1 : last]).strip("\n")


def test_line_ends_do_not_matter() -> None:
    unix = buffers.cut(Buffer("a.py", CODE))
    assert buffers.cut(Buffer("a.py", CODE.replace("\n", "\r\n"))) == unix
    assert buffers.cut(Buffer("a.py", CODE.replace("\n", "\r"))) == unix


def test_names_are_found_by_their_words() -> None:
    found = buffers.by_words("who takes the lock?", [Buffer("a.py", CODE + "\n\n" + LOCK)], 1)
    assert "take_lock" in found[0][1].text
    assert found[0][2] == 1.0
    assert buffers.by_words("harbour", [Buffer("a.py", CODE)], 3) == []


async def test_the_nearest_in_meaning_comes_first() -> None:
    async def near(query: str, texts: Sequence[str]) -> list[float]:
        assert query == "total value"
        return [1.0 if "part_7" in text else 0.5 for text in texts]

    found = await buffers.search("total value", [Buffer("a.py", CODE)], 4, near)
    assert "part_7" in found[0].text or all("part_7" not in item.text for item in found)
    assert [item.dense for item in found] == sorted((item.dense for item in found), reverse=True)
    assert all(item.chunk_id == 0 and item.lines for item in found)


async def test_without_the_embedder_words_decide() -> None:
    async def away(query: str, texts: Sequence[str]) -> None:
        return None

    found = await buffers.search("lock", [Buffer("a.py", CODE + "\n\n" + LOCK)], 4, away)
    assert found[0].dense is None and "lock" in found[0].text
